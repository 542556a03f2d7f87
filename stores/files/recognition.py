"""Telling what a file holds by its first bytes, whatever its name says."""

import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

from stores.errors import DataError
from stores.files.delimited import looks_delimited
from stores.files.encoding import Encoding, find_encoding
from stores.files.packing import open_unpacked

FileKind = Literal["json", "delimited", "parquet", "arrow"]

_HEAD = 1 << 16
_JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}
_DELIMITED_SUFFIXES = {".csv", ".tsv", ".tab", ".psv"}

# What other files begin with: what it is, and what to do about it.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"SQLite format 3\x00", "an SQLite database", "export its table as CSV"),
    (b"%PDF-", "a PDF", "name a file of rows"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "save the sheet as CSV UTF-8"),
    (b"{\\rtf", "a rich text document", "save it as plain CSV or JSON lines"),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "`git lfs pull` fetches the file"),
    (b"\x89HDF\r\n", "an HDF5 file", "write its rows as JSON lines or Parquet"),
    (b"\x93NUMPY", "a NumPy array", "write its rows as JSON lines or Parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and name a file in it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it and name a file in it"),
    (b"Obj\x01", "an Avro file", "write its rows as JSON lines or Parquet"),
    (b"ORC", "an ORC file", "write its rows as JSON lines or Parquet"),
    (b"FEA1", "a Feather file of version 1", "write it again with `pandas.DataFrame.to_feather`"),
    (b"PARE", "an encrypted Parquet file", "decrypt it first"),
    (b"GGUF", "the weights of a model", "name a file of rows"),
    (b"\x89PNG", "a picture", "name a file of rows"),
    (b"\xff\xd8\xff", "a picture", "name a file of rows"),
    (b"GIF8", "a picture", "name a file of rows"),
    (b"\x7fELF", "a program", "name a file of rows"),
    (b"\x04\x22\x4d\x18", "LZ4-compressed", "unpack it, or compress it with gzip or zstd"),
)
# Pickles of the protocols 2 to 5.
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


class Recognised(NamedTuple):
    """What a file is, and how its text is encoded where it is text."""

    kind: FileKind
    encoding: Encoding


def recognise(path: Path) -> Recognised:
    """Return what a data file holds.

    Raises:
        DataError: the file cannot be read, or is none of rows; the message says what it looks like.
    """
    with open_unpacked(path) as file:
        head = file.read(_HEAD)
    binary = _binary_kind(head, path)
    if binary is not None:
        return Recognised(binary, Encoding("utf-8", b""))
    encoding = find_encoding(head, path)
    text = head[len(encoding.mark) :].decode(encoding.codec, errors="replace")
    return Recognised(_text_kind(text, path), encoding)


def _binary_kind(head: bytes, path: Path) -> FileKind | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"PK\x03\x04"):
        raise _refusal(*_archive(path), path)
    if head[257:262] == b"ustar":
        raise _refusal("a TAR archive", "unpack it and name a file in it", path)
    if head.startswith(_PICKLES):
        advice = "it could run code when it is read, so write its rows as JSON lines or Parquet"
        raise _refusal("a Python pickle", advice, path)
    for magic, name, advice in _OTHERS:
        if head.startswith(magic):
            raise _refusal(name, advice, path)
    return None


def _archive(path: Path) -> tuple[str, str]:
    """Return what kind of ZIP archive a file is, and what to do about it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", "save the sheet as CSV UTF-8"
    if any(name.startswith("word/") for name in names):
        return "a Word document", "name a file of rows"
    if any(name == "content.xml" for name in names):
        return "an OpenDocument file", "save the sheet as CSV UTF-8"
    if any(name.endswith("data.pkl") for name in names):
        return "PyTorch's own file", "write its rows as JSON lines or Parquet"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy's own archive", "write its rows as JSON lines or Parquet"
    return "a ZIP archive", "unpack it and name a file in it"


def _text_kind(text: str, path: Path) -> FileKind:
    # Marks of byte order may stand between files that were put together, and JSON sequences have \x1e.
    start = text.lstrip("\ufeff\x1e \t\r\n")
    if not start:
        raise DataError("holds no rows: it is an empty file", path=path)
    if start[:15].lower().startswith(("<!doctype html", "<html", "<head", "<body")):
        raise _refusal("an HTML page", "was a page saved in place of the file? Fetch the file itself", path)
    if start.startswith("<?xml"):
        raise _refusal("XML", "write its rows as JSON lines or CSV", path)
    if start.startswith(("{", "[")):
        return "json"
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if suffixes & _DELIMITED_SUFFIXES:
        return "delimited"
    if start.startswith(("---\n", "---\r\n", "- ")):
        raise _refusal("YAML", "write its rows as JSON lines", path)
    # A line of JSON that is no object, as `null`, is for the reader of JSON to refuse.
    if suffixes & _JSON_SUFFIXES and not looks_delimited(text):
        return "json"
    if "\x00" in start[:1000]:
        raise _refusal("a binary file of a kind that is not known", "name a file of rows", path)
    if looks_delimited(text):
        return "delimited"
    raise _refusal("plain text without columns", "write its rows as JSON lines or CSV", path)


def _refusal(looks_like: str, advice: str, path: Path) -> DataError:
    return DataError(f"looks like {looks_like}; {advice}", path=path)
