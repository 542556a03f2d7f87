"""What holds no rows is said to be what it looks like, with what to do."""

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from stores.errors import DataError
from stores.files.recognition import recognise


def archive(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return sink.getvalue()


def tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as file:
        file.addfile(tarfile.TarInfo("d.jsonl"))
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.jsonl", b"", "empty file"),
        ("d.csv", b"\xef\xbb\xbf \n", "empty file"),
        ("d.jsonl", archive("train.jsonl"), "looks like a ZIP archive; unpack it"),
        ("d.csv", archive("xl/workbook.xml"), "looks like an Excel workbook; save the sheet as CSV"),
        ("d.csv", archive("content.xml", "mimetype"), "looks like an OpenDocument file"),
        ("d.jsonl", archive("word/document.xml"), "looks like a Word document"),
        ("d.pt", archive("archive/data.pkl"), "looks like PyTorch's own file"),
        ("d.npz", archive("arr_0.npy"), "looks like NumPy's own archive"),
        ("d.tar.gz", tar(), "looks like a TAR archive"),
        ("d.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "looks like an old Excel or Word file"),
        ("d.jsonl", b"SQLite format 3\x00", "looks like an SQLite database"),
        ("d.jsonl", b"%PDF-1.7", "looks like a PDF"),
        (
            "d.parquet",
            b"version https://git-lfs.github.com/spec/v1\noid x",
            "Git LFS pointer; `git lfs pull`",
        ),
        ("d.jsonl", b"\n<!DOCTYPE html><html>", "looks like an HTML page"),
        ("d.csv", b"<html><body>Sign in", "looks like an HTML page"),
        ("d.json", b"<?xml version='1.0'?>", "looks like XML"),
        ("d.pkl", pickle.dumps({}), "looks like a Python pickle; it could run code"),
        ("d.yaml", b"- prompt: Sky?\n  response: blue\n", "looks like YAML"),
        ("d.json", b"{\\rtf1\\ansi", "looks like a rich text document"),
        ("d.csv", "a,b\n".encode("utf-16-le"), "looks like UTF-16-LE without a byte order mark"),
        ("d.csv", "prompt,b\n".encode("utf-16-be"), "looks like UTF-16-BE without a byte order mark"),
        ("d.txt", b"Once upon a time", "looks like plain text without columns"),
        ("d.bin", b"\x01\x00\x00\x07\x00\x01,", "looks like a binary file"),
        ("d.png", b"\x89PNG\r\n", "looks like a picture"),
        ("d.gguf", b"GGUF\x03", "the weights of a model"),
    ],
    # An archive holds the time at which it was made.
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_a_file_without_rows_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        recognise(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("d", b' [{"a": 1}]', "json"),
        ("d.csv", b'{"a": 1}', "json"),
        ("d.jsonl", b"null\n", "json"),
        ("d.jsonl", b"a,b\n1,2\n", "delimited"),
        ("d.csv", b"text\nSky\n", "delimited"),
        ("d", b"PAR1", "parquet"),
        ("d.csv", b"ARROW1\x00\x00", "arrow"),
    ],
)
def test_a_file_of_rows_is_told_by_its_content(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert recognise(path).kind == kind
