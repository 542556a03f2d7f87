"""What the fields of a raw row may hold: text that a model can be sent, and nothing else."""

import ast
import json
import math
import re
from collections.abc import Mapping

# Far more than any row holds; Python's own parser takes hundreds of bytes for each character.
_LONGEST_LITERAL = 1_000_000
_ARRAY = re.compile(r"array\((\[[^()]*\])(?:,\s*dtype=\w+)?\)")
_SPACED = re.compile(r"(?<=['\"])\s+(?=['\"])")


class RowError(Exception):
    """A row cannot become a sample; whoever knows the file and the line turns it into a `DataError`.

    Args:
        field: the column to blame, and the place in it.
        message: what is wrong with the row, and what to do.
        reason: the same without what this row alone says, so that rows can be counted by it.
    """

    def __init__(self, field: str | None, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.reason = reason or message


def read_prompt(value: object, field: str) -> str:
    """Return a text that says something, as it is.

    Raises:
        RowError: it is no such text. So do all that read a field.
    """
    text = read_text(value, field)
    if not text.strip():
        raise RowError(field, "is empty")
    return text


def read_answer(value: object, field: str) -> str:
    """Return an answer's text; files often hold answers that are numbers as numbers."""
    return read_prompt(_number_written(value, field), field)


def read_response(value: object, field: str) -> str:
    """Return a response's text, as it is. It may be empty: null is, too."""
    return "" if value is None else read_text(_number_written(value, field), field)


def _number_written(value: object, field: str) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise RowError(field, "is not a finite number")
        return written(value, field)
    return value


def written(number: float, field: str) -> str:
    """Return a number in digits."""
    try:
        return str(number)
    except ValueError:
        raise RowError(field, "is a number of too many digits") from None


def read_optional_text(value: object, field: str) -> str | None:
    """Return a text, or None where the field says nothing."""
    return None if value is None else read_text(value, field).strip() or None


def read_text(value: object, field: str) -> str:
    """Return any text that can be written as UTF-8."""
    if value is None:
        raise RowError(field, "is empty (null)")
    if not isinstance(value, str):
        raise RowError(field, f"must be text, not {name_type(value)}")
    if "\x00" in value:
        raise RowError(field, "holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RowError(field, "holds half of a surrogate pair, which is not valid text") from None
    return value


_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_truth(value: object, field: str) -> bool:
    """Return whether a field says yes: true, yes or 1. A blank one says no.

    Raises:
        RowError: it says neither yes nor no.
    """
    if is_blank(value):
        return False
    told = _TRUTHS.get(
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip().casefold()
    )
    if told is None or not isinstance(value, str | int | float):
        raise RowError(
            field,
            f"{str(value)[:40]!r} is neither true nor false; if the column means something else: "
            f"data.columns.ignore: [{field}]",
            "is neither true nor false",
        )
    return told


def is_blank(value: object) -> bool:
    """Return whether a field says nothing: null, NaN, or text that is only space."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def is_empty(value: object) -> bool:
    """Return whether a field holds nothing at all, however deep: blanks, empty lists, lists of blanks."""
    if isinstance(value, Mapping):
        return all(map(is_empty, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_empty, value))
    return is_blank(value)


def parse_nested(value: object) -> object:
    """Return the list or object that a text spells in JSON or as a Python literal; anything else as it is.

    CSV files hold lists so. pandas writes those of Parquet files as NumPy does, which is read too.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_LITERAL:
        return value
    text = value.strip()
    if (text[:1], text[-1:]) not in (("[", "]"), ("{", "}")):
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    # A list of NumPy has no commas, and Python joins texts that stand side by side.
    for spelled in (_SPACED.sub(", ", _ARRAY.sub(r"\1", text)), text):
        try:
            return ast.literal_eval(spelled)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return value


def name_type(value: object) -> str:
    """Return what a value is, for messages."""
    return "null" if value is None else type(value).__name__
