"""A prompt is the columns that are asked, with the passage before them, however it is nested."""

import pytest

from stores.fields import RowError
from stores.layouts import find_layout
from stores.prompt_text import prompt_text, read_translation


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            {"question": "When?", "context": "In May.", "answer": "May"},
            "In May.\n\nWhen?",
        ),
        (
            {"question": "So", "context": {"contexts": ["One.", "Two."]}, "answer": "yes"},
            "One.\n\nTwo.\n\nSo",
        ),
        ({"instruction": "Add.", "input": "", "output": "3"}, "Add."),
        ({"document": "A long text.", "summary": "Short."}, "Summarise this text:\n\nA long text."),
    ],
)
def test_a_prompt_holds_all_that_is_asked(row: dict[str, object], text: str) -> None:
    assert prompt_text(row, find_layout([row])) == text


def test_a_row_without_the_asked_column_is_refused() -> None:
    layout = find_layout([{"question": "Sky?", "answer": "blue"}])
    with pytest.raises(RowError, match="is missing"):
        prompt_text({"answer": "blue"}, layout)


def test_a_translation_names_both_languages() -> None:
    row: dict[str, object] = {"translation": {"en": "Dog", "de": "Hund"}}
    asked, response = read_translation(row, find_layout([row]))
    assert ("en" in asked, "de" in asked, "Dog" in asked, response) == (True, True, True, "Hund")
