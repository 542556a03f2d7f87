"""The SQLite files of a run: how threads share one, whose it is, and what becomes of a damaged one."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from stores.errors import RunDirectoryError


class Layout(NamedTuple):
    """What an SQLite file holds, and how one tells it from every other file."""

    kind: int
    """SQLite's `application_id`: tells our files of this kind from all others."""
    version: int
    """SQLite's `user_version`: goes up with every change of the schema."""
    schema: str
    """The statements that make its tables."""


class Database:
    """An SQLite file that threads share.

    One statement or transaction at a time, and none while it is closed: Python's module crashes where a
    connection is closed under a statement, as a stage that is given up would do.

    Args:
        path: the file, created where it does not exist.
        layout: what it holds.
        read_only: read a file that is there, and write nothing, on a read-only disk either.

    Raises:
        RunDirectoryError: the file is not ours, or another version of RobustFT wrote it.
        sqlite3.Error: it is no database, or cannot be written. So do all its methods.
    """

    def __init__(self, path: Path, layout: Layout, *, read_only: bool = False) -> None:
        # Reentrant: what a transaction stores may be read from the same file.
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(_address(path, read_only), check_same_thread=False, uri=True)
        try:
            is_empty = _is_empty(self._connection)
            if is_empty and read_only:
                raise sqlite3.OperationalError("the file is empty")
            if not is_empty:
                _check(self._connection, path, layout)
            if not read_only:
                _prepare(self._connection, layout if is_empty else None)
        except (sqlite3.Error, RunDirectoryError):
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file and fold its write-ahead log away."""
        with self._lock:
            self._connection.close()

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(query, arguments).fetchall()

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield all rows of a query, a few in memory at a time; the file must not be closed meanwhile."""
        with self._lock:
            yield from self._connection.execute(query)

    def row(self, query: str, *arguments: object) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        found = self.rows(query, *arguments)
        return found[0] if found else None

    def change(self, statement: str, *arguments: object) -> int:
        """Commit one statement; returns how many rows it changed."""
        with self.transaction() as connection:
            return connection.execute(statement, arguments).rowcount

    def change_each(self, statement: str, rows: Iterable[tuple[object, ...]]) -> int:
        """Commit a statement for each of many rows, streaming, all or none; returns how many it changed."""
        with self.transaction() as connection:
            return connection.executemany(statement, rows).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block does through the connection, all or none."""
        with self._lock, self._connection:
            yield self._connection


def _address(path: Path, read_only: bool) -> str:
    """Return the URI by which SQLite opens a file."""
    if not read_only:
        return f"{path.absolute().as_uri()}?mode=rwc"
    log = path.with_name(f"{path.name}-wal")
    # A write-ahead log has to be read, too, and may be growing. Without one nobody is writing: SQLite is told
    # so, or it would make a log and an index of it.
    is_complete = not log.exists() or not log.stat().st_size
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_complete else ''}"


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _check(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    """Check that this version of RobustFT reads a file."""
    ((kind,),) = connection.execute("PRAGMA application_id")
    if kind != layout.kind:
        raise RunDirectoryError(f"{path}: is no such file of RobustFT's; move it away and try again")
    ((version,),) = connection.execute("PRAGMA user_version")
    if version != layout.version:
        which = "a newer" if version > layout.version else "an earlier"
        raise RunDirectoryError(
            f"{path}: was written by {which} version of RobustFT (its layout is {version}, not "
            f"{layout.version}); use that version, or begin a new run with another --out"
        )


def _prepare(connection: sqlite3.Connection, missing: Layout | None) -> None:
    """Make a file ready for writing, and make its tables where it has none."""
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL loses nothing when the process dies; a power cut can cost the last commits.
    connection.execute("PRAGMA synchronous = NORMAL")
    if missing is not None:
        stamp = f"PRAGMA application_id = {missing.kind}; PRAGMA user_version = {missing.version};"
        # All or nothing: a file that has a table has its version, too.
        connection.executescript(f"BEGIN IMMEDIATE; {missing.schema} {stamp} COMMIT;")


def set_aside_if_damaged(path: Path) -> Path | None:
    """Rename an SQLite file that is damaged; returns its new path, or None where it is whole or missing.

    Raises:
        OSError: it cannot be renamed.
    """
    if not path.exists() or _is_whole(path):
        return None
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def is_damage(error: Exception) -> bool:
    """Say whether an error means that an SQLite file is damaged, and not locked, read-only or the like."""
    # Not its subclasses, which have other codes or none.
    if type(error) is not sqlite3.DatabaseError:
        return False
    return error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError as exc:
        if is_damage(exc):
            return False
        raise
