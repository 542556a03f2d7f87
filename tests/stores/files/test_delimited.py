"""The cells of CSV and its relatives are read as they are, and none but the response is rewritten."""

import io
from pathlib import Path

import pytest

from stores.errors import DataError
from stores.fields import RowError
from stores.files.delimited import looks_delimited, read_delimited, rewrite_delimited
from stores.files.encoding import Encoding

UTF8 = Encoding("utf-8", b"")


def file_of(folder: Path, text: str) -> Path:
    path = folder / "d.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1.0,x\n,y\n3.0,z\n", [{"a": "1", "b": "x"}, {"a": "", "b": "y"}, {"a": "3", "b": "z"}]),
        ("a,b\nNaN,NaN\n2,None\n", [{"a": "", "b": "NaN"}, {"a": "2", "b": "None"}]),
        ("a;b\n1,5;x, y\n", [{"a": "1,5", "b": "x, y"}]),
        ("a,b\nx; y; z,1; 2\n", [{"a": "x; y; z", "b": "1; 2"}]),
        ("a,,c\n1,,3\n4,5,6\n", [{"a": "1", "c": "3"}, {"a": "4", "column 2": "5", "c": "6"}]),
        ("Unnamed: 0.1,a,b\n0,1,2\n", [{"a": "1", "b": "2"}]),
        ("a,b\n  x , y\n", [{"a": "  x ", "b": " y"}]),
        ('a, b\nx, "y, z"\n', [{"a": "x", "b": "y, z"}]),
        ('a,b\n"",""\n1,"  "\n', [{"a": "1", "b": "  "}]),
        ("a,b\nx,y,,,\n", [{"a": "x", "b": "y"}]),
        ('a\tb\nsay "hi"\tO\'Neill, J.\n', [{"a": 'say "hi"', "b": "O'Neill, J."}]),
        ("a|b\n1|2,3\n", [{"a": "1", "b": "2,3"}]),
    ],
)
def test_cells_are_read_as_they_are(tmp_path: Path, text: str, rows: list[dict[str, str]]) -> None:
    assert [row for _, row in read_delimited(file_of(tmp_path, text), UTF8)] == rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,b\n1.0,x\n,y\n", "id,b,robustft\n1.0,new,changed\n,new,changed\n"),
        ("b,c\n2.0,x\n,y\n", "b,c,robustft\nnew,x,changed\nnew,y,changed\n"),
        ('"b","c"\r\n"x","y"\r\n', '"b","c",robustft\r\n"new","y",changed\r\n'),
        ("b;c\nx;y", "b;c;robustft\nnew;y;changed\n"),
        ("b,c,,\nx,y,,\n", "b,c,,,robustft\nnew,y,,,changed\n"),
        ("b, c\nx, y\n", "b, c, robustft\nnew, y, changed\n"),
        ("b,c\n\nx,y\n\n", "b,c,robustft\n\nnew,y,changed\n\n"),
        (",b,c\n0,x,007\n", ",b,c,robustft\n0,new,007,changed\n"),
        ("robustft,b\nkept,x\n", "robustft,b\nchanged,new\n"),
        (" b ,c\nx,  y\n", " b ,c,robustft\nnew,  y,changed\n"),
    ],
)
def test_all_but_the_response_stays_byte_for_byte(tmp_path: Path, text: str, expected: str) -> None:
    def revise(_: int, row: dict[str, object] | RowError) -> dict[str, object]:
        assert not isinstance(row, RowError)
        return row | {"b": "new", "robustft": "changed"}

    sink = io.StringIO(newline="")
    rewrite_delimited(file_of(tmp_path, text), UTF8, sink, revise)
    assert sink.getvalue() == expected


def test_a_number_is_written_as_the_file_writes_its_numbers(tmp_path: Path) -> None:
    sink = io.StringIO(newline="")
    path = file_of(tmp_path, "a,b\n1.0,x\n,y\n")
    rewrite_delimited(path, UTF8, sink, lambda _, row: {} if isinstance(row, RowError) else row | {"a": 2})
    assert sink.getvalue() == "a,b,robustft\n2.0,x,\n2.0,y,\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,a\n1,2,3\n", "line 1: names a column twice: a"),
        ("a, a\n1,2\n", "line 1: names a column twice: a"),
        ('a,b\n1,"2\n3,4\n', "line 2: is not CSV from here on"),
        ('"a"x,b\n1,2\n', "line 1: is not CSV"),
    ],
)
def test_a_header_or_a_quote_that_breaks_the_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_delimited(file_of(tmp_path, text), UTF8))


@pytest.mark.parametrize(
    ("text", "answer"),
    [("a,b\n", True), ("a\tb\n", True), ("one two three\n", False), ("", False), ('"a","b"\n', True)],
)
def test_columns_need_a_delimiter(text: str, answer: bool) -> None:
    assert looks_delimited(text) is answer
