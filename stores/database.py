"""The SQLite files of a run: how threads share one, and what becomes of a damaged one."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any


class Database:
    """An SQLite file that threads share.

    One statement or transaction at a time, and none while it is closed: Python's module crashes where a
    connection is closed under a statement, as a stage that is given up would do.

    Args:
        path: the file, created where it does not exist.
        schema: statements that make what is missing.

    Raises:
        sqlite3.Error: it is no database, or cannot be written. So do all its methods.
    """

    def __init__(self, path: Path, schema: str) -> None:
        # Reentrant: what a transaction stores may be read from the same file.
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL loses nothing when the process dies; a power cut can cost the last commits.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(schema)
        except sqlite3.Error:
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
