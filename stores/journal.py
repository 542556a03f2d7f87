"""The run's journal: every sample, every decision and every finished stage, in one SQLite file.

SQLite in WAL mode gives what a run needs of its record: a committed decision survives a kill, one sample has
one decision however often it is written, and a million of them are read in order without being held. The
JSON lines in the run directory are exports of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from stores.database import Database, Layout
from stores.errors import reading_row
from stores.sample import Sample, with_wordings
from stores.validity import SCHEMA as VALIDITY
from stores.validity import Validity

Split = Literal["train", "test", "guard"]
Status = Literal["clean", "noisy", "relabelled", "failed"]

_BATCH = 1000
_SCHEMA = f"""
CREATE TABLE samples (
    split TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (split, id)
) WITHOUT ROWID;
CREATE INDEX samples_in_order ON samples (split, position);
CREATE TABLE decisions (
    id TEXT PRIMARY KEY, status TEXT NOT NULL, uncertainty REAL, kept INTEGER, record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX decisions_by_status ON decisions (status);
{VALIDITY}
CREATE TABLE stages (name TEXT PRIMARY KEY, seconds REAL NOT NULL, report TEXT);
"""
_LAYOUT = Layout(kind=0x5246544A, version=2, schema=_SCHEMA)


@dataclass(frozen=True)
class Entry:
    """One sample's decision as the journal keeps it: the record is JSON that only the graph reads."""

    id: str
    status: Status
    record: str
    uncertainty: float | None = None
    kept: bool | None = None


class Journal:
    """The SQLite file of one run. Calls block for microseconds; drive it from a thread in async code.

    Args:
        path: the file, created with its tables where it does not exist.
        read_only: read a journal that is there; nothing is written, not even a lock.

    Raises:
        RunDirectoryError: the file is no journal, or another version of RobustFT wrote it.
        sqlite3.Error: it is damaged, or cannot be read or written.
        StorageError: a row of it cannot be read.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._database = Database(path, _LAYOUT, read_only=read_only)
        self.validity = Validity(self._database)
        """Which of the run's outcomes are valid."""

    def close(self) -> None:
        """Close the file and fold its write-ahead log away."""
        self._database.close()

    def add_samples(self, split: Split, samples: Iterable[Sample]) -> int:
        """Store a dataset in its order, streaming, in place of any that there was; returns its size."""
        count = 0
        iterator = iter(samples)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM samples WHERE split = ?", (split,))
            while batch := list(islice(iterator, _BATCH)):
                connection.executemany(
                    "INSERT INTO samples VALUES (?, ?, ?, ?)",
                    [
                        (split, count + offset, sample.id, sample.model_dump_json(exclude_defaults=True))
                        for offset, sample in enumerate(batch)
                    ],
                )
                count += len(batch)
        return count

    def set_kinds(self, split: Split, kind: Callable[[Sample], str]) -> None:
        """Set the kind of the answers of every sample of a dataset, in one transaction."""
        samples = self.samples(split)
        self._change(split, (sample.model_copy(update={"kind": kind(sample)}) for sample in samples))

    def set_wordings(self, wordings: Mapping[str, tuple[str, ...]]) -> None:
        """Set the other wordings of the test samples' prompts, in one transaction; those before are gone.

        Args:
            wordings: by the samples' ids.
        """
        self._change("test", with_wordings(self.samples("test"), wordings))

    def _change(self, split: Split, samples: Iterable[Sample]) -> None:
        updated = ((sample.model_dump_json(exclude_defaults=True), sample.id) for sample in samples)
        query = f"UPDATE samples SET data = ? WHERE split = '{split}' AND id = ?"  # noqa: S608 (a literal)
        self._database.change_each(query, updated)

    def samples(self, split: Split) -> Iterator[Sample]:
        """Yield a dataset in its order."""
        query = "SELECT position, data FROM samples WHERE split = ?"
        for _, data in self._pages(query, split):
            yield _to_sample(data)

    def trust(self, responses: Mapping[str, str]) -> int:
        """Take the trusted responses of a file, in place of those of an earlier file.

        What the data themselves vouch for stays. The samples that change lose their decisions, and what
        follows from all verdicts is invalid.

        Args:
            responses: by the samples' ids.

        Returns:
            How many samples change.
        """
        before = self.validity.trusted
        changes = []
        for identifier in dict.fromkeys((*before, *responses)):
            sample, trusted = self.sample(identifier), responses.get(identifier)
            if sample is not None and sample.trusted != trusted and self._is_of_a_file(sample, before):
                changes.append(sample.model_copy(update={"trusted": trusted}))
        if not changes:
            return 0
        kept = {name: text for name, text in before.items() if name in responses}
        kept |= {sample.id: sample.trusted for sample in changes if sample.trusted is not None}
        self.validity.invalidate_calibration()
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE samples SET data = ? WHERE split = 'train' AND id = ?",
                [(sample.model_dump_json(exclude_defaults=True), sample.id) for sample in changes],
            )
            connection.executemany("DELETE FROM decisions WHERE id = ?", [(sample.id,) for sample in changes])
            self.validity.keep_trusted(connection, kept)
        return len(changes)

    def _is_of_a_file(self, sample: Sample, before: Mapping[str, str]) -> bool:
        """Say whether a sample's trusted response is none of the data's own."""
        return sample.trusted is None or sample.id in before

    def count_samples(self, split: Split) -> int:
        """Return the size of a dataset."""
        return int(self._database.rows("SELECT count(*) FROM samples WHERE split = ?", split)[0][0])

    def sample(self, identifier: str) -> Sample | None:
        """Return the training sample of this id, or None."""
        row = self._database.row("SELECT data FROM samples WHERE split = 'train' AND id = ?", identifier)
        return _to_sample(row[0]) if row else None

    def undecided(self) -> Iterator[Sample]:
        """Yield the training samples that have no decision yet, in the dataset's order."""
        query = """SELECT position, data FROM samples LEFT JOIN decisions USING (id)
            WHERE split = 'train' AND decisions.id IS NULL"""
        for _, data in self._pages(query):
            yield _to_sample(data)

    def record(self, entries: Iterable[Entry]) -> int:
        """Store decisions in one transaction, streaming; returns how many.

        A sample's later decision replaces its earlier one.
        """
        return self._database.change_each(
            "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?)",
            ((entry.id, entry.status, entry.uncertainty, entry.kept, entry.record) for entry in entries),
        )

    def forget(self, status: Status | None = None) -> int:
        """Delete the decisions of one status, or all, so that they are made again; returns how many."""
        return self._database.change("DELETE FROM decisions WHERE status = coalesce(?, status)", status)

    def entries(self, status: Status | None = None) -> Iterator[tuple[Sample, Entry]]:
        """Yield decided samples with their decisions, in the dataset's order, of one status or of all."""
        query = """SELECT position, data, decisions.id, status, record, uncertainty, kept
            FROM samples JOIN decisions USING (id)
            WHERE split = 'train' AND status = coalesce(?, status)"""
        for _, data, *columns in self._pages(query, status):
            yield _to_sample(data), _to_entry(columns)

    def entries_from(self, position: int, count: int) -> list[tuple[Sample, Entry]]:
        """Return the decided ones among so many samples from a position of the dataset on, in its order."""
        rows = self._database.rows(
            """SELECT data, decisions.id, status, record, uncertainty, kept
            FROM samples JOIN decisions USING (id)
            WHERE split = 'train' AND position >= ? AND position < ? ORDER BY position""",
            position,
            position + count,
        )
        return [(_to_sample(data), _to_entry(columns)) for data, *columns in rows]

    def clean_after(self, position: int) -> tuple[list[Sample], int]:
        """Return clean samples in the dataset's order, as far as every sample has a decision; a page at most.

        Args:
            position: where to go on; -1 for the beginning.

        Returns:
            The clean samples beyond that position, and the position reached.
        """
        rows = self._database.rows(
            """SELECT position, data, status FROM samples LEFT JOIN decisions USING (id)
            WHERE split = 'train' AND position > ? ORDER BY position LIMIT ?""",
            position,
            _BATCH,
        )
        samples = []
        for at, data, status in rows:
            if status is None:
                break
            position = at
            if status == "clean":
                samples.append(_to_sample(data))
        return samples, position

    def entry(self, identifier: str) -> Entry | None:
        """Return one sample's decision, or None."""
        row = self._database.row(
            "SELECT id, status, record, uncertainty, kept FROM decisions WHERE id = ?", identifier
        )
        return _to_entry(row) if row else None

    def count_status(self) -> dict[str, int]:
        """Return how many decisions there are of each status."""
        return dict(self._database.rows("SELECT status, count(*) FROM decisions GROUP BY status"))

    def keep(self, chosen: set[str]) -> None:
        """Mark the relabelled samples as kept or not; clean ones are always kept, failed ones never."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE decisions SET kept = (status = 'clean')")
            connection.executemany(
                "UPDATE decisions SET kept = 1 WHERE id = ?", [(identifier,) for identifier in chosen]
            )

    def end_stage(self, name: str, seconds: float, report: str | None) -> None:
        """Record that a stage ended: with its report (JSON), or interrupted (None). Seconds add up."""
        self._database.change(
            """INSERT INTO stages VALUES (?, ?, ?) ON CONFLICT (name)
            DO UPDATE SET seconds = seconds + excluded.seconds, report = excluded.report""",
            name,
            seconds,
            report,
        )

    def stages(self) -> dict[str, tuple[float, str | None]]:
        """Return each stage's seconds and its report (JSON), None where it was interrupted."""
        rows = self._database.rows("SELECT name, seconds, report FROM stages")
        return {name: (seconds, report) for name, seconds, report in rows}

    def outcome(self, stage: str) -> dict[str, Any] | None:
        """Return what a stage reported when it ended; None where it was interrupted or has not begun.

        Raises:
            StorageError: the report cannot be read.
        """
        _, report = self.stages().get(stage, (0.0, None))
        if report is None:
            return None
        with reading_row(f"the outcome of the stage {stage} in the journal"):
            return dict(json.loads(report))

    def _pages(self, query: str, *arguments: object) -> Iterator[tuple[Any, ...]]:
        # Pages by position instead of one open cursor: a cursor held for hours would keep the write-ahead
        # log from being folded away, and would see rows change under it.
        position = -1
        page = f"{query} AND position > ? ORDER BY position LIMIT {_BATCH}"
        while rows := self._database.rows(page, *arguments, position):
            yield from rows
            position = rows[-1][0]


def _to_sample(data: str) -> Sample:
    with reading_row("a sample in the journal"):
        return Sample.model_validate_json(data)


def _to_entry(columns: Sequence[Any]) -> Entry:
    identifier, status, record, uncertainty, kept = columns
    return Entry(identifier, status, record, uncertainty, None if kept is None else bool(kept))
