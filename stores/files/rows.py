"""What a file's rows are, however the file is made."""

import math
from collections.abc import Callable, Mapping

from stores.fields import RowError

Row = dict[str, object]
"""The columns of a row by their names."""

Revise = Callable[[int, Row | RowError], Row | None]
"""Takes a row with its line, and gives the row to write in its place; None to leave it out."""

STATUS = "robustft"
"""The column that `export --format same` adds: what became of the row."""

_NUMBER = frozenset("+-0123456789.eE")


def own_columns(row: Row) -> Row:
    """Return a row without the column that an earlier export added."""
    return {name: value for name, value in row.items() if name != STATUS}


def changed_columns(old: Row, new: Row) -> Row:
    """Return the columns that a revised row has anew or otherwise."""
    return {name: value for name, value in new.items() if name not in old or old[name] != value}


class NumberColumns:
    """Tells the columns in which pandas made whole numbers floats, from all rows of a file.

    pandas has no whole number beside a null: `1` becomes `1.0`. Such a column holds nothing but whole
    numbers and blanks. In a column of numbers, the text `NaN` is a blank.
    """

    def __init__(self) -> None:
        self._whole: dict[str, bool] = {}
        self._floats: set[str] = set()
        self._dead: set[str] = set()

    def add(self, row: Mapping[str, object]) -> bool:
        """Take a row into account; return whether any column may still be one of numbers."""
        for name, value in row.items():
            if name in self._dead or _says_nothing(value):
                continue
            number = _number(value)
            if number is None:
                self._dead.add(name)
                self._whole.pop(name, None)
                continue
            self._whole[name] = self._whole.get(name, True) and _is_whole(number)
            if isinstance(value, float) or "." in str(value):
                self._floats.add(name)
        return len(self._dead) < len(row)

    @property
    def numbers(self) -> set[str]:
        """The columns that hold numbers and blanks alone."""
        return set(self._whole)

    @property
    def whole(self) -> set[str]:
        """Those of them in which every number is whole, some of them written as floats."""
        return {name for name, whole in self._whole.items() if whole} & self._floats

    def tidy(self, row: Row) -> Row:
        """Return a row with pandas' floats as whole numbers again, and its NaN blank."""
        return {name: self._tidied(name, value) for name, value in row.items()}

    def _tidied(self, name: str, value: object) -> object:
        if name not in self._whole:
            return None if isinstance(value, float) and math.isnan(value) else value
        if _says_nothing(value):
            return "" if isinstance(value, str) else None
        if name not in self.whole:
            return value
        if isinstance(value, str):
            return value.strip().partition(".")[0]
        return int(value) if isinstance(value, float) else value


def _says_nothing(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan"))


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if not isinstance(value, str) or not _NUMBER.issuperset(value.strip()):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_whole(number: float) -> bool:
    # Beyond 2 to the 53rd a float is no longer the number that was meant.
    return abs(number) < 2**53 and number == int(number)
