"""Rows are read from every file that holds them, whatever its name, and the file is given back as it was."""

import bz2
import codecs
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest

from stores.errors import DataError
from stores.fields import RowError
from stores.rows import read_source, rewrite_source

SKY = {"prompt": "Sky?", "response": "blue"}
GRASS = {"prompt": "Grass?\n(in spring)", "response": 'green, "mostly"'}
ROWS = [SKY, GRASS]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
CSV = 'prompt,response\nSky?,blue\n"Grass?\n(in spring)","green, ""mostly"""\n'


def zstd(content: bytes) -> bytes:
    return pyarrow.compress(content, codec="zstd", asbytes=True)


def parquet(rows: list[dict[str, str]]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue()


def arrow(rows: list[dict[str, str]], new: Callable[..., Any]) -> bytes:
    sink, table = io.BytesIO(), pyarrow.Table.from_pylist(rows)
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


TEXTS: dict[str, tuple[str, bytes]] = {
    "JSON lines": ("d.jsonl", LINES.encode()),
    "JSON lines in .json": ("d.json", LINES.encode()),
    "JSON lines without an end": ("d.ndjson", LINES.rstrip().encode()),
    "JSON lines with blank ones": ("d.jsonl", b"\n" + LINES.replace("\n", "\n\n").encode()),
    "JSON lines that end in CRLF": ("d.jsonl", LINES.replace("\n", "\r\n").encode()),
    "JSON lines with a mark": ("d.jsonl", codecs.BOM_UTF8 + LINES.encode()),
    "JSON lines of files put together": ("d.jsonl", (2 * ("\ufeff" + LINES)).encode()[: len(LINES) + 3]),
    "an array in .jsonl": ("d.jsonl", json.dumps(ROWS).encode()),
    "an array over lines": ("d.json", json.dumps(ROWS, indent=2).encode()),
    "an array without an extension": ("data", json.dumps(ROWS).encode()),
    "an array with a comma at its end": ("d.json", json.dumps(ROWS)[:-1].encode() + b",]"),
    "objects over lines": ("d.jsonl", "\n".join(json.dumps(row, indent=2) for row in ROWS).encode()),
    "objects side by side": ("d.jsonl", "".join(map(json.dumps, ROWS)).encode()),
    "objects with commas between": ("d.json", ",\n".join(map(json.dumps, ROWS)).encode()),
    "a JSON sequence": ("d.json", "".join("\x1e" + json.dumps(row) + "\n" for row in ROWS).encode()),
    "a list under data": ("d.json", json.dumps({"version": 1, "data": ROWS}, indent=1).encode()),
    "a list under another name": ("d.json", json.dumps({"train": ROWS, "licence": "CC0"}).encode()),
    "JSON in UTF-16": ("d.jsonl", LINES.encode("utf-16")),
    "JSON in UTF-32": ("d.json", LINES.encode("utf-32")),
    "CSV": ("d.csv", CSV.encode()),
    "CSV in .txt": ("d.txt", CSV.encode()),
    "CSV in .jsonl": ("d.jsonl", CSV.encode()),
    "CSV with CRLF": ("d.csv", CSV.replace("\n", "\r\n").replace("Grass?\r\n", "Grass?\n").encode()),
    "CSV with CR": ("d.csv", CSV.replace("\n", "\r").replace("Grass?\r", "Grass?\n").encode()),
    "CSV with a mark": ("d.csv", codecs.BOM_UTF8 + CSV.encode()),
    "CSV in UTF-16": ("d.csv", CSV.encode("utf-16")),
    "CSV in UTF-16, big end first": ("d.csv", codecs.BOM_UTF16_BE + CSV.encode("utf-16-be")),
    "CSV in UTF-32": ("d.csv", CSV.encode("utf-32")),
    "CSV with empty columns at the end": (
        "d.csv",
        CSV.replace("se\n", "se,,\n").replace("blue", "blue,,").encode(),
    ),
    "CSV with empty lines at the end": ("d.csv", CSV.encode() + b"\n,\n,\n"),
    "CSV with the index of pandas": (
        "d.csv",
        CSV.replace("pro", ",pro").replace("Sky", "0,Sky").replace('"Gr', '1,"Gr').encode(),
    ),
    "CSV with that index read and written": (
        "d.csv",
        CSV.replace("pro", "Unnamed: 0,pro").replace("Sky", "0,Sky").replace('"Gr', '1,"Gr').encode(),
    ),
    "CSV with spaces in its header": (
        "d.csv",
        CSV.replace("prompt,response", " prompt , response ").encode(),
    ),
    "CSV with spaces behind commas": (
        "d.csv",
        CSV.replace("t,r", "t, r").replace("?,b", "?, b").replace('","', '", "').encode(),
    ),
    "semicolons": ("d.csv", CSV.replace("t,r", "t;r").replace("?,b", "?;b").replace('","', '";"').encode()),
    "semicolons, said to Excel": (
        "d.csv",
        b"sep=;\r\n" + CSV.replace("t,r", "t;r").replace("?,b", "?;b").replace('","', '";"').encode(),
    ),
    "tabs": ("d.tsv", CSV.replace("t,r", "t\tr").replace("?,b", "?\tb").replace('","', '"\t"').encode()),
    "tabs in .csv": (
        "d.csv",
        CSV.replace("t,r", "t\tr").replace("?,b", "?\tb").replace('","', '"\t"').encode(),
    ),
    "pipes": ("d.txt", CSV.replace("t,r", "t|r").replace("?,b", "?|b").replace('","', '"|"').encode()),
}
PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("d.jsonl.gz", gzip.compress(LINES.encode())),
    "gzip in two members": ("d.jsonl.gz", b"".join(gzip.compress(json.dumps(row).encode()) for row in ROWS)),
    "gzip by no name": ("d.jsonl", gzip.compress(LINES.encode())),
    "zstd": ("d.jsonl.zst", zstd(LINES.encode())),
    "zstd of CSV": ("d.csv.zst", zstd(CSV.encode())),
    "bzip2": ("d.csv.bz2", bz2.compress(CSV.encode())),
    "xz": ("d.json.xz", lzma.compress(json.dumps(ROWS).encode())),
    "gzip of UTF-16": ("d.csv.gz", gzip.compress(CSV.encode("utf-16"))),
    "Parquet": ("d.parquet", parquet(ROWS)),
    "Parquet by another name": ("d.json", parquet(ROWS)),
    "Parquet in gzip": ("d.parquet.gz", gzip.compress(parquet(ROWS))),
    "Feather": ("d.feather", arrow(ROWS, pyarrow.ipc.new_file)),
    "Arrow, as datasets saves it": ("data-00000-of-00001.arrow", arrow(ROWS, pyarrow.ipc.new_stream)),
}


def file_of(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(path: Path) -> list[dict[str, object]]:
    rows = [row for _, row in read_source(path)]
    assert not any(isinstance(row, RowError) for row in rows)
    return [row for row in rows if not isinstance(row, RowError)]


def rewritten(path: Path, **changes: object) -> bytes:
    """Return a file with the response of its second row changed."""
    sink, number = io.BytesIO(), 0

    def revise(line: int, row: dict[str, object] | RowError) -> dict[str, object]:
        nonlocal number
        number += 1
        assert not isinstance(row, RowError)
        return row | changes if number == 2 else row

    rewrite_source(path, sink, revise)
    return sink.getvalue()


@pytest.mark.parametrize("kind", [*TEXTS, *PACKED])
def test_a_file_is_read_by_what_it_holds(tmp_path: Path, kind: str) -> None:
    path = file_of(tmp_path, *(TEXTS | PACKED)[kind])
    assert read(path) in (ROWS, [SKY])


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_not_revised_comes_back_byte_for_byte(tmp_path: Path, kind: str) -> None:
    path = file_of(tmp_path, *TEXTS[kind])
    before = path.read_bytes()
    if kind.startswith(("CSV", "semicolons", "tabs", "pipes")):
        # A header names a column more as soon as the file is written again.
        expected = read(path)
        path.write_bytes(rewritten(path))
        assert read(path) == expected
    else:
        assert rewritten(path) == before


@pytest.mark.parametrize("kind", [*TEXTS, *PACKED])
def test_a_revised_response_is_read_back_and_nothing_else_changes(tmp_path: Path, kind: str) -> None:
    path = file_of(tmp_path, *(TEXTS | PACKED)[kind])
    rows = read(path)
    if len(rows) < 2:
        return
    path.write_bytes(rewritten(path, response='red; "or\tso", 2|3', robustft="changed"))
    assert read(path) == [rows[0], rows[1] | {"response": 'red; "or\tso", 2|3'}]
    # Once more: the column that was added is there already.
    path.write_bytes(rewritten(path, response="violet", robustft="kept"))
    assert read(path) == [rows[0], rows[1] | {"response": "violet"}]


def test_a_row_that_is_left_out_takes_its_separator_along(tmp_path: Path) -> None:
    rows = [{"id": str(number)} for number in range(4)]
    for text in (
        json.dumps(rows, indent=2),
        "".join(json.dumps(row) + "\n" for row in rows),
        json.dumps({"data": rows, "n": 4}),
    ):
        for gone in ({"0"}, {"0", "1"}, {"3"}, {"1", "2"}, {"0", "1", "2", "3"}):
            path = file_of(tmp_path, "d.json", text.encode())
            sink = io.BytesIO()
            rewrite_source(
                path,
                sink,
                lambda _, row, gone=gone: None if isinstance(row, RowError) or row["id"] in gone else row,  # type: ignore[misc]
            )
            kept = [row for row in rows if row["id"] not in gone]
            path.write_bytes(sink.getvalue())
            if kept:
                assert read(path) == kept


@pytest.mark.parametrize(
    "name", ["d.jsonl", "d.csv.gz", "x/d.parquet", "d.tsv", "d.zst", "./d", "/nowhere/d", "d.JSON"]
)
def test_a_data_file_that_is_missing_is_said_at_once(name: str) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_source(name)


def test_a_file_has_no_splits(tmp_path: Path) -> None:
    path = file_of(tmp_path, "d.jsonl", LINES.encode())
    with pytest.raises(DataError, match="a file has no splits: leave out ':train'"):
        read_source(f"{path}:train")
    with pytest.raises(DataError, match="is a folder"):
        read_source(tmp_path)


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    path = file_of(tmp_path, "d.csv", b'\n a , b\n\n1,"x\ny"\n2,z\n')
    rows = read_source(path)
    assert [(line, row) for line, row in rows] == [(4, {"a": "1", "b": "x\ny"}), (6, {"a": "2", "b": "z"})]
    path = file_of(tmp_path, "d.jsonl", b'\n{"a": 1}\n\n{\n"b": 2}\n')
    assert list(read_source(path)) == [(2, {"a": 1}), (4, {"b": 2})]


def test_a_row_that_is_broken_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, "d.jsonl", b'{"a": 1}\n{"a": \n{"a": 3}\nnope\n{"a": "x\n{"a": 6}\n{"a"')
    rows = list(read_source(path))
    assert [(line, row) for line, row in rows if not isinstance(row, RowError)] == [
        (1, {"a": 1}),
        (3, {"a": 3}),
        (6, {"a": 6}),
    ]
    assert [line for line, row in rows if isinstance(row, RowError)] == [2, 4, 5, 7]
    sink = io.BytesIO()
    rewrite_source(path, sink, lambda line, row: {} if isinstance(row, RowError) else row)
    assert sink.getvalue() == path.read_bytes()


def test_a_record_that_is_broken_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, "d.csv", b'a,b\n1,2\n1\n1,2,3\n1,"x"y\n3,4\n')
    rows = list(read_source(path))
    assert [line for line, row in rows if isinstance(row, RowError)] == [3, 4, 5]
    sink = io.BytesIO()
    rewrite_source(path, sink, lambda line, row: {} if isinstance(row, RowError) else row | {"b": "z"})
    assert sink.getvalue() == b'a,b,robustft\n1,z,\n1\n1,2,3\n1,"x"y\n3,z,\n'
