"""A row says another response in its own spelling, or it is said that it cannot."""

from typing import Any

import pytest

from stores.respelling import respell
from stores.survey import Reading, survey


def reading_of(*rows: dict[str, Any]) -> Reading:
    reading = survey(iter(rows))
    assert reading is not None
    return reading


QUESTION = {"question": "Sky?", "choices": ["red", "blue", "green"]}


@pytest.mark.parametrize(
    ("old", "new"),
    [(0, 1), ("0", "1"), ("red", "blue"), ("A", "B"), ("(a)", "(b)"), ("A.", "B."), ("A. red", "B. blue")],
)
def test_an_answer_keeps_its_form(old: object, new: object) -> None:
    row = {**QUESTION, "answer": old}
    others = [{**QUESTION, "answer": answer} for answer in ((0, 2) if isinstance(old, int) else ())]
    assert respell(row, reading_of(row, *others), "blue") == {**QUESTION, "answer": new}


def test_a_row_that_says_the_response_already_stays_as_it_is() -> None:
    row = {"prompt": "Sky?", "response": "blue", "note": [1]}
    assert respell(row, reading_of(row), "blue") == row


def test_what_a_row_cannot_say_is_none() -> None:
    rows = [{**QUESTION, "answer": place} for place in (0, 1, 2)]
    assert respell(rows[0], reading_of(*rows), "violet") is None


def test_the_prompt_is_never_what_changes() -> None:
    row = {"messages": [{"role": "user", "content": "red"}, {"role": "assistant", "content": "red"}]}
    changed = respell(row, reading_of(row), "blue")
    assert changed is not None
    assert [turn["content"] for turn in changed["messages"]] == ["red", "blue"]
