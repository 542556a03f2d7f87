"""What a field may hold: text that can be sent and stored; everything else is refused with its reason."""

from collections.abc import Callable

import pytest

from stores.fields import (
    RowError,
    is_blank,
    name_type,
    read_answer,
    read_optional_text,
    read_prompt,
    read_text,
    read_truth,
)

READERS = (read_text, read_prompt, read_answer, read_optional_text)


def refusal(read: Callable[[object, str], object], value: object) -> str:
    with pytest.raises(RowError) as error:
        read(value, "prompt")
    assert error.value.field == "prompt"
    assert error.value.message == str(error.value)
    return str(error.value)


@pytest.mark.parametrize("read", READERS)
def test_a_text_is_read(read: Callable[[object, str], object]) -> None:
    assert read("Capital of Perú? 🏔", "prompt") == "Capital of Perú? 🏔"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["a"], "must be text, not list"),
        ({"a": 1}, "must be text, not dict"),
        (True, "must be text, not bool"),
        (b"a", "must be text, not bytes"),
        ("a\x00b", "holds a NUL character"),
        ("a\ud83cb", "holds half of a surrogate pair"),
    ],
)
def test_what_is_no_text_is_refused(
    read: Callable[[object, str], object], value: object, reason: str
) -> None:
    assert reason in refusal(read, value)


def test_text_keeps_the_space_around_it_but_for_names() -> None:
    assert read_text("  a\n", "f") == "  a\n"
    assert read_prompt("  a\n", "f") == "  a\n"
    assert read_answer("  a\n", "f") == "  a\n"
    assert read_optional_text("  a\n", "f") == "a"


@pytest.mark.parametrize("value", ["", " \n\t", "\u2003"])
def test_an_empty_text_is_no_prompt_and_no_answer(value: str) -> None:
    assert refusal(read_prompt, value) == refusal(read_answer, value) == "is empty"
    assert read_text(value, "f") == value
    assert read_optional_text(value, "f") is None


def test_null_is_nothing_where_a_field_may_be_left_out() -> None:
    assert read_optional_text(None, "f") is None
    for read in (read_text, read_prompt, read_answer):
        assert refusal(read, None) == "is empty (null)"


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (0, "0"), (-2.5, "-2.5"), (3.0, "3.0")])
def test_an_answer_may_be_a_number(value: float, text: str) -> None:
    assert read_answer(value, "f") == text
    assert "must be text" in refusal(read_prompt, value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_answer_is_a_finite_number(value: float) -> None:
    assert refusal(read_answer, value) == "is not a finite number"


@pytest.mark.parametrize(
    ("value", "blank"),
    [(None, True), (" ", True), ("a", False), (0, False), ([], False), (float("nan"), True)],
)
def test_a_field_is_blank_that_says_nothing(value: object, blank: bool) -> None:
    assert is_blank(value) is blank


def test_a_value_is_named_as_a_reader_of_the_file_would() -> None:
    assert [name_type(value) for value in (None, 1, "a", [])] == ["null", "int", "str", "list"]


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        *((value, True) for value in (True, 1, 1.0, "true", " Yes ", "1", "TRUE")),
        *((value, False) for value in (False, 0, 0.0, "no", "False", "0", "", None, float("nan"))),
    ],
)
def test_a_truth_is_read_as_people_write_it(value: object, truth: bool) -> None:
    assert read_truth(value, "trusted") is truth


@pytest.mark.parametrize("value", ["maybe", 2, ["true"], {"a": 1}])
def test_what_is_neither_true_nor_false_is_refused_with_what_to_do(value: object) -> None:
    with pytest.raises(RowError, match=r"data\.columns\.ignore: \[trusted\]"):
        read_truth(value, "trusted")
