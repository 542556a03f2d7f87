"""The rows of a source that cannot be used: set aside, or told together in one message."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from stores.errors import DataError
from stores.fields import RowError
from stores.records import Skipped

OnBadRow = Literal["error", "skip"]
"""What becomes of a row that cannot be used: the reading stops, or the row is set aside."""

_NAMED = 5

_log = logging.getLogger("robustft.data")


class BadRows:
    """The rows of a source that cannot be used: set aside, or counted for the message that ends the reading.

    Args:
        source: the file, or what messages call samples in memory.
        on_bad_row: what becomes of a bad row; None is as `error`, but tells of no setting.
        skip: is told of each row that is set aside.
        has_lines: whether the rows have lines; those in memory have places.
    """

    def __init__(
        self,
        source: str | Path,
        on_bad_row: OnBadRow | None,
        skip: Callable[[Skipped], None] | None,
        *,
        has_lines: bool = True,
    ) -> None:
        self._source = source
        self._skips = on_bad_row == "skip"
        self._hints = on_bad_row == "error"
        self._skip = skip
        self._has_lines = has_lines
        # Those of the first lines, whatever the order in which they are found.
        self._first: list[tuple[int, RowError]] = []
        self._reasons: Counter[str] = Counter()

    def place(self, line: int) -> str:
        """Return what messages call a row."""
        return f"line {line}" if self._has_lines else f"{self._source}[{line}]"

    @property
    def stops(self) -> bool:
        """Whether the reading ends with an error."""
        return bool(self._first) and not self._skips

    def add(self, line: int, error: RowError) -> None:
        """Set a row aside, or count it."""
        if len(self._first) < _NAMED or line < self._first[-1][0]:
            self._first = sorted([*self._first, (line, error)], key=lambda found: found[0])[:_NAMED]
        self._reasons[error.reason] += 1
        if self._skips and self._skip is not None:
            self._skip(Skipped(file=str(self._source), line=line, field=error.field, reason=error.message))

    def end(self, used: int) -> None:
        """End the reading.

        Args:
            used: how many rows could be used.

        Raises:
            DataError: a row cannot be used and none may be set aside, or none at all can be used. It says
                what is wrong with the first, names the lines of the first five, and counts all.
        """
        if not self._first:
            return
        line, error = self._first[0]
        bad = self._reasons.total()
        if self._skips and used:
            _log.warning(
                "%s: %d of %d rows are set aside: %s", self._source, bad, used + bad, self._counted()
            )
            return
        path, at = (self._source, line) if self._has_lines else (self.place(line), None)
        message = error.message
        if bad > 1:
            message += f"; in all {bad} of {used + bad} rows cannot be used: {self._counted()}"
        if self._hints and used:
            message += "; data.on_bad_row: skip sets such rows aside"
        raise DataError(message, path=path, line=at, field=error.field) from error

    def _counted(self) -> str:
        """Return the commonest reasons, and where the first rows are."""
        told = [f"{count} {reason}" for reason, count in self._reasons.most_common(_NAMED)]
        others = len(self._reasons) - len(told)
        reasons = ", ".join(told) + (f", and {others} other reasons" if others else "")
        lines = [str(line) for line, _ in self._first]
        more = self._reasons.total() - len(lines)
        what = "lines" if self._has_lines else "places"
        return f"{reasons} ({what} {', '.join(lines)}{f' and {more} more' if more else ''})"
