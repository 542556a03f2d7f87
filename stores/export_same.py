"""Giving a user's own file back: its rows, columns, order and spelling, with the new responses in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stores.atomic import atomic_path
from stores.errors import DataError
from stores.export import Result, What, writing
from stores.fields import RowError
from stores.files.rows import STATUS, Row
from stores.respelling import respell
from stores.rows import rewrite_source
from stores.sample import Sample
from stores.survey import Reading


def export_same(
    results: Iterator[Result],
    source: str,
    reading: Reading,
    skipped: set[int],
    target: Path,
    what: What = "all",
) -> int:
    """Write a run's data file again with new responses, and a column that says what became of each row.

    The column `robustft` is `kept`, `changed` or `dropped`; `skipped` of a row that was set aside; `unread`
    of one beyond `data.limit`. Only a changed row has another response. Every other cell stays as it is.

    Args:
        results: what became of each sample, in the order of the data.
        source: the data file that the run has read.
        reading: how it is read.
        skipped: the lines of the rows that were set aside.
        target: the file to write; an existing one is replaced.
        what: which rows to write.

    Returns:
        The number of rows written.

    Raises:
        DataError: the file has changed since the run read it, or cannot be read; a new response cannot be
            said in it; or the target cannot be written.
    """
    revision = _Revision(results, source, reading, skipped, what)
    with writing(target), atomic_path(target) as temporary, temporary.open("xb") as file:
        rewrite_source(source, file, revision.revise)
        revision.end()
    return revision.count


class _Revision:
    """Meets the rows of a file with what became of them."""

    def __init__(
        self, results: Iterator[Result], source: str, reading: Reading, skipped: set[int], what: What
    ) -> None:
        self._results, self._reading, self._skipped, self._what = results, reading, skipped, what
        self._source = source
        self._next = next(results, None)
        self.count = 0

    def revise(self, line: int, row: Row | RowError) -> Row | None:
        """Return the row to write; None to leave it out."""
        if line in self._skipped or isinstance(row, RowError):
            return self._passed({} if isinstance(row, RowError) else row, "skipped")
        result = self._next
        if result is None:
            return self._passed(row, "unread")
        self._check_same(line, row, result.sample)
        self._next = next(self._results, None)
        if not result.is_among(self._what):
            return None
        self.count += 1
        return {**self._responded(line, row, result), STATUS: result.fate}

    def end(self) -> None:
        """Check that the file holds all samples of the run.

        Raises:
            DataError: it ends before them.
        """
        if self._next is not None:
            raise self._changed(f"sample '{self._next.sample.id}' is not in it")

    def _passed(self, row: Row, status: str) -> Row | None:
        if self._what != "all":
            return None
        self.count += 1
        return {**row, STATUS: status}

    def _responded(self, line: int, row: Row, result: Result) -> dict[str, Any]:
        if result.fate != "changed":
            return row
        response = result.row.completion[0].content
        revised = respell(row, self._reading, response)
        if revised is None:
            raise DataError(
                f"has no way to say the new response of sample '{result.sample.id}', {response[:80]!r}; "
                "export another format",
                path=self._source,
                line=line,
            )
        return revised

    def _check_same(self, line: int, row: Row, sample: Sample) -> None:
        try:
            found = self._reading.sample(row, noisy=True)
        except RowError as error:
            raise self._changed(f"line {line} cannot be read any more: {error.message}") from error
        # The id of a row that repeats an earlier one has a number behind it.
        is_same_id = sample.id == found.id or sample.id.startswith(f"{found.id}-")
        parts = ("prompt", "response", "options", "history")
        if not is_same_id or any(getattr(found, part) != getattr(sample, part) for part in parts):
            raise self._changed(f"line {line} is not sample '{sample.id}'")

    def _changed(self, how: str) -> DataError:
        return DataError(
            f"has changed since the run read it ({how}); put it back as it was, or export another format",
            path=self._source,
        )
