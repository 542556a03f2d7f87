"""The first rows of a file: its columns, by the names that data sets give them, and what they hold."""

from collections.abc import Mapping, Sequence

from stores.column_names import simple_name
from stores.columns import look_up
from stores.fields import is_empty


class Head:
    """The first rows of a file: its columns, and what they hold."""

    def __init__(self, rows: Sequence[Mapping[str, object]], without: Sequence[str] = ()) -> None:
        left_out = self.without = set(without)
        self.rows = rows
        self.columns = tuple(dict.fromkeys(name for row in rows for name in row if name not in left_out))
        self._by_name: dict[str, str] = {}
        for column in self.columns:
            self._by_name.setdefault(simple_name(column), column)
        self._by_name |= {column: column for column in self.columns}

    def find(self, *names: str) -> str | None:
        """Return the first column of these names."""
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def find_all(self, names: Sequence[str]) -> tuple[str, ...] | None:
        """Return the columns of all these names; None where one is missing."""
        found = tuple(self._by_name[name] for name in names if name in self._by_name)
        return found if len(found) == len(names) else None

    def values(self, column: str) -> list[object]:
        """Return what a column holds, the empty values left out."""
        return [value for row in self.rows if not is_empty(value := look_up(row, column))]

    def says(self, column: str) -> bool:
        """Return whether a column holds anything."""
        return bool(self.values(column))

    def is_text(self, column: str) -> bool:
        """Return whether a column holds text or nothing."""
        return all(isinstance(value, str) for value in self.values(column))
