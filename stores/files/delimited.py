"""Reading rows of CSV and its relatives, and writing them again with every other cell as it was."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from stores.errors import DataError
from stores.fields import RowError
from stores.files.check_cells import DRAWN, unguard
from stores.files.encoding import Encoding, open_text
from stores.files.rows import STATUS, NumberColumns, Revise, Row, changed_columns, own_columns
from stores.files.splicing import respell

_DELIMITERS = "\t,;|"
_CELL_LIMIT = 10_000_000
_LOOKED_AT = 20
# pandas writes its index under no name, and reads that back under this one.
_INDEX = re.compile(r"(Unnamed: 0(\.\d+)*)?")


class _Dialect(NamedTuple):
    delimiter: str
    # Whether a space follows every delimiter and belongs to no cell.
    is_spaced: bool


class _Record(NamedTuple):
    line: int
    text: str
    cells: list[str] | RowError


class _Header(NamedTuple):
    line: int
    # One a column; None for pandas' index, "" where there is no name.
    names: list[str | None]

    def row(self, cells: list[str]) -> Row | RowError:
        """Return a row's columns; one without a name is called by its place, where it holds anything."""
        while len(cells) > len(self.names) and not cells[-1].strip():
            cells = cells[:-1]
        width = max(place for place, name in enumerate(self.names, start=1) if name)
        if not width <= len(cells) <= len(self.names):
            return RowError(None, f"has {len(cells)} cells; the header has {width}")
        if DRAWN in self.names:
            cells = list(map(unguard, cells))
        row: Row = {}
        for place, (name, cell) in enumerate(zip(self.names, cells, strict=False), start=1):
            if name or (name is not None and cell.strip()):
                row[name or f"column {place}"] = cell
        return row


def looks_delimited(text: str) -> bool:
    """Say whether a text that begins so has columns set apart by a delimiter."""
    dialect = _find_dialect(text)
    first = next(_records(io.StringIO(text, newline=""), dialect), None)
    return first is not None and not isinstance(first.cells, RowError) and len(first.cells) > 1


def read_delimited(path: Path, encoding: Encoding) -> Iterator[tuple[int, Row | RowError]]:
    """Read the rows of a CSV, TSV, semicolon or pipe file with the lines on which they begin.

    Raises:
        DataError: on iteration: the file cannot be read, names a column twice, or a quote is never closed.
    """
    numbers = _find_numbers(path, encoding)
    for _, line, row in _rows(path, encoding):
        yield line, row if isinstance(row, RowError) else own_columns(numbers.tidy(row))


def rewrite_delimited(path: Path, encoding: Encoding, target: TextIO, revise: Revise) -> None:
    """Write such a file again with revised rows; every other cell stays byte for byte as it is.

    Raises:
        DataError: the file cannot be read.
        OSError: the target cannot be written.
    """
    dialect = _sniff(path, encoding)
    numbers = _find_numbers(path, encoding)
    header: _Header | None = None
    end = "\n"
    for record in _file_records(path, encoding, dialect):
        cells = record.cells
        if isinstance(cells, RowError):
            if header is not None and revise(record.line, cells) is not None:
                target.write(record.text)
            continue
        if _is_blank(cells) or _is_hint(record):
            target.write(record.text)
            continue
        if header is None:
            header = _read_names(cells, path, record.line)
            end = record.text[len(record.text.rstrip("\r\n")) :] or end
            is_new = STATUS not in header.names
            target.write(_with_cell(record.text, STATUS, dialect, end) if is_new else record.text)
            continue
        row = header.row(cells)
        if isinstance(row, RowError):
            if revise(record.line, row) is not None:
                target.write(record.text)
            continue
        old = numbers.tidy(row)
        new = revise(record.line, own_columns(old))
        if new is not None:
            changed = {
                name: _spelled(row[name], value, name in numbers.whole) if name in row else str(value)
                for name, value in changed_columns(old, new).items()
            }
            changed.setdefault(STATUS, "")
            target.write(_revised(record.text, header, changed, dialect, end))


def _spelled(old: object, value: object, is_float: bool) -> str:
    text = respell(str(old), value)
    return f"{text}.0" if is_float and re.fullmatch(r"-?\d+", text) else text


def _revised(text: str, header: _Header, changed: dict[str, str], dialect: _Dialect, end: str) -> str:
    spans = _cell_spans(text, dialect)
    for place in reversed(range(len(header.names))):
        name = header.names[place]
        if name in changed and name in header.names and (name != STATUS or changed[name]):
            start, stop = spans[place]
            was_quoted = text[start:stop].startswith('"')
            text = text[:start] + _quoted(changed[name], dialect, always=was_quoted) + text[stop:]
    if STATUS not in header.names:
        missing = len(header.names) - len(spans)
        text = _with_cell(text, dialect.delimiter * missing + changed[STATUS], dialect, end)
    return text


def _with_cell(text: str, cell: str, dialect: _Dialect, end: str) -> str:
    """Return a record with one cell more at its end."""
    body = text.rstrip("\r\n")
    return f"{body}{dialect.delimiter}{' ' if dialect.is_spaced else ''}{cell}{text[len(body) :] or end}"


def _quoted(cell: str, dialect: _Dialect, *, always: bool) -> str:
    is_needed = any(sign in cell for sign in (dialect.delimiter, '"', "\r", "\n")) or cell.startswith(" ")
    return '"' + cell.replace('"', '""') + '"' if always or is_needed else cell


def _cell_spans(text: str, dialect: _Dialect) -> list[tuple[int, int]]:
    """Return where each cell of a record begins and ends, its quotes included."""
    cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(dialect.delimiter)}\r\n]*')
    spans, at = [], 0
    while True:
        while dialect.is_spaced and at < len(text) and text[at] == " ":
            at += 1
        match = cell.match(text, at)
        end = match.end() if match else at
        spans.append((at, end))
        if end >= len(text) or text[end] != dialect.delimiter:
            return spans
        at = end + 1


def _rows(path: Path, encoding: Encoding) -> Iterator[tuple[_Header, int, Row | RowError]]:
    header: _Header | None = None
    for record in _file_records(path, encoding, _sniff(path, encoding)):
        if isinstance(record.cells, RowError):
            if header is None:
                raise DataError(record.cells.message, path=path, line=record.line)
            yield header, record.line, record.cells
        elif _is_blank(record.cells) or _is_hint(record):
            continue
        elif header is None:
            header = _read_names(record.cells, path, record.line)
        else:
            yield header, record.line, header.row(record.cells)


def _read_names(cells: list[str], path: Path, line: int) -> _Header:
    names: list[str | None] = [cell.strip() for cell in cells]
    if len(names) > 1 and _INDEX.fullmatch(str(names[0])):
        names[0] = None
    given = [name for name in names if name]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise DataError(f"names a column twice: {', '.join(twice)}", path=path, line=line)
    return _Header(line, names)


def _find_numbers(path: Path, encoding: Encoding) -> NumberColumns:
    """Read the file for its numbers, as far as any of its columns may be one of them."""
    numbers = NumberColumns()
    for _, _, row in _rows(path, encoding):
        if not isinstance(row, RowError) and not numbers.add(row):
            break
    return numbers


def _file_records(path: Path, encoding: Encoding, dialect: _Dialect) -> Iterator[_Record]:
    with open_text(path, encoding) as file:
        for record in _records(file, dialect):
            if isinstance(record.cells, RowError) and record.cells.field == _OPEN_END:
                raise DataError(record.cells.message, path=path, line=record.line)
            yield record


_OPEN_END = "the rest of the file"


def _records(lines: Iterable[str], dialect: _Dialect) -> Iterator[_Record]:
    """Cut a text into records; one that is not CSV is an error of its own, and the next line goes on."""
    csv.field_size_limit(max(_CELL_LIMIT, csv.field_size_limit()))
    taken: list[str] = []
    source = _tapped(lines, taken)
    number = 1
    while True:
        # strict: a quote out of place is an error rather than rows that silently run together
        reader = csv.reader(
            source, delimiter=dialect.delimiter, skipinitialspace=dialect.is_spaced, strict=True
        )
        try:
            for cells in reader:
                yield _Record(number, "".join(taken), cells)
                number += len(taken)
                taken.clear()
            return
        except csv.Error as error:
            is_open = "unexpected end" in str(error) or "field larger" in str(error)
            message = f"is not CSV from here on: {error}" if is_open else f"is not CSV: {error}"
            if "expected" in message:
                message += "; quote the cell and double a quote within it"
            yield _Record(number, "".join(taken), RowError(_OPEN_END if is_open else None, message))
            number += len(taken)
            taken.clear()


def _tapped(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _is_blank(cells: list[str]) -> bool:
    return not any(cell.strip() for cell in cells)


def _is_hint(record: _Record) -> bool:
    """Say whether a record is the line by which Excel is told the delimiter."""
    return record.line == 1 and re.fullmatch(r'"?sep=.?"?[\t,;|]*\s*', record.text) is not None


def _sniff(path: Path, encoding: Encoding) -> _Dialect:
    with open_text(path, encoding) as file:
        return _find_dialect("".join(islice(file, 10 * _LOOKED_AT)))


def _find_dialect(text: str) -> _Dialect:
    """Return the delimiter with which the first records fit their header best; a comma where none does."""
    known = [_Dialect(delimiter, is_spaced) for is_spaced in (True, False) for delimiter in _DELIMITERS]
    best = max(known, key=lambda dialect: _fit(text, dialect))
    return best if _fit(text, best) > (0, 0) else _Dialect(",", is_spaced=False)


def _fit(text: str, dialect: _Dialect) -> tuple[float, int]:
    """Return the share of the first records that have as many cells as the header, and how many those are."""
    records = list(islice(_records(io.StringIO(text, newline=""), dialect), _LOOKED_AT))
    # The text may end within a record.
    whole = [record for record in records if not _is_open(record) and not _is_hint(record)]
    rows = [record for record in whole if isinstance(record.cells, RowError) or not _is_blank(record.cells)]
    if not rows or isinstance(rows[0].cells, RowError) or len(rows[0].cells) < 2:
        return 0, 0
    if dialect.is_spaced and not all(_is_spaced(record, dialect) for record in rows):
        return 0, 0
    width = len(rows[0].cells)
    return sum(not isinstance(row.cells, RowError) and len(row.cells) == width for row in rows) / len(
        rows
    ), width


def _is_spaced(record: _Record, dialect: _Dialect) -> bool:
    starts = [start for start, _ in _cell_spans(record.text, dialect)]
    return all(record.text[start - 1] == " " for start in starts[1:])


def _is_open(record: _Record) -> bool:
    return isinstance(record.cells, RowError) and record.cells.field == _OPEN_END
