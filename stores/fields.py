"""What the fields of a raw row may hold: text that a model can be sent, and nothing else."""

import math


class RowError(Exception):
    """A row cannot become a sample; whoever knows the file and the line turns it into a `DataError`."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def read_prompt(value: object, field: str) -> str:
    """Return a text that says something, without the space around it.

    Raises:
        RowError: it is no such text. So do all that read a field.
    """
    text = read_text(value, field).strip()
    if not text:
        raise RowError(field, "is empty")
    return text


def read_answer(value: object, field: str) -> str:
    """Return an answer's text; files often hold answers that are numbers as numbers."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise RowError(field, "is not a finite number")
        value = written(value, field)
    return read_prompt(value, field)


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


def is_blank(value: object) -> bool:
    """Return whether a field says nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def name_type(value: object) -> str:
    """Return what a value is, for messages."""
    return "null" if value is None else type(value).__name__
