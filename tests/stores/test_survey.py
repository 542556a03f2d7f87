"""What no single row can tell is told from the whole file."""

from typing import Any

import pytest

from stores.columns import ColumnsConfig
from stores.fields import RowError
from stores.survey import Reading, survey


def asked(answer: object, options: object = ("w", "x", "y", "z"), **more: object) -> dict[str, Any]:
    return {
        "question": f"{answer}?",
        "options": list(options) if isinstance(options, tuple) else options,
        "answer": answer,
    } | more


def read(rows: list[dict[str, Any]], config: ColumnsConfig | None = None) -> Reading:
    reading = survey(iter(rows), config)
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    ("answers", "base"),
    [
        ([0, 1], 0),
        ([1, 2], 0),
        ([1, 4], 1),
        ([0, 4], 0),
        (["1", "4"], 1),
        (["B", "2"], 1),
        (["0", "3"], 0),
        ([1.0, 4.0], 1),
        ([3], 0),
        (["(1)", "(4)"], 1),
    ],
)
def test_the_smallest_and_largest_number_tell_what_is_counted_from(answers: list[object], base: int) -> None:
    assert read([asked(answer) for answer in answers]).keys.base == base


def test_numbers_that_are_all_options_are_the_options() -> None:
    rows = [asked(answer, ("1", "2", "3")) for answer in (1, 2, 3)]
    reading = read(rows)
    assert [reading.sample(row).response for row in rows] == ["1", "2", "3"]


def test_a_row_that_labels_its_options_is_read_by_its_labels() -> None:
    rows = [
        {"question": "a", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"},
        {"question": "b", "choices": {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}, "answerKey": "3"},
    ]
    reading = read(rows)
    assert [reading.sample(row).response for row in rows] == ["y", "z"]


def test_a_row_of_other_columns_does_not_change_what_the_file_is() -> None:
    rows: list[dict[str, Any]] = [{"question": "q", "answer": "a"}] * 3 + [{"prompt": "p", "completion": "c"}]
    reading = read(rows)
    assert reading.sample(rows[0]).prompt == "q"
    with pytest.raises(RowError, match="is missing"):
        reading.sample(rows[3])


def test_a_column_that_comes_late_stops_the_reading_too() -> None:
    rows = [{"question": "q", "answer": "a"}] * 1500 + [{"question": "q", "answer": "a", "table": "t"}]
    with pytest.raises(RowError, match="`table` looks as if"):
        read(rows)
    assert read(rows, ColumnsConfig(ignore=("table",))).layout.response == "answer"


def test_a_column_that_repeats_what_is_asked_stops_nothing() -> None:
    turns = [{"role": "user", "content": "Why so?"}, {"role": "assistant", "content": "So."}]
    assert read([{"prompt": "Why so?", "messages": turns}] * 2).layout.turns == "messages"


def test_classes_that_repeat_are_options() -> None:
    rows = [{"text": f"{n}", "label": label} for n, label in enumerate(("spam", "ham", "spam", "ham"))]
    assert read(rows).sample(rows[0]).options == ("ham", "spam")


@pytest.mark.parametrize(
    ("row", "stops"),
    [
        ({"question": "Which?", "answer": "{}"}, True),
        ({"prompt": "Which?", "completion": "{}"}, True),
        ({"question": "A or B?", "answer": "{}"}, False),
        ({"question": "Which? A. x B. y C. z", "answer": "{}"}, False),
    ],
)
def test_letters_without_meaning_stop_the_reading(row: dict[str, str], stops: bool) -> None:
    rows = [{key: text.format("AB"[n % 2]) for key, text in row.items()} for n in range(4)]
    if stops:
        with pytest.raises(RowError, match="every response"):
            read(rows)
        column = list(row)[1]
        assert read(rows, ColumnsConfig(response=column)).layout.response == column
    else:
        read(rows)


def test_digits_are_answers_where_they_are_no_classes() -> None:
    rows = [{"question": f"What is {n} - 1?", "answer": str(n - 1)} for n in range(1, 9)]
    assert read(rows).layout.classes == ()
    with pytest.raises(RowError, match="one of the digits"):
        read([{"text": "so", "label": n % 2} for n in range(4)])


def test_no_rows_are_nothing() -> None:
    assert survey(iter([])) is None
