"""JSON is read in blocks, however it is arranged; what is no list of rows says so."""

import io
import json
from pathlib import Path

import pytest

from stores.errors import DataError
from stores.fields import RowError
from stores.files.encoding import Encoding
from stores.files.json_rows import read_json, rewrite_json

UTF8 = Encoding("utf-8", b"")


def file_of(folder: Path, text: str) -> Path:
    path = folder / "d.json"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("form", ["lines", "array", "under data"])
def test_rows_longer_than_a_block_are_whole(tmp_path: Path, form: str, indent: int | None) -> None:
    rows = [{"id": number, "text": 'é\\"' * 200_000, "list": ["x"] * number} for number in range(6)]
    if form == "lines":
        text = "".join(json.dumps(row, indent=indent) + "\n" for row in rows)
    else:
        text = json.dumps(rows if form == "array" else {"n": 6, "data": rows}, indent=indent)
    path = file_of(tmp_path, text)
    assert [row for _, row in read_json(path, UTF8)] == rows
    sink = io.StringIO()
    rewrite_json(path, UTF8, sink, lambda _, row: {} if isinstance(row, RowError) else row)
    assert sink.getvalue() == text


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"messages": [{"role": "user", "content": "x"}]}', 1),
        ('{"conversations": [{"from": "human", "value": "x"}]}', 1),
        ('{"prompt": "x", "options": ["a", "b"]}', 1),
        ('{"prompt": "x", "choices": {"text": ["a"], "label": ["A"]}}', 1),
        ('{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}', 1),
        ('{"question": "x", "answer": "y", "sources": [{"a": 1}, {"a": 2}]}', 1),
        ('{"version": "1.0", "entries": [{"a": 1}, {"a": 2}]}', 2),
        ('{"rows": [{"a": 1}, {"a": 2}]}', 2),
        ('{"train": [{"a": 1}], "n": 3}', 1),
        ('{"data": []}', 0),
        ("[]", 0),
        ('[{"a": 1}]\n[{"a": 2}]\n', 2),
        ('{"data": [1]}\n{"data": [2]}\n', 2),
    ],
)
def test_a_single_object_is_a_row_or_holds_them(tmp_path: Path, text: str, rows: int) -> None:
    assert len(list(read_json(file_of(tmp_path, text), UTF8))) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"train": [{"a": 1}], "test": [{"a": 2}]}', r"holds several lists of rows \(train, test\)"),
        ('{"a": {"0": "x", "1": "y"}, "b": {"0": "z", "1": "w"}}', "holds columns in place of rows"),
        ('[{"a": 1},', "its list has no end"),
        ('[{"a": 1}, {"a" 2}]', "is not JSON: Expecting ':' delimiter"),
    ],
)
def test_what_is_no_list_of_rows_says_so(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_json(file_of(tmp_path, text), UTF8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a': 1}\n{'a': 2}\n", "looks like Python's notation"),
        ('{"a": 1}\n{"a": 2', "breaks off at the end of the file"),
        ('{"a": 1}\n["x"]\n', "must be a JSON object, not list"),
        ('{"a": 1}\nnull\n', "must be a JSON object, not null"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_row_that_is_no_object_says_why(tmp_path: Path, text: str, message: str) -> None:
    errors = [row for _, row in read_json(file_of(tmp_path, text), UTF8) if isinstance(row, RowError)]
    assert message in errors[0].message


def test_floats_of_pandas_are_told_from_all_rows(tmp_path: Path) -> None:
    path = file_of(tmp_path, '{"a": 1.0, "b": 1.0, "c": NaN}\n{"a": null, "b": 2.5, "c": NaN}\n')
    assert [row for _, row in read_json(path, UTF8)] == [
        {"a": 1, "b": 1.0, "c": None},
        {"a": None, "b": 2.5, "c": None},
    ]
