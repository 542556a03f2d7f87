"""Reading and writing the files of a run's records."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from stores.atomic import atomic_writer, write_json_atomically
from stores.errors import RecordError
from stores.records import VERSION, Record, Summary

R = TypeVar("R", bound=Record)

# Far more than a run writes about one sample. JSON takes many times its length in memory.
_LONGEST = 64 << 20


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records as JSON lines, whole or not at all; returns how many.

    Raises:
        OSError: the file cannot be written.
    """
    count = 0
    with atomic_writer(path) as lines:
        for record in records:
            lines.write(record.to_line() + "\n")
            count += 1
    return count


def append_records(path: Path, records: Sequence[R]) -> None:
    """Add records to a file of theirs, whole or not at all. No file is made for none.

    Raises:
        OSError: the file cannot be written.
        RecordError: what is there cannot be read.
    """
    if records:
        known = list(read_records(path, type(records[0]))) if path.is_file() else []
        write_records(path, [*known, *records])


def read_records(path: Path, kind: type[R]) -> Iterator[R]:
    """Yield the records of a file one by one; see `read_numbered`."""
    for _, record in read_numbered(path, kind):
        yield record


def read_numbered(path: Path, kind: type[R]) -> Iterator[tuple[int, R]]:
    """Yield each record of a file with its line number, from 1 on. One line is in memory at a time.

    Raises:
        RecordError: the file cannot be read, or a line is no record of this kind and version.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, _LONGEST + 1), b""), 1):
                _check_length(line, path, number)
                if line.strip():
                    yield number, _parse(line, kind, path, number)
    except OSError as exc:
        raise RecordError(f"cannot be read: {exc.strerror or exc}", path=path) from exc


def write_summary(path: Path, summary: Summary) -> None:
    """Write a summary as indented JSON, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_json_atomically(path, summary.to_json())


def read_summary(path: Path) -> Summary:
    """Read a run's summary.

    Raises:
        RecordError: the file cannot be read, or is no summary of this version.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as exc:
        raise RecordError(f"cannot be read: {exc.strerror or exc}", path=path) from exc
    _check_length(content, path)
    return _parse(content, Summary, path)


def _check_length(content: bytes, path: Path, line: int | None = None) -> None:
    if len(content) > _LONGEST:
        raise RecordError(
            f"is longer than {_LONGEST >> 20} MB, which no record is; `robustft resume` writes a run's "
            "records again",
            path=path,
            line=line,
        )


def _parse(content: bytes, kind: type[R], path: Path, line: int | None = None) -> R:
    try:
        return kind.model_validate_json(content)
    except ValidationError as exc:
        field, problem = _explain(exc, content)
        raise RecordError(problem, path=path, line=line, field=field) from exc


def _explain(error: ValidationError, content: bytes) -> tuple[str | None, str]:
    """Return which field is to blame, if one is, and what is wrong with the record."""
    try:
        value: Any = orjson.loads(content)
    except ValueError as exc:
        return None, f"is cut off or damaged ({exc}); `robustft resume` writes a run's records again"
    if not isinstance(value, dict):
        return None, f"must be a JSON object, not {type(value).__name__}"
    version = value.get("version")
    if isinstance(version, int) and version > VERSION:
        return None, (
            f"was written by a newer RobustFT (version {version} of the record; this one reads {VERSION}): "
            "update robustft"
        )
    first = error.errors()[0]
    problem = first["msg"].removeprefix("Value error, ")
    if "version" not in value:
        problem += (
            " (the record has no version: an earlier RobustFT wrote it, or another program; "
            "`robustft run --reuse DIR` makes a new run of its replies)"
        )
    return ".".join(map(str, first["loc"])) or None, problem
