"""A row gives its right responses as text, a bool, a list or an object; the first is the response."""

import pytest

from stores.fields import RowError
from stores.layouts import find_layout
from stores.options import Keys
from stores.responses import Responses, read_golds, read_responses, response_value, take_chosen, with_others


def read(value: object, *, noisy: bool = False) -> Responses:
    layout = find_layout([{"question": "q", "answer": value}])
    return read_responses(value, "answer", layout, None, Keys(), noisy=noisy)


@pytest.mark.parametrize(
    ("value", "responses"),
    [
        (" blue\n", Responses(" blue\n")),
        (True, Responses("yes")),
        (False, Responses("no")),
        (7, Responses("7")),
        (["blue", "azure"], Responses("blue", ("azure",))),
        ({"text": ["blue", "azure"], "answer_start": [0, 5]}, Responses("blue", ("azure",))),
        ({"value": "blue", "aliases": ["blue", "azure"]}, Responses("blue", ("azure",))),
    ],
)
def test_responses_are_read_in_every_form(value: object, responses: Responses) -> None:
    assert read(value) == responses


def test_an_empty_response_is_noise_or_an_error() -> None:
    assert read("", noisy=True) == Responses("")
    with pytest.raises(RowError, match="is empty"):
        read("")


def test_a_response_of_a_conversation_stays_as_it_is() -> None:
    assert take_chosen("Yo ", "messages", None, Keys(), noisy=False) == Responses("Yo ")


def test_others_are_added_once() -> None:
    assert with_others(Responses("a", ("b",)), ["a", "b", "c", " "], "aliases") == Responses("a", ("b", "c"))


def test_the_gold_column_gives_right_responses_or_none() -> None:
    row = {"question": "q", "answer": "a", "gold": ["b", "c"]}
    layout = find_layout([row])
    assert read_golds(row, layout, None, Keys()) == Responses("b", ("c",))
    assert read_golds({**row, "gold": None}, layout, None, Keys()) is None
    assert response_value(row, layout) == "a"
