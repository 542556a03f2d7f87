"""Reading rows of Parquet and Arrow files, and writing them again with every other column as it was."""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Literal

from stores.classes import names_in
from stores.errors import DataError, RobustFTError, first_line
from stores.fields import RowError
from stores.files.packing import check_growth, open_seekable
from stores.files.rows import STATUS, NumberColumns, Revise, Row, changed_columns, own_columns
from stores.files.splicing import respell

TableKind = Literal["parquet", "arrow"]

_BATCH = 1024
# What the rows of a batch may take together, if each held the largest value that its column may have.
_BATCH_BYTES = 1 << 30


def read_table(path: Path, kind: TableKind) -> Iterator[tuple[int, Row | RowError]]:
    """Read the rows of a Parquet or Arrow file with their numbers.

    Raises:
        DataError: on iteration: the file cannot be read.
    """
    numbers = _find_numbers(path, kind)
    number = 0
    for batch in _batches(path, kind):
        for row in _plain_rows(batch):
            number += 1
            yield number, own_columns(numbers.tidy(row))


def rewrite_table(path: Path, kind: TableKind, target: BinaryIO, revise: Revise) -> None:
    """Write such a file again with revised rows: types, other columns, metadata and compression stay.

    Raises:
        DataError: the file cannot be read, or a new value does not fit its column.
        OSError: the target cannot be written.
    """
    numbers = _find_numbers(path, kind)
    writer: Any = None
    number = 0
    for batch in _batches(path, kind):
        old = [numbers.tidy(row) for row in _plain_rows(batch)]
        new = [revise(number + place, own_columns(row)) for place, row in enumerate(old, start=1)]
        number += len(old)
        revised = _revised_batch(batch, old, new, path)
        if writer is None:
            writer = _open_writer(path, kind, target, revised.schema)
        writer.write_batch(revised.cast(writer.schema) if kind == "parquet" else revised)
    if writer is not None:
        writer.close()
    else:
        raise DataError("holds no rows", path=path)


def _revised_batch(batch: Any, old: list[Row], new: list[Row | None], path: Path) -> Any:
    import pyarrow  # type: ignore[import-untyped]

    kept = [place for place, row in enumerate(new) if row is not None]
    pairs = [(old[place], new[place]) for place in kept]
    if len(kept) < len(new):
        # Not `take`, which knows fewer types.
        slices = [batch.slice(place, 1) for place in kept]
        batch = pyarrow.concat_batches(slices) if slices else batch.slice(0, 0)
    changes = [changed_columns(was, now) for was, now in pairs if now is not None]
    for name in batch.schema.names:
        if name != STATUS and any(name in change for change in changes):
            values = batch.column(name).to_pylist()
            for place, change in enumerate(changes):
                if name in change:
                    values[place] = _fitting(values[place], change[name])
            batch = _with_column(batch, name, values, batch.schema.field(name), path)
    states = [change.get(STATUS, was.get(STATUS)) for change, (was, _) in zip(changes, pairs, strict=True)]
    return _with_column(batch, STATUS, states, pyarrow.field(STATUS, pyarrow.string()), path)


def _with_column(batch: Any, name: str, values: list[Any], field: Any, path: Path) -> Any:
    import pyarrow

    try:
        column = pyarrow.array(values, type=field.type)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"a new response does not fit the column's type {field.type}: {error}", path=path, field=name
        ) from error
    places = batch.schema.get_all_field_indices(name)
    return batch.set_column(places[0], field, column) if places else batch.append_column(field, column)


def _fitting(old: object, value: object) -> object:
    """Return a value as its column holds it."""
    if isinstance(old, bytes) and isinstance(value, str):
        return value.encode()
    if isinstance(old, Decimal) and isinstance(value, str | int):
        return Decimal(value)
    if isinstance(old, bool):
        return value.lower() in ("true", "yes", "1") if isinstance(value, str) else value
    if isinstance(old, int | float) and isinstance(value, str):
        with suppress(ValueError):
            return type(old)(value)
    return respell(old, value) if isinstance(old, str) and not isinstance(value, str) else value


def _open_writer(path: Path, kind: TableKind, target: BinaryIO, schema: Any) -> Any:
    import pyarrow.ipc  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    if kind == "parquet":
        with _reading(path, kind), open_seekable(path) as stream, pyarrow.parquet.ParquetFile(stream) as file:
            columns = file.metadata.row_group(0) if file.metadata.num_row_groups else None
            codec = columns.column(0).compression if columns and columns.num_columns else "SNAPPY"
        return pyarrow.parquet.ParquetWriter(
            target, schema, compression="NONE" if codec == "UNCOMPRESSED" else codec
        )
    with path.open("rb") as file:
        is_stream = not file.read(6).startswith(b"ARROW1")
    return (pyarrow.ipc.new_stream if is_stream else pyarrow.ipc.new_file)(target, schema)


def _find_numbers(path: Path, kind: TableKind) -> NumberColumns:
    """Read the columns of floats, which is what pandas makes of whole numbers beside nulls."""
    import pyarrow.types  # type: ignore[import-untyped]

    numbers = NumberColumns()
    for batch in _batches(path, kind):
        floats = [field.name for field in batch.schema if pyarrow.types.is_floating(field.type)]
        if not floats:
            break
        for row in _plain_rows(batch.select(floats)):
            numbers.add(row)
    return numbers


def _batches(path: Path, kind: TableKind) -> Iterator[Any]:
    import pyarrow.ipc
    import pyarrow.parquet

    with _reading(path, kind), open_seekable(path) as stream:
        if kind == "parquet":
            with pyarrow.parquet.ParquetFile(stream) as file:
                yield from _bounded(file.iter_batches(batch_size=_rows_at_once(file.metadata, path)), path)
            return
        is_file = stream.read(6) == b"ARROW1"
        stream.seek(0)
        if is_file:
            reader = pyarrow.ipc.open_file(stream)
            batches = (reader.get_batch(place) for place in range(reader.num_record_batches))
        else:
            batches = iter(pyarrow.ipc.open_stream(stream))
        for batch in _bounded(map(_validated, batches), path):
            for start in range(0, batch.num_rows, _BATCH):
                yield batch.slice(start, _BATCH)


def _validated(batch: Any) -> Any:
    """Return a batch whose texts lie within it: those of a damaged file lead out of it, which is fatal."""
    batch.validate(full=True)
    return batch


def _rows_at_once(metadata: Any, path: Path) -> int:
    """Return how many rows of a Parquet file can be unpacked together.

    A value that is written once, in a dictionary, can stand in any number of rows.
    """
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    size = path.stat().st_size
    # A row with a list of nothing takes no room in the file.
    check_growth(sum(column.num_values for column in columns), size, path)
    largest = max((column.total_uncompressed_size for column in columns), default=0)
    check_growth(largest, size, path)
    return max(1, min(_BATCH, _BATCH_BYTES // max(largest, 1)))


def _bounded(batches: Iterable[Any], path: Path) -> Iterator[Any]:
    """Yield batches, as long as they do not grow out of all proportion to their file."""
    size, unpacked = path.stat().st_size, 0
    for batch in batches:
        unpacked += batch.nbytes + sum(map(_written_out, batch.columns))
        check_growth(unpacked, size, path)
        yield batch


def _written_out(column: Any) -> int:
    """Return what the texts of a column with a dictionary take, each written out in its rows."""
    import pyarrow.compute  # type: ignore[import-untyped]
    import pyarrow.types

    if not pyarrow.types.is_dictionary(column.type):
        return 0
    texts, kinds = column.dictionary, pyarrow.types
    if not any(is_kind(texts.type) for is_kind in (kinds.is_string, kinds.is_large_string, kinds.is_binary)):
        return 0
    lengths = pyarrow.compute.binary_length(texts)
    return pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0


@contextmanager
def _reading(path: Path, kind: TableKind) -> Iterator[None]:
    try:
        yield
    except RobustFTError:
        raise
    except Exception as error:
        name = "Parquet" if kind == "parquet" else "Arrow"
        raise DataError(
            f"cannot be read as {name}: {first_line(error)}; is the file whole?", path=path
        ) from error


def read_classes(path: Path, kind: TableKind) -> dict[str, tuple[str, ...]]:
    """Return the names that a column's numbers stand for, as the hub's `datasets` leaves them in a file."""
    for batch in _batches(path, kind):
        try:
            features = json.loads((batch.schema.metadata or {})[b"huggingface"])["info"]["features"]
        except (KeyError, TypeError, ValueError):
            return {}
        return names_in(features) if isinstance(features, dict) else {}
    return {}


def _plain_rows(batch: Any) -> Iterator[Row]:
    names = [name for name in batch.schema.names if not name.startswith("__index_level_")]
    names = [name for name in names if name != "Unnamed: 0"]
    for row in _without_nanoseconds(batch.select(names)).to_pylist():
        yield {name: to_plain(value) for name, value in row.items()}


def _without_nanoseconds(batch: Any) -> Any:
    """Return a batch whose points in time have microseconds, which is what Python can hold."""
    import pyarrow

    for place, field in enumerate(batch.schema):
        if pyarrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            wanted = pyarrow.timestamp("us", tz=field.type.tz)
        elif pyarrow.types.is_duration(field.type) and field.type.unit == "ns":
            wanted = pyarrow.duration("us")
        elif pyarrow.types.is_time(field.type) and field.type == pyarrow.time64("ns"):
            wanted = pyarrow.time64("us")
        else:
            continue
        column = batch.column(place).cast(wanted, safe=False)
        batch = batch.set_column(place, pyarrow.field(field.name, wanted), column)
    return batch


def to_plain(value: Any) -> object:
    """Return a value of a table as text, a number, a list or an object; what says nothing is None."""
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, dict):
        return {str(name): to_plain(inner) for name, inner in value.items()}
    if (
        isinstance(value, list)
        and value
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    ):
        # A map.
        return {str(to_plain(name)): to_plain(inner) for name, inner in value}
    if isinstance(value, list | tuple):
        return [to_plain(inner) for inner in value]
    # A half float comes as NumPy's own.
    return to_plain(value.item()) if hasattr(value, "item") else str(value)


def _decoded(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
