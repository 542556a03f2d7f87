"""The SQLite files of a run: how they are opened, and what becomes of a damaged one."""

import sqlite3
from contextlib import closing
from pathlib import Path


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """Open an SQLite file, made with its tables where it does not exist.

    Args:
        path: the file.
        schema: statements that make what is missing.

    Raises:
        sqlite3.Error: it is no database, or cannot be written.
    """
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode NORMAL loses nothing when the process dies; a power cut can cost the last commits.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(schema)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


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


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError as exc:
        # Locked, read-only or short of memory is not damaged.
        if exc.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        raise
