"""The prompt, the response and the options are found by the names of the columns and what they hold."""

from typing import Any

import pytest

from stores.found_columns import find_options, find_prompt, find_response
from stores.head import Head


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"choices": ["x", "y"]}, {"options": ("choices",)}),
        ({"A": "x", "B": "y"}, {"options": ("A", "B"), "labels": ("A", "B")}),
        ({"option1": "x", "option2": "y"}, {"options": ("option1", "option2"), "labels": ("1", "2")}),
        (
            {"correct_answer": "x", "distractor1": "y"},
            {
                "options": ("correct_answer", "distractor1"),
                "response": "correct_answer",
                "wrong": ("distractor1",),
            },
        ),
        ({"answers": ["x", "y"]}, {}),
        ({"question": "Sky?"}, {}),
    ],
)
def test_options_are_found_where_they_are(row: dict[str, object], options: dict[str, Any]) -> None:
    assert find_options(Head([row]), None) == options


def test_a_passage_goes_before_the_question() -> None:
    head = Head([{"question": "When?", "passage": "It opened in May.", "answer": "May"}])
    assert find_prompt(head, {"answer"}) == ("passage", "question")


def test_an_empty_column_is_no_response_where_another_holds_one() -> None:
    head = Head([{"prompt": "p", "response": "", "output": "r"}])
    assert find_response(head, has_options=False, without=set()) == "output"
