"""Options and keys in the spellings of published data sets, and the way back to the spelling of a row."""

import pytest

from stores.fields import RowError
from stores.options import (
    MOST_OPTIONS,
    Keys,
    Options,
    check_options,
    find_option,
    read_options,
    respell_option,
    whole_number,
)

COLOURS = Options(("red", "green", "blue"))
LABELLED = Options(("red", "green", "blue"), ("1", "2", "3"))


@pytest.mark.parametrize(
    "value",
    [
        ["red", "green", "blue"],
        {"A": "red", "B": "green", "C": "blue"},
        {"text": ["red", "green", "blue"], "label": ["A", "B", "C"]},
        [{"key": "A", "value": "red"}, {"key": "B", "value": "green"}, {"key": "C", "value": "blue"}],
        [{"label": "A", "text": "red"}, {"label": "B", "text": "green"}, {"label": "C", "text": "blue"}],
        '["red", "green", "blue"]',
        "['red', 'green', 'blue']",
        "['red' 'green' 'blue']",
        '{"A": "red", "B": "green", "C": "blue"}',
        "{'text': array(['red', 'green', 'blue'], dtype=object), 'label': array(['A', 'B', 'C'])}",
        {"A": "red", "B": "green", "C": "blue", "D": None},
    ],
)
def test_options_are_read_in_every_form(value: object) -> None:
    options = read_options(value, "options")
    assert options is not None
    assert options.texts == COLOURS.texts


@pytest.mark.parametrize("value", [None, "", " ", float("nan")])
def test_blank_options_are_none(value: object) -> None:
    assert read_options(value, "options") is None


def test_hundreds_of_options_are_read_and_one_is_not_enough() -> None:
    many = check_options([f"intent {place}" for place in range(300)], (), "options")
    assert find_option("intent 250", many, Keys(), "answer") == 250
    with pytest.raises(RowError, match="at least 2"):
        check_options(["red"], (), "options")


@pytest.mark.parametrize(
    ("answer", "other"),
    [
        ("B", "C"),
        ("b", "c"),
        ("(B)", "(C)"),
        ("B)", "C)"),
        ("B.", "C."),
        ("[B]", "[C]"),
        ("B. green", "C. blue"),
        ("B: green", "C: blue"),
        ("Option B", "Option C"),
        ("Answer: B", "Answer: C"),
        ("**B**", "**C**"),
        ("Ｂ", "Ｃ"),
        ("（B）", "（C）"),
        (" B ", " C "),
        ("green", "blue"),
        ("GREEN", "blue"),
        (1, 2),
        (1.0, 2.0),
        ("1", "2"),
        ("1.0", "2.0"),
        ("(1)", "(2)"),
    ],
)
def test_another_option_is_written_as_the_row_wrote_its_own(answer: object, other: object) -> None:
    assert find_option(answer, COLOURS, Keys(), "answer") == 1
    again = respell_option(answer, COLOURS, Keys(), 2)
    assert (again, type(again)) == (other, type(other))
    assert find_option(again, COLOURS, Keys(), "answer") == 2


def test_a_number_counts_as_the_file_does() -> None:
    assert find_option(3, COLOURS, Keys(base=1), "answer") == 2
    assert respell_option("3", COLOURS, Keys(base=1), 0) == "1"
    numbers = Options(("2", "3", "4"))
    assert find_option(3, numbers, Keys(base=None), "answer") == 1
    assert find_option("3.0", numbers, Keys(base=None), "answer") == 1
    assert respell_option(3, numbers, Keys(base=None), 2) == "4"
    assert find_option(1, numbers, Keys(base=0), "answer") == 1


def test_a_rows_own_labels_go_before_numbers_and_letters() -> None:
    assert find_option("2", LABELLED, Keys(base=0), "answer") == 1
    assert respell_option("2", LABELLED, Keys(), 0) == "1"
    own = Options(("red", "green"), ("C", "D"))
    assert find_option("D", own, Keys(), "answer") == 1
    assert respell_option("(D)", own, Keys(), 0) == "(C)"


def test_a_bool_means_the_option_that_says_so() -> None:
    truths = Options(("No", "Yes"))
    assert find_option(True, truths, Keys(), "answer") == 1
    assert find_option(True, Options(("True", "False")), Keys(), "answer") == 0
    assert respell_option(True, truths, Keys(), 0) is False


@pytest.mark.parametrize("answer", ["pink", "C. green", "A man", "B or C", "", "4", "-1", "D"])
def test_what_means_no_option_is_refused_and_respelled_by_text(answer: str) -> None:
    with pytest.raises(RowError):
        find_option(answer, COLOURS, Keys(), "answer")
    assert respell_option(answer, COLOURS, Keys(), 2) == "blue"


def test_a_letter_is_a_text_first_where_the_response_is_no_key() -> None:
    letters = Options(("B", "A"))
    assert find_option("B", letters, Keys(letters_first=False), "completion") == 0
    assert find_option("B", letters, Keys(letters_first=True), "answer") == 1


@pytest.mark.parametrize(
    ("answer", "number"),
    [(3, 3), (3.0, 3), ("3", 3), ("３", 3), ("3.0", 3), ("(3)", 3), (True, None), ("x", None)],
)
def test_a_whole_number_is_read_as_text_and_as_number(answer: object, number: int | None) -> None:
    assert whole_number(answer) == number


def test_more_options_than_can_be_told_apart_are_refused() -> None:
    assert len(check_options([f"o{n}" for n in range(MOST_OPTIONS)], (), "options").texts) == MOST_OPTIONS
    with pytest.raises(RowError, match="has 1,001 entries"):
        check_options([f"o{n}" for n in range(MOST_OPTIONS + 1)], (), "options")
