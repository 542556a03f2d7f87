"""`data.columns` goes before the names, and a column that it names is there."""

import pytest

from stores.columns import ColumnsConfig
from stores.dataset import ReadingRules, read_rows
from stores.fields import RowError
from stores.named_columns import check_named
from stores.sample import Sample

EXAM = {
    "item": 7,
    "ctx1": "Text.",
    "ask": "Which?",
    "one": "red",
    "two": "blue",
    "right": 2,
    "who": "Be kind.",
}


def read(row: dict[str, object], **columns: object) -> Sample:
    rules = ReadingRules(columns=ColumnsConfig.model_validate(columns))
    return next(iter(read_rows([row], "rows", rules=rules)))


def test_named_columns_are_used_in_their_roles() -> None:
    sample = read(
        EXAM, prompt="{ctx1}\n\n{ask}", options=["one", "two"], answer="right", id="item", system="who"
    )
    assert (sample.id, sample.prompt, sample.response) == ("7", "Text.\n\nWhich?", "blue")
    assert [turn.content for turn in sample.history] == ["Be kind."]


@pytest.mark.parametrize(
    ("row", "columns", "prompt", "response"),
    [
        ({"a": "p", "b": "r"}, {"prompt": "a", "response": "b"}, "p", "r"),
        ({"a": "p", "b": "r"}, {"prompt": "Say: {a}!", "response": "b"}, "Say: p!", "r"),
        ({"a": "{b}", "b": "r"}, {"prompt": "{a}", "response": "b"}, "{b}", "r"),
        ({"a": "{0.__class__}", "b": "r"}, {"prompt": "{a}", "response": "b"}, "{0.__class__}", "r"),
        ({"a": {"q": "p"}, "b": {"r": "r"}}, {"prompt": "a.q", "response": "b.r"}, "p", "r"),
        ({"a.b": "p", "c": "r"}, {"prompt": "a.b", "response": "c"}, "p", "r"),
        ({"a": '{"q": "p"}', "b": "r"}, {"prompt": "{a.q}", "response": "b"}, "p", "r"),
        ({"bg": "Text.", "question": "Why?", "answer": "r"}, {"context": "bg"}, "Text.\n\nWhy?", "r"),
        ({"prompt": "p", "response": "r", "table": "t"}, {"ignore": ["table"]}, "p", "r"),
        (
            {"q": "p", "c": {"text": ["x", "y"]}, "k": "B"},
            {"prompt": "q", "options": "c.text", "answer": "k"},
            "p",
            "y",
        ),
        ({"text": "p", "label": 1}, {"options": ["bad", "good"]}, "p", "good"),
    ],
)
def test_a_mapping_reads_what_the_names_do_not_tell(
    row: dict[str, object], columns: dict[str, object], prompt: str, response: str
) -> None:
    sample = read(row, **columns)
    assert (sample.prompt, sample.response) == (prompt, response)
    assert bool(sample.options) == ("options" in columns)


@pytest.mark.parametrize(
    "columns",
    [{"prompt": "{nowhere}"}, {"response": "nowhere"}, {"options": ["A", "nowhere"]}, {"id": "nowhere"}],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(columns: dict[str, object]) -> None:
    with pytest.raises(RowError, match=r"no column 'nowhere'; found: question, A"):
        check_named(ColumnsConfig.model_validate(columns), [{"question": "q", "A": "x"}])
