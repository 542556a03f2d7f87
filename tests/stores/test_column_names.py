"""Names of columns are told apart by what they say, not by how they are spelled."""

import pytest

from stores.column_names import belongs_to_prompt, simple_name


@pytest.mark.parametrize("name", ["answerKey", "Answer Key", "answer_key", " answer-key ", "ANSWERKEY"])
def test_a_name_is_the_same_in_every_spelling(name: str) -> None:
    assert simple_name(name) == "answerkey"


def test_a_name_without_letters_stays() -> None:
    assert simple_name("??") == "??"


@pytest.mark.parametrize(
    "name",
    [
        "context",
        "passage",
        "article_text_document",
        "sql_context",
        "choices",
        "Options",
        "system",
        "tools",
        "hint",
        *["table", "image", "option_a", "choiceB", "tool_functions", "premise", "db_schema", "context_2"],
    ],
)
def test_a_name_that_belongs_to_the_question_is_known(name: str) -> None:
    assert belongs_to_prompt(name)


@pytest.mark.parametrize(
    "name",
    [
        "source",
        "split",
        "explanation",
        "url",
        "metadata",
        "question_id",
        "context_id",
        "prompt_hash",
        "category",
        *["original_question", "text", "score", "question_type", "difficulty", "language"],
    ],
)
def test_a_name_of_no_consequence_is_ignored(name: str) -> None:
    assert not belongs_to_prompt(name)
