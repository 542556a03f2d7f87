"""The response under suspicion is the commonest of several annotators', whatever the order."""

import pytest

from stores.annotations import annotated_response, annotations_in_columns, commonest, row_annotations
from stores.columns import Layout
from stores.fields import RowError
from stores.options import Keys, Options
from stores.sample import Annotation

LAYOUT = Layout("data.columns", prompt=("prompt",), response="ann", annotators=("ann", "bob", "cy"))


def said(*given: tuple[str, str]) -> tuple[Annotation, ...]:
    return tuple(Annotation(annotator=name, response=response) for name, response in given)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ([("a", "yes"), ("b", "no"), ("c", "no")], "no"),
        ([("b", "no"), ("a", "yes")], "yes"),
        ([("c", " No"), ("b", "no "), ("a", "yes")], "no "),
        ([("x", "only")], "only"),
    ],
)
def test_the_commonest_is_taken_and_of_equals_that_of_the_first_name(
    given: list[tuple[str, str]], taken: str
) -> None:
    assert commonest(said(*given)) == taken
    assert commonest(said(*given[::-1])) == taken


def test_each_column_is_an_annotator_and_an_empty_cell_is_none() -> None:
    row = {"prompt": "?", "ann": "B", "bob": "", "cy": "red"}
    options = Options(("red", "blue"))
    found = annotations_in_columns(row, LAYOUT, options, Keys(), noisy=True)
    assert found == said(("ann", "blue"), ("cy", "red"))
    assert annotated_response(row, LAYOUT, options, Keys(), noisy=True).first == "blue"


def test_a_row_without_any_response_is_noise_or_cannot_be_used() -> None:
    row = {"prompt": "?", "ann": None, "bob": "", "cy": " "}
    assert annotated_response(row, LAYOUT, None, Keys(), noisy=True).first == ""
    with pytest.raises(RowError, match="no annotator gives a response"):
        annotated_response(row, LAYOUT, None, Keys(), noisy=False)


def test_a_row_names_its_annotator() -> None:
    layout = Layout("data.columns", prompt=("prompt",), response="response", annotator="who")
    read = row_annotations({"who": 7}, layout, None, Keys(), "yes", noisy=True)
    assert read == said(("7", "yes"))
    assert row_annotations({"who": "ann"}, layout, None, Keys(), " ", noisy=True) == ()
    with pytest.raises(RowError, match="names no annotator"):
        row_annotations({"who": ""}, layout, None, Keys(), "yes", noisy=True)
