"""The run's journal: every sample, every decision and every finished stage, in one SQLite file.

SQLite in WAL mode gives what a run needs of its record: a committed decision survives a kill, one sample has
one decision however often it is written, and a million of them are read in order without being held. The
JSON lines in the run directory are exports of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

from stores.database import Database, Layout
from stores.errors import DamageError, reading_row
from stores.sample import Sample, with_wordings
from stores.validity import COLUMNS as VALIDITY_COLUMNS
from stores.validity import SCHEMA as VALIDITY
from stores.validity import Validity

Split = Literal["train", "test", "guard"]
Status = Literal["clean", "noisy", "relabelled", "failed"]

_BATCH = 1000
_SCHEMA = f"""
CREATE TABLE samples (
    split TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
    checksum INTEGER NOT NULL, PRIMARY KEY (split, id)
) WITHOUT ROWID;
CREATE INDEX samples_in_order ON samples (split, position);
CREATE TABLE decisions (
    id TEXT PRIMARY KEY, status TEXT NOT NULL, uncertainty REAL, kept INTEGER, record TEXT NOT NULL,
    checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX decisions_by_status ON decisions (status);
{VALIDITY}
CREATE TABLE skipped (position INTEGER PRIMARY KEY, record TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE stages (
    name TEXT PRIMARY KEY, seconds REAL NOT NULL, report TEXT, checksum INTEGER NOT NULL
);
"""
LAYOUT = Layout(
    kind=0x5246544A,
    version=3,
    schema=_SCHEMA,
    tables={
        "samples": {"split": "TEXT", "position": "INTEGER", "id": "TEXT", "data": "TEXT"},
        "decisions": {
            "id": "TEXT",
            "status": "TEXT",
            "uncertainty": "REAL",
            "kept": "INTEGER",
            "record": "TEXT",
        },
        "validity": VALIDITY_COLUMNS,
        "skipped": {"position": "INTEGER", "record": "TEXT"},
        "stages": {"name": "TEXT", "seconds": "REAL", "report": "TEXT"},
    },
)
_SAMPLE = f"{LAYOUT.is_whole('samples')}, samples.position, samples.data"
_DECISION = (
    f"{LAYOUT.is_whole('decisions')}, decisions.id, decisions.status, decisions.record, "
    "decisions.uncertainty, decisions.kept"
)
_UPDATE_SAMPLE = """UPDATE samples SET data = ?1, checksum = row_sum(split, position, id, ?1)
    WHERE split = ?3 AND id = ?2"""
_SUM_DECISIONS = f"UPDATE decisions SET checksum = {LAYOUT.sum_of('decisions')}"  # noqa: S608


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
        owner: the run whose journal a new file is.

    Raises:
        RunDirectoryError: the file is no journal, or another version of RobustFT wrote it.
        sqlite3.Error: it is damaged, or cannot be read or written.
        DamageError: a row of it is not what was written. So do all its methods that read.
    """

    def __init__(self, path: Path, *, read_only: bool = False, owner: str = "") -> None:
        self._database = Database(path, LAYOUT, read_only=read_only, owner=owner)
        self.owner = self._database.owner
        """The run whose journal it is."""
        self.validity = Validity(self._database, LAYOUT)
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
                    LAYOUT.insert("samples"),
                    [
                        (split, count + offset, sample.id, sample.model_dump_json(exclude_defaults=True))
                        for offset, sample in enumerate(batch)
                    ],
                )
                count += len(batch)
        return count

    def skip_rows(self, records: Iterable[str]) -> None:
        """Keep rows of the data files that were set aside, after those before; each is a line of JSON."""
        count = len(self.skipped_rows())
        self._database.change_each(LAYOUT.insert("skipped"), enumerate(records, count))

    def skipped_rows(self) -> list[str]:
        """Return the rows of the data files that were set aside, a line of JSON each."""
        query = f"SELECT {LAYOUT.is_whole('skipped')}, record FROM skipped ORDER BY position"  # noqa: S608
        rows = self._database.rows(query)
        if not all(is_whole for is_whole, _ in rows):
            raise DamageError("a row that was set aside, in the journal")
        return [record for _, record in rows]

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
        updated = ((sample.model_dump_json(exclude_defaults=True), sample.id, split) for sample in samples)
        self._database.change_each(_UPDATE_SAMPLE, updated)

    def samples(self, split: Split) -> Iterator[Sample]:
        """Yield a dataset in its order."""
        query = f"SELECT {_SAMPLE} FROM samples WHERE split = ?"  # noqa: S608
        for expected, row in enumerate(self._pages(query, split)):
            if row[1] != expected:
                raise DamageError(f"the journal (it lacks sample {expected + 1} of {split})")
            yield _to_sample(*row)

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
        if not changes and self.validity.has_trusted:
            return 0
        kept = {name: text for name, text in before.items() if name in responses}
        kept |= {sample.id: sample.trusted for sample in changes if sample.trusted is not None}
        if changes:
            self.validity.invalidate_calibration()
        with self._database.transaction() as connection:
            connection.executemany(
                _UPDATE_SAMPLE,
                [(sample.model_dump_json(exclude_defaults=True), sample.id, "train") for sample in changes],
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
        query = f"SELECT {_SAMPLE} FROM samples WHERE split = 'train' AND id = ?"  # noqa: S608
        row = self._database.row(query, identifier)
        return _to_sample(*row) if row else None

    def undecided(self) -> Iterator[Sample]:
        """Yield the training samples that have no decision yet, in the dataset's order."""
        query = f"""SELECT {_SAMPLE} FROM samples LEFT JOIN decisions USING (id)
            WHERE split = 'train' AND decisions.id IS NULL"""  # noqa: S608
        for row in self._pages(query):
            yield _to_sample(*row)

    def record(self, entries: Iterable[Entry]) -> int:
        """Store decisions in one transaction, streaming; returns how many.

        A sample's later decision replaces its earlier one.
        """
        return self._database.change_each(
            LAYOUT.insert("decisions", "INSERT OR REPLACE"),
            ((entry.id, entry.status, entry.uncertainty, entry.kept, entry.record) for entry in entries),
        )

    def forget(self, status: Status | None = None) -> int:
        """Delete the decisions of one status, or all, so that they are made again; returns how many."""
        return self._database.change("DELETE FROM decisions WHERE status = coalesce(?, status)", status)

    def entries(self, status: Status | None = None) -> Iterator[tuple[Sample, Entry]]:
        """Yield decided samples with their decisions, in the dataset's order, of one status or of all."""
        query = f"""SELECT {_SAMPLE}, {_DECISION} FROM samples JOIN decisions USING (id)
            WHERE split = 'train' AND status = coalesce(?, status)"""  # noqa: S608
        for row in self._pages(query, status):
            yield _to_sample(*row[:3]), _to_entry(*row[3:])

    def entries_from(self, position: int, count: int) -> list[tuple[Sample, Entry]]:
        """Return the decided ones among so many samples from a position of the dataset on, in its order."""
        rows = self._database.rows(
            f"""SELECT {_SAMPLE}, {_DECISION} FROM samples JOIN decisions USING (id)
            WHERE split = 'train' AND position >= ? AND position < ? ORDER BY position""",  # noqa: S608
            position,
            position + count,
        )
        return [(_to_sample(*row[:3]), _to_entry(*row[3:])) for row in rows]

    def clean_after(self, position: int) -> tuple[list[Sample], int]:
        """Return clean samples in the dataset's order, as far as every sample has a decision; a page at most.

        Args:
            position: where to go on; -1 for the beginning.

        Returns:
            The clean samples beyond that position, and the position reached.
        """
        rows = self._database.rows(
            f"""SELECT {_SAMPLE}, {_DECISION} FROM samples LEFT JOIN decisions USING (id)
            WHERE split = 'train' AND position > ? ORDER BY position LIMIT ?""",  # noqa: S608
            position,
            _BATCH,
        )
        samples = []
        for is_whole, at, data, *decision in rows:
            if decision[1] is None:
                break
            position = at
            if _to_entry(*decision).status == "clean":
                samples.append(_to_sample(is_whole, at, data))
        return samples, position

    def entry(self, identifier: str) -> Entry | None:
        """Return one sample's decision, or None."""
        row = self._database.row(f"SELECT {_DECISION} FROM decisions WHERE id = ?", identifier)  # noqa: S608
        return _to_entry(*row) if row else None

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
            connection.execute(_SUM_DECISIONS)

    def end_stage(self, name: str, seconds: float, report: str | None) -> None:
        """Record that a stage ended: with its report (JSON), or interrupted (None). Seconds add up."""
        with self._database.transaction() as connection:
            before = self.stages().get(name, (0.0, None))[0]
            connection.execute(
                LAYOUT.insert("stages", "INSERT OR REPLACE"), (name, float(before + seconds), report)
            )

    def stages(self) -> dict[str, tuple[float, str | None]]:
        """Return each stage's seconds and its report (JSON), None where it was interrupted."""
        query = f"SELECT {LAYOUT.is_whole('stages')}, name, seconds, report FROM stages"  # noqa: S608
        found = {}
        for is_whole, name, seconds, report in self._database.rows(query):
            if not is_whole:
                raise DamageError("what a stage did, in the journal")
            found[name] = (seconds, report)
        return found

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
            position = rows[-1][1]


def _to_sample(is_whole: int | None, position: int, data: str) -> Sample:
    with reading_row("a sample in the journal"):
        if not is_whole:
            raise ValueError("its checksum is another")
        return Sample.model_validate_json(data)


def _to_entry(
    is_whole: int | None,
    identifier: str,
    status: Status,
    record: str,
    uncertainty: float | None,
    kept: int | None,
) -> Entry:
    if not is_whole or status not in get_args(Status):
        raise DamageError("a decision in the journal")
    return Entry(identifier, status, record, uncertainty, None if kept is None else bool(kept))
