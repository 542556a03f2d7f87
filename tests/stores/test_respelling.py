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


@pytest.mark.parametrize("names", [("choice1", "choice2"), ("sol1", "sol2"), ("option1", "option2")])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_count_as_the_file_counts_whatever_its_columns_are_called(
    names: tuple[str, str], first: int
) -> None:
    question = {"question": "Sky?", names[0]: "red", names[1]: "blue"}
    rows = [{**question, "answer": first}, {**question, "answer": first + 1}]
    reading = reading_of(*rows)
    assert [reading.sample(row).response for row in rows] == ["red", "blue"]
    assert respell(rows[0], reading, "blue") == rows[1]
    assert respell(rows[1], reading, "red") == rows[0]


# Rows as data sets publish them, the new response, and what changes.
PUBLISHED: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"question": "Is it?", "passage": "It is.", "answer": True}, "no", {"answer": False}),
    (
        {"question": "Q?", "options": {"A": "w", "B": "x y"}, "answer": "x y", "answer_idx": "B"},
        "w",
        {"answer": "w", "answer_idx": "A"},
    ),
    (
        {"question": "Q?", "support": "It is.", "correct_answer": "red", "distractor1": "blue"},
        "blue",
        {"correct_answer": "blue", "distractor1": "red"},
    ),
    (
        {"question": "Q?", "answer": {"value": "red", "aliases": ["rouge"]}},
        "blue",
        {"answer": {"value": "blue", "aliases": []}},
    ),
    ({"question": "Q?", "answer": ["red", "rot"]}, "blue", {"answer": ["blue"]}),
    ({"conversations": ["Sky?", "red"]}, "blue", {"conversations": ["Sky?", "blue"]}),
    (
        {"conversation": [{"input": "Sky?", "output": "red"}]},
        "blue",
        {"conversation": [{"input": "Sky?", "output": "blue"}]},
    ),
    (
        {"conversations": [{"from": "human", "value": "Sky?"}], "chosen": {"from": "gpt", "value": "red"}},
        "blue",
        {"chosen": {"from": "gpt", "value": "blue"}},
    ),
    (
        {"translation": {"de": "Hallo", "en": "Hi"}},
        "Hello",
        {"translation": {"de": "Hallo", "en": "Hello"}},
    ),
    (
        {"question": "Q?", "mc1_targets": {"choices": ["red", "blue"], "labels": [1, 0]}},
        "blue",
        {"mc1_targets": {"choices": ["red", "blue"], "labels": [0, 1]}},
    ),
    (
        {"task_id": "t/1", "prompt": "def f():\n", "canonical_solution": "    x\n"},
        "    y\n",
        {"canonical_solution": "    y\n"},
    ),
    ({"question": "Q?", "options": ["A)red", "B)blue"], "correct": "A"}, "B)blue", {"correct": "B"}),
]


@pytest.mark.parametrize(("row", "response", "changes"), PUBLISHED)
def test_published_rows_are_respelled(row: dict[str, Any], response: str, changes: dict[str, Any]) -> None:
    assert respell(row, reading_of(row), response) == row | changes
