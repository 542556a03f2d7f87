"""Reading the rows of a data file, or of a data set on the Hugging Face hub, as plain columns."""

import csv
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stores.errors import DataError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
"""What a data file's name ends in."""

_CSV_FIELD_LIMIT = 10_000_000
_PARQUET_BATCH = 1024

_log = logging.getLogger("robustft.data")


def read_source(source: str | Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Read the rows of a data file, or of a data set on the hub, with their line numbers from 1 on.

    Args:
        source: a file that ends in one of `SUFFIXES`, or a Hugging Face dataset id.

    Raises:
        DataError: the source cannot be read; some faults show on iteration. A row of JSON, Parquet or the hub
            counts as a line.
    """
    path = Path(source)
    suffix = path.suffix.lower()
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=source) from error
    if is_folder:
        raise DataError("is a folder; name a file in it", path=source)
    if not exists:
        if suffix in SUFFIXES:
            raise DataError("no such file", path=source)
        return _hub_rows(str(source))
    if suffix in (".jsonl", ".ndjson"):
        return read_json_lines(path)
    if suffix == ".json":
        return _json_rows(path)
    if suffix == ".csv":
        return _csv_rows(path)
    if suffix == ".parquet":
        return _parquet_rows(path)
    raise DataError(f"unknown file extension '{suffix}'; known: {', '.join(SUFFIXES)}", path=source)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Read the objects of a JSON Lines file with their line numbers; blank lines are skipped.

    Raises:
        DataError: on iteration: the file cannot be read, or a line is not a JSON object in UTF-8.
    """
    for line, text in enumerate(_lines(path, newline="\n"), start=1):
        if text.strip():
            yield line, _object(_parsed(text, path, line), path, line)


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    text = "".join(_lines(path, newline="\n"))
    if not text.strip():
        return
    value = _parsed(text, path)
    if isinstance(value, dict):
        value = value.get("data")
    if not isinstance(value, list):
        raise DataError("must be a list of objects, or an object with such a list under 'data'", path=path)
    for line, row in enumerate(value, start=1):
        yield line, _object(row, path, line)


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    csv.field_size_limit(max(_CSV_FIELD_LIMIT, csv.field_size_limit()))
    # strict: a stray or missing quote is an error rather than rows that silently run together
    reader = csv.reader(_lines(path, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"is not CSV from here on: {error}", path=path, line=line) from error
        if cells is None:
            return
        if not cells:
            continue
        if header is None:
            header = cells
            if len(set(header)) < len(header):
                raise DataError("names a column twice", path=path, line=line)
        elif len(cells) != len(header):
            raise DataError(f"has {len(cells)} cells; the header has {len(header)}", path=path, line=line)
        else:
            yield line, dict(zip(header, cells, strict=True))


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    # imported here because it takes a quarter of a second, which only Parquet users should pay
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    line = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH):
                for row in batch.to_pylist():
                    line += 1
                    yield line, row
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", path=path) from error


def _hub_rows(name: str) -> Iterator[tuple[int, dict[str, object]]]:
    # imported here because it takes a second, which only hub users should pay
    import datasets  # type: ignore[import-untyped]

    dataset, _, split = name.partition(":")
    _log.info("%s: no file of that name; the Hugging Face hub is asked for it", name)
    try:
        with _unheard("huggingface_hub"):
            rows = datasets.load_dataset(dataset, split=split or "train", streaming=True)
        for line, row in enumerate(rows, 1):
            yield line, dict(row)
    except Exception as error:
        raise DataError(
            "is neither a file nor a Hugging Face dataset that could be loaded"
            f" ({type(error).__name__}: {error})",
            path=name,
        ) from error


@contextmanager
def _unheard(library: str) -> Iterator[None]:
    """Keep back what a library has to say of its retries: the error that is left says it once."""
    log = logging.getLogger(library)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _lines(path: Path, newline: str) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            yield from file
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text", path=path, line=_first_line_not_utf8(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error


def _first_line_not_utf8(path: Path) -> int | None:
    # The decoder works in blocks, so its error does not know the line.
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                return line
    return None


def _parsed(text: str, path: Path, line: int | None = None) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON: {error.msg}", path=path, line=line or error.lineno) from error
    except RecursionError as error:
        raise DataError("is nested too deeply", path=path, line=line) from error
    except ValueError as error:
        raise DataError(f"is not JSON that can be read: {error}", path=path, line=line) from error


def _object(value: object, path: Path, line: int) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"must be a JSON object, not {type(value).__name__}", path=path, line=line)
    return value
