"""Reading rows of JSON in every arrangement, and writing them again with everything else as it was.

Lines, an array, objects over several lines or one after the other, an object that holds the list: the reader
goes through the text in blocks, and knows each row's own text. One object around its list is held whole.
"""

import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from stores.errors import DataError
from stores.fields import RowError
from stores.files.encoding import Encoding, open_text
from stores.files.rows import NumberColumns, Revise, Row, changed_columns, own_columns
from stores.files.splicing import members, splice

_BLOCK = 1 << 20
_LONGEST = 1 << 29
# Marks of byte order, between files that were put together; the separator of JSON sequences.
_BETWEEN = " \t\r\n,\x1e\ufeff"
# What a row's list may hold that is no row: the turns of a conversation.
_TURN_KEYS = ({"role", "content"}, {"from", "value"})
# An object with one of these is a row itself, whatever lists it holds.
_OF_A_ROW = {"prompt", "question", "instruction", "query", "response", "completion", "answer", "output"}
_OF_A_ROW |= {"messages", "conversations", "conversation", "tools"}
_LOOKED_AT = 1000

_decoder = json.JSONDecoder(parse_constant=lambda name: None if name == "NaN" else float(name))


class _Piece(NamedTuple):
    """A row with its text, and the text before it. The last piece of a file is the text after its rows."""

    before: str
    line: int = 0
    text: str = ""
    value: object = None


def read_json(path: Path, encoding: Encoding) -> Iterator[tuple[int, Row | RowError]]:
    """Read the rows of a JSON file with their lines; in an array a row counts as a line.

    Raises:
        DataError: on iteration: the file cannot be read, or its arrangement is not known.
    """
    numbers = _find_numbers(path, encoding)
    for piece in _pieces(path, encoding):
        if piece.text:
            row = _row(piece)
            yield piece.line, row if isinstance(row, RowError) else own_columns(numbers.tidy(row))


def rewrite_json(path: Path, encoding: Encoding, target: TextIO, revise: Revise) -> None:
    """Write a JSON file again with revised rows; what is not revised stays byte for byte as it is.

    Raises:
        DataError: the file cannot be read.
        OSError: the target cannot be written.
    """
    numbers = _find_numbers(path, encoding)
    is_opened = has_rows = False
    for piece in _pieces(path, encoding):
        # What is before the first row opens the file; before others, it parts them from the row before.
        lead = piece.before if not is_opened or has_rows or not piece.text else ""
        if not is_opened or not piece.text:
            target.write(lead)
            lead, is_opened = "", True
        revised = _revised(piece, numbers, revise) if piece.text else None
        if revised is not None:
            target.write(lead + revised)
            has_rows = True


def _revised(piece: _Piece, numbers: NumberColumns, revise: Revise) -> str | None:
    row = _row(piece)
    if isinstance(row, RowError):
        return None if revise(piece.line, row) is None else piece.text
    old = numbers.tidy(row)
    new = revise(piece.line, own_columns(old))
    return None if new is None else splice(piece.text, old, changed_columns(old, new))


def _row(piece: _Piece) -> Row | RowError:
    if isinstance(piece.value, dict | RowError):
        return piece.value
    kind = "null" if piece.value is None else type(piece.value).__name__
    return RowError(None, f"must be a JSON object, not {kind}")


def _find_numbers(path: Path, encoding: Encoding) -> NumberColumns:
    """Read the whole file for its numbers, where floats among the first rows say that it may matter."""
    numbers = NumberColumns()
    rows = (piece.value for piece in _pieces(path, encoding) if isinstance(piece.value, dict))
    first = list(islice(rows, _LOOKED_AT))
    if any(isinstance(value, float) for row in first for value in row.values()):
        for row in first:
            numbers.add(row)
        for row in rows:
            if not numbers.add(row):
                break
    return numbers


def _pieces(path: Path, encoding: Encoding) -> Iterator[_Piece]:
    with open_text(path, encoding) as file:
        yield from _Scanner(file, path).pieces()


class _Scanner:
    """Goes through a text of JSON in blocks and cuts it into rows."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self._text, self._is_whole = "", False
        # Where the row before ended; where the scanner is.
        self._last = self._at = 0
        self._line, self._counted = 1, 0

    def pieces(self) -> Iterator[_Piece]:
        """Yield every row, and then what is left."""
        is_first = True
        while sign := self._next_sign():
            if sign == "[" and is_first | self._is_array_of_rows():
                self._at += 1
                yield from self._array()
            else:
                piece = self._object()
                if is_first and isinstance(piece.value, dict) and not self._next_sign():
                    yield from self._unwrapped(piece, piece.value)
                    return
                yield piece
            is_first = False
        yield _Piece(self._text[self._last :])

    def _is_array_of_rows(self) -> bool:
        """Say whether the bracket here opens another array of objects, not a line that is a list."""
        rest = self._text[self._at + 1 : self._at + 1000].lstrip(_BETWEEN)
        return rest.startswith("{")

    def _array(self) -> Iterator[_Piece]:
        number = 0
        while (sign := self._next_sign()) != "]":
            if not sign:
                raise DataError("is not JSON: its list has no end; is the file whole?", path=self._path)
            number += 1
            before = self._at - self._last
            try:
                value = self._value()
            except ValueError as error:
                raise self._fault(error) from error
            except RecursionError as error:
                raise DataError("is nested too deeply", path=self._path, line=number) from error
            yield self._cut(before, number, value)
        self._at += 1

    def _object(self) -> _Piece:
        """Return the row here; where it is no JSON, all up to the next line that begins an object."""
        before = self._at - self._last
        line = self._line_of(self._at)
        try:
            value = self._value()
        except RecursionError:
            value = RowError(None, "is nested too deeply")
        except ValueError as error:
            value = RowError(None, _explain(error, self._text[self._at : self._at + 100]))
        if isinstance(value, RowError):
            self._skip_to_next_object()
        return self._cut(before, line, value)

    def _value(self) -> object:
        while True:
            try:
                value, end = _decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # The text may go on in the next block, which is as long as what is there: each is read twice.
                if self._is_whole or not _may_go_on(error, self._text):
                    raise
                self._fill()
                continue
            if end == len(self._text) and not self._is_whole:
                self._fill()
                continue
            self._at = end
            return value

    def _next_sign(self) -> str:
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BETWEEN:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._is_whole:
                return ""
            self._fill()

    def _fill(self) -> None:
        self._line_of(self._last)
        kept = self._text[self._last :]
        if len(kept) > _LONGEST:
            raise DataError(
                f"holds an object of more than {_LONGEST >> 20} million characters; "
                "write its rows as JSON lines, one a line",
                path=self._path,
                line=self._line,
            )
        more = self._file.read(max(_BLOCK, len(kept)))
        self._is_whole = not more
        self._at -= self._last
        self._text, self._last, self._counted = kept + more, 0, 0

    def _line_of(self, place: int) -> int:
        self._line += self._text.count("\n", self._counted, place)
        self._counted = place
        return self._line

    def _cut(self, before: int, line: int, value: object) -> _Piece:
        # Counted from the row before, since reading on moves all other places.
        start = self._last + before
        piece = _Piece(self._text[self._last : start], line, self._text[start : self._at], value)
        self._last = self._at
        return piece

    def _skip_to_next_object(self) -> None:
        """Move to the end of a row that is no JSON."""
        before = self._at - self._last
        while True:
            start = self._last + before
            end = self._text.find("\n{", start)
            if end < 0 and self._text[start] != "{":
                end = self._text.find("\n", start)
            if end >= 0 or self._is_whole:
                self._at = end if end >= 0 else len(self._text)
                return
            self._fill()

    def _fault(self, error: ValueError) -> DataError:
        place = error.pos if isinstance(error, json.JSONDecodeError) else self._at
        line = self._line + self._text.count("\n", self._counted, place)
        return DataError(_explain(error, self._text[self._at : self._at + 100]), path=self._path, line=line)

    def _unwrapped(self, piece: _Piece, content: Row) -> Iterator[_Piece]:
        """Yield the rows of the list in a file's only object, or the object where it is a row itself."""
        name = _list_of_rows(content, self._path)
        rest = self._text[self._last :]
        if name is None:
            yield piece
            yield _Piece(rest)
            return
        start, end = next(place[1:] for place in members(piece.text) if place[0] == name)
        inner = _Scanner(io.StringIO(piece.text[start:end]), self._path)
        opening = piece.before + piece.text[:start]
        for row in inner.pieces():
            last = "" if row.text else piece.text[end:] + rest
            yield row._replace(before=opening + row.before + last)
            opening = ""


def _may_go_on(error: json.JSONDecodeError, text: str) -> bool:
    """Say whether an error may come of the text's end alone."""
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - 12


def _explain(error: ValueError, text: str) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return f"is not JSON that can be read: {error}"
    if re.match(r"[\[{]\s*'", text):
        return f"is not JSON: {error.msg}; it looks like Python's notation: write it with json.dumps"
    if error.pos >= len(error.doc):
        return f"is not JSON: {error.msg}; it breaks off at the end of the file"
    return f"is not JSON: {error.msg}"


def _list_of_rows(content: Row, path: Path) -> str | None:
    """Return the key under which a file's only object holds its rows; None where it is a row itself.

    Raises:
        DataError: it holds several lists, or columns in place of rows.
    """
    if isinstance(content.get("data"), list) and not _are_turns(content["data"]):
        return "data"
    if any(_are_turns(value) for value in content.values()) or _OF_A_ROW & content.keys():
        return None
    lists = [name for name, value in content.items() if _are_rows(value)]
    if len(lists) == 1:
        return lists[0]
    if list(content.values()) == [[]]:
        return next(iter(content))
    if len(lists) > 1 and len(lists) == len(content):
        raise DataError(
            f"holds several lists of rows ({', '.join(lists)}); write one of them to a file of its own",
            path=path,
        )
    tables = [value for value in content.values() if isinstance(value, dict) and value]
    if len(tables) > 1 and len(tables) == len(content) and len({tuple(table) for table in tables}) == 1:
        raise DataError(
            "holds columns in place of rows; pandas writes rows with to_json(orient='records', lines=True)",
            path=path,
        )
    return None


def _are_rows(value: object) -> bool:
    is_list = isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
    return is_list and not _are_turns(value)


def _are_turns(value: object) -> bool:
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    return any(keys <= set(value[0]) for keys in _TURN_KEYS)
