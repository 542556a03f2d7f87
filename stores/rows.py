"""Reading the rows of a data file, or of a data set on the Hugging Face hub, as plain columns."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stores.errors import DataError, RobustFTError, first_line
from stores.fields import RowError
from stores.files.delimited import read_delimited, rewrite_delimited
from stores.files.json_rows import read_json, rewrite_json
from stores.files.packing import pack, packing_of
from stores.files.recognition import recognise
from stores.files.rows import Revise, Row
from stores.files.tables import read_classes, read_table, rewrite_table
from stores.hub import read_hub
from stores.places import check_plain

_PACKED = (".gz", ".zst", ".bz2", ".xz")
_PLAIN = (
    ".jsonl",
    ".ndjson",
    ".json",
    ".csv",
    ".tsv",
    ".tab",
    ".psv",
    ".txt",
    ".parquet",
    ".arrow",
    ".feather",
)
SUFFIXES = (*_PLAIN, *_PACKED)
"""What the name of a data file usually ends in. A file is read by its content, whatever its name."""


class Rows(Iterator[tuple[int, Row | RowError]]):
    """The rows of a source, each with its line; one that cannot be read is an error in their place.

    Args:
        rows: the rows.
        source: where they come from, for messages.
        classes: the names that a column's numbers stand for, known once the first row is read.
    """

    def __init__(
        self,
        rows: Iterator[tuple[int, Row | RowError]],
        source: str | Path,
        classes: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._rows = rows
        self._source = source
        self.classes = {} if classes is None else classes

    def __next__(self) -> tuple[int, Row | RowError]:
        try:
            return next(self._rows)
        except (RobustFTError, StopIteration):
            raise
        except Exception as error:
            raise data_error(error, self._source) from error


def read_source(source: str | Path) -> Rows:
    """Read the rows of a data file, or of a data set on the hub, with their line numbers from 1 on.

    Args:
        source: a file of rows, compressed or not, or a Hugging Face dataset id (`stores.hub`).

    Raises:
        DataError: the source cannot be read; some faults show on iteration. A row of a JSON array, of Parquet
            or of the hub counts as a line.
    """
    path = Path(source)
    if not _is_file(path, source):
        classes: dict[str, tuple[str, ...]] = {}
        return Rows(iter(read_hub(str(source), classes)), source, classes)
    try:
        kind, encoding = recognise(path)
        if kind == "json":
            return Rows(read_json(path, encoding), source)
        if kind == "delimited":
            return Rows(read_delimited(path, encoding), source)
        return Rows(read_table(path, kind), source, read_classes(path, kind))
    except RobustFTError:
        raise
    except Exception as error:
        raise data_error(error, source) from error


def data_error(error: Exception, source: str | Path) -> DataError:
    """Return what any library raised on a user's data as our one message.

    Args:
        error: what was raised.
        source: the file or data set.
    """
    short = isinstance(error, MemoryError)
    reason = "it does not fit into the memory that is free" if short else first_line(error)
    return DataError(f"cannot be read: {reason}; is the file whole?", path=source)


def rewrite_source(source: str | Path, target: BinaryIO, revise: Revise) -> None:
    """Write a data file again with revised rows: its format, its compression and all else stay.

    Args:
        source: the file.
        target: takes the bytes.
        revise: gives each row's revision. What it leaves as it is stays byte for byte in a text,
            and as a value in a table.

    Raises:
        DataError: the source is no file or cannot be read.
        OSError: the target cannot be written.
    """
    path = Path(source)
    if not _is_file(path, source):
        raise DataError("is no file; only a file can be given back in its own format", path=source)
    kind, encoding = recognise(path)
    with pack(packing_of(path), target) as stream:
        if kind in ("parquet", "arrow"):
            rewrite_table(path, kind, stream, revise)
            return
        stream.write(encoding.mark)
        text = io.TextIOWrapper(stream, encoding=encoding.codec, newline="")
        try:
            (rewrite_json if kind == "json" else rewrite_delimited)(path, encoding, text, revise)
            text.flush()
        finally:
            # Else it would close the target.
            text.detach()


def _is_file(path: Path, source: str | Path) -> bool:
    """Say whether a source is a file that is there; False where it may be a data set on the hub.

    Raises:
        DataError: it is a folder, or names a file that is not there.
    """
    try:
        if path.is_dir():
            raise DataError("is a folder; name a file in it", path=source)
        if path.exists():
            check_plain(path)
            return True
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=source) from error
    name, _, split = str(source).rpartition(":")
    if name and Path(name).suffix.lower() in SUFFIXES:
        advice = f"a file has no splits: leave out ':{split}'" if Path(name).is_file() else "no such file"
        raise DataError(advice, path=source)
    if path.suffix.lower() in SUFFIXES or str(source).startswith(("/", "./", "../", "~")):
        raise DataError("no such file", path=source)
    return False
