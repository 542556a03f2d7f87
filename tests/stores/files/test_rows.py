"""pandas' floats are whole numbers again where the whole column says so."""

import math

import pytest

from stores.files.rows import NumberColumns, changed_columns, own_columns

NAN = math.nan


@pytest.mark.parametrize(
    ("values", "tidy"),
    [
        ([1.0, None, 3.0], [1, None, 3]),
        (["1.0", "", "3.0"], ["1", "", "3"]),
        (["1.0", "NaN", "3.0"], ["1", "", "3"]),
        (["1", "2.0"], ["1", "2"]),
        ([1.0, NAN], [1, None]),
        ([1.5, 2.0], [1.5, 2.0]),
        (["1.5", "2.0", "nan"], ["1.5", "2.0", ""]),
        (["1.0", "two"], ["1.0", "two"]),
        (["NaN", "None", "nan"], ["NaN", "None", "nan"]),
        (["NaN", "yes"], ["NaN", "yes"]),
        (["007", "008"], ["007", "008"]),
        (["1e300", "2.0"], ["1e300", "2.0"]),
        ([2.0**60, 1.0], [2.0**60, 1.0]),
        (["-3.0", "4.0"], ["-3", "4"]),
        ([True, 1.0], [True, 1.0]),
        (["١.0"], ["١.0"]),
        (["1_0", "2.0"], ["1_0", "2.0"]),
        ([NAN, "text"], [None, "text"]),
    ],
)
def test_floats_are_whole_where_all_of_the_column_are(values: list[object], tidy: list[object]) -> None:
    numbers = NumberColumns()
    for value in values:
        numbers.add({"a": value, "b": "text"})
    assert [numbers.tidy({"a": value})["a"] for value in values] == tidy


def test_reading_for_numbers_ends_where_no_column_has_any() -> None:
    numbers = NumberColumns()
    assert numbers.add({"a": "1", "b": "x"})
    assert not numbers.add({"a": "y", "b": "2"})


def test_the_column_of_an_earlier_export_is_none_of_the_data() -> None:
    assert own_columns({"a": 1, "robustft": "kept"}) == {"a": 1}
    assert changed_columns({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": 3, "c": 4}
