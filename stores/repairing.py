"""What becomes of a run directory before a run goes on in it: what is damaged is made whole, or told.

Nothing of it is believed because it is there. The databases are read row by row, the manifest and its copy in
the journal are compared with each other and with the config. What is lost is made anew from what is whole:
a decision from the replies, a journal from the data, a prompt from the manifest. What the run cannot make
is one message that says what to do, and nothing is changed before it.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from stores.atomic import write_text_atomically
from stores.database import Database, Layout, check_structure, is_damage, set_aside
from stores.errors import DamageError, RunDirectoryError
from stores.journal import LAYOUT as JOURNAL
from stores.journal import Journal
from stores.manifest import Manifest, load_manifest, read_manifest
from stores.places import remove_left_over
from stores.replacement import finish_replacing
from stores.replies import LAYOUT as REPLIES
from stores.run_directory import RunDirectory
from stores.validity import MADE_ANEW

_ANEW = "what only it held is made anew"


class _Found(NamedTuple):
    """What a database looks like."""

    owner: str | None
    """The run that it belongs to; None where it is damaged as a whole."""
    damaged: dict[str, int]
    """How many rows of each table are not what was written."""

    @property
    def is_lost(self) -> bool:
        return self.owner is None


def make_whole(files: RunDirectory) -> list[str]:
    """Make a run directory whole; returns a line for each thing that was damaged, and what becomes of it.

    Args:
        files: the run's, which nobody else works in.

    Raises:
        RunDirectoryError: what is lost cannot be made anew, or files of two runs are mixed.
        OSError: a file cannot be read or written.
        sqlite3.Error: a database cannot be read, though it is not damaged.
    """
    remove_left_over(files.path)
    finish_replacing(files)
    journal, replies = _look_at(files.journal, JOURNAL), _look_at(files.replies, REPLIES)
    manifest, notes, is_foreign = _settle_manifest(files, journal)
    if replies is not None and replies.owner not in (None, manifest.run):
        raise RunDirectoryError(
            f"{files.replies}: has the replies of another run; put this run's own back, or move it away: "
            "then `robustft resume` asks again for what is not decided"
        )
    if journal is not None:
        notes += _mend_journal(files, journal, manifest, is_foreign=is_foreign)
    else:
        notes.append(f"{files.journal}: is gone; {_ANEW}")
    if replies is not None:
        notes += _mend_replies(files.replies, replies)
    notes += _put_back(files, manifest)
    return notes


def _look_at(path: Path, layout: Layout) -> _Found | None:
    """Return what a database looks like; None where there is none.

    Raises:
        RunDirectoryError: it is none of ours, or of another version.
        sqlite3.Error: it cannot be read for another reason than damage.
    """
    if not path.exists() or not path.stat().st_size:
        # SQLite makes a new one of an empty file.
        return None
    try:
        with closing(Database(path, layout)) as database:
            with database.transaction() as connection:
                if not check_structure(connection):
                    return _Found(None, {})
            counts = {table: _count_damaged(database, layout, table) for table in layout.tables}
            return _Found(database.owner, {table: count for table, count in counts.items() if count})
    except (sqlite3.DatabaseError, DamageError) as exc:
        if is_damage(exc):
            return _Found(None, {})
        raise


def _count_damaged(database: Database, layout: Layout, table: str) -> int:
    row = database.row(f"SELECT count(*) FROM {table} WHERE NOT ({layout.is_whole(table, raw=True)})")  # noqa: S608
    return int(row[0]) if row else 0


def _settle_manifest(files: RunDirectory, journal: _Found | None) -> tuple[Manifest, list[str], bool]:
    """Return the run's manifest, what is to be told of it, and whether the journal is another run's."""
    own, copy = load_manifest(files.own), None
    owner = journal.owner if journal is not None else None
    if owner is not None:
        with suppress(DamageError), closing(Journal(files.journal, read_only=True)) as opened:
            copy = read_manifest(opened.validity.manifest or "")
    if own is None:
        if copy is None or copy.run != owner:
            # Says what is lost.
            return files.manifest(), [], False
        write_text_atomically(files.own, copy.to_text())
        return copy, [f"{files.own}: was damaged; it is put back from the journal"], False
    if owner in (None, own.run):
        return own, [], False
    fits = [kept is not None and _fits(files, kept) for kept in (own, copy)]
    if fits == [False, True] and copy is not None and copy.run == owner:
        write_text_atomically(files.own, copy.to_text())
        return copy, [f"{files.own}: was another run's; it is put back from the journal"], False
    if fits == [True, False]:
        return own, [], True
    raise RunDirectoryError(
        f"{files.path}: {files.name_of(files.own)} and {files.name_of(files.journal)} are of two runs; put "
        "this run's own back, or move the one away that is another's"
    )


def _fits(files: RunDirectory, manifest: Manifest) -> bool:
    with suppress(OSError):
        return files.config.read_bytes() == manifest.config.encode()
    return False


def _mend_journal(files: RunDirectory, found: _Found, manifest: Manifest, *, is_foreign: bool) -> list[str]:
    """Take out of the journal what is damaged, or set it aside as a whole."""
    if is_foreign:
        return [f"{set_aside(files.journal)}: is another run's journal; {_ANEW}"]
    if found.is_lost or found.damaged.keys() & {"samples", "skipped"}:
        return [f"{set_aside(files.journal)}: was damaged; {_ANEW}"]
    with closing(Database(files.journal, JOURNAL)) as database:
        if not _has_all_samples(database, manifest) or not _has_needed(database):
            is_lost = True
        else:
            is_lost = False
            for table in found.damaged:
                _delete_damaged(database, JOURNAL, table)
            if found.damaged:
                # What follows from all decisions.
                database.change(
                    "DELETE FROM validity WHERE name IN ('calibration', 'consensus', 'selection')"
                )
    if is_lost:
        return [f"{set_aside(files.journal)}: was damaged; {_ANEW}"]
    rows = sum(found.damaged.values())
    return [f"{files.journal}: {rows} rows were damaged; what they held is made anew"] if rows else []


def _has_all_samples(database: Database, manifest: Manifest) -> bool:
    query = "SELECT split, count(*), coalesce(max(position), -1) FROM samples GROUP BY split"
    for split, count, last in database.rows(query):
        known = manifest.data.get(split)
        if count != last + 1 or (known is not None and count != known.samples):
            return False
    return True


def _has_needed(database: Database) -> bool:
    damaged = f"SELECT name FROM validity WHERE NOT ({JOURNAL.is_whole('validity', raw=True)})"  # noqa: S608
    names = {name for (name,) in database.rows(damaged)}
    return names <= MADE_ANEW


def _mend_replies(path: Path, found: _Found) -> list[str]:
    if found.is_lost:
        return [f"{set_aside(path)}: was damaged; what is not decided is asked again"]
    with closing(Database(path, REPLIES)) as database:
        for table in found.damaged:
            _delete_damaged(database, REPLIES, table)
    rows = sum(found.damaged.values())
    return [f"{path}: {rows} rows were damaged; what they held is asked again"] if rows else []


def _delete_damaged(database: Database, layout: Layout, table: str) -> None:
    with database.transaction() as connection:
        connection.execute(f"DELETE FROM {table} WHERE NOT ({layout.is_whole(table, raw=True)})")  # noqa: S608


def _put_back(files: RunDirectory, manifest: Manifest) -> list[str]:
    """Write the config and the prompts again that are gone or empty; one that was changed is left."""
    notes = []
    own = {files.config: manifest.config}
    own |= {files.prompts / f"{name}.md": text for name, text in manifest.prompts.items()}
    for path, text in own.items():
        if _is_gone(path) and text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(path, text)
            notes.append(f"{path}: was gone or empty; the run's own is put back")
    return notes


def _is_gone(path: Path) -> bool:
    if path.is_symlink() or path.parent.is_symlink():
        return False
    return not path.exists() or (path.is_file() and not path.stat().st_size)
