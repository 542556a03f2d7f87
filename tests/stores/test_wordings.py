"""Other wordings of prompts: which rows of a file are taken, and what is wrong with the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stores.columns import ColumnsConfig
from stores.dataset import ReadingRules
from stores.errors import DataError
from stores.records import Skipped
from stores.sample import Sample, with_wordings
from stores.wordings import read_wordings

SAMPLES = [Sample(id=name, prompt=f"What is {name}?", response="1") for name in ("a", "b", "3")]
RULES = ReadingRules(strict=False, on_bad_row="error")


def samples() -> Iterator[Sample]:
    return iter(SAMPLES)


def written(folder: Path, rows: list[Any]) -> Path:
    path = folder / "other.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_a_sample_may_have_several_wordings_and_ids_may_be_numbers(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "prompt": "And a?"},
        {"id": 3, "prompt": "Say 3."},
        {"id": "a", "prompt": "Tell me a."},
    ]
    found = read_wordings(written(tmp_path, rows), samples, rules=RULES)
    assert found == {"a": ("And a?", "Tell me a."), "3": ("Say 3.",)}
    worded = list(with_wordings(SAMPLES, found))
    assert [sample.wordings for sample in worded] == [("And a?", "Tell me a."), (), ("Say 3.",)]
    assert [sample.wordings for sample in with_wordings(worded, {})] == [(), (), ()]


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "question": "What is a?", "paraphrase": "And a?"},
        {"qid": "a", "question": "And a?"},
        {"key": "a", "asked": "And a?", "note": "x"},
    ],
)
def test_columns_are_found_by_their_names_or_by_the_configs(tmp_path: Path, row: dict[str, str]) -> None:
    columns = ColumnsConfig(id="key", prompt="asked")
    rules = RULES.model_copy(update={"columns": columns})
    assert read_wordings(written(tmp_path, [row]), samples, rules=rules) == {"a": ("And a?",)}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"id": "x", "prompt": "What?"}, "matches no sample: no test sample has the id 'x'"),
        ({"id": "a", "prompt": " What is a? "}, "repeats a wording"),
        ({"id": "b", "prompt": "And b?"}, "repeats a wording"),
        ({"id": "a", "prompt": "  "}, "is empty"),
        ({"id": "a", "prompt": 7}, "must be text"),
        ({"id": "a", "prompt": "\ud800"}, "surrogate pair"),
        ({"id": None, "prompt": "And?"}, "is empty"),
        ({"id": ["a"], "prompt": "And?"}, "must be text"),
        ("no object", "object"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_by_file_and_line_or_set_aside(
    tmp_path: Path, row: object, told: str
) -> None:
    path = written(tmp_path, [{"id": "b", "prompt": "And b?"}, row])
    with pytest.raises(DataError, match=told) as raised:
        read_wordings(path, samples, rules=RULES)
    assert str(raised.value).startswith(f"{path}, line 2")
    aside: list[Skipped] = []
    skips = RULES.model_copy(update={"on_bad_row": "skip"})
    assert read_wordings(path, samples, rules=skips, skip=aside.append) == {"b": ("And b?",)}
    assert [(skipped.line, told in skipped.reason) for skipped in aside] == [(2, True)]


@pytest.mark.parametrize(("row", "lacks"), [({"prompt": "And?"}, "id"), ({"id": "a", "n": 1}, "prompt")])
def test_a_file_without_ids_or_prompts_says_what_a_row_has(
    tmp_path: Path, row: dict[str, Any], lacks: str
) -> None:
    with pytest.raises(DataError, match=f"there is no {lacks}: a row has the `id` of a test sample"):
        read_wordings(written(tmp_path, [row]), samples, rules=RULES)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_wordings(written(tmp_path, []), samples, rules=RULES)
