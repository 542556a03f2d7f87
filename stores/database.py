"""The SQLite files of a run: how threads share one, whose it is, and how a damaged row is told.

SQLite checks the structure of a file and not what is in it: a flipped bit in a text is as good to it as any
other. So every row has a checksum, which `row_sum` makes in SQL from the other columns and from the run that
the file belongs to. A row of another run's file is as wrong as a damaged one.
"""

import secrets
import shutil
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from stores.errors import DamageError, RunDirectoryError


class Layout(NamedTuple):
    """What an SQLite file holds, and how one tells it from every other file."""

    kind: int
    """SQLite's `application_id`: tells our files of this kind from all others."""
    version: int
    """SQLite's `user_version`: goes up with every change of the schema."""
    schema: str
    """The statements that make its tables."""
    tables: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    """Its tables with a `checksum`: the columns that are summed, in their order, with their types."""

    def sum_of(self, table: str, *, raw: bool = False) -> str:
        """Return the SQL that makes the checksum of a table's row.

        Args:
            table: the table.
            raw: sum the bytes of texts that may be no UTF-8.
        """
        columns = []
        for name, kind in self.tables[table].items():
            column = f"{table}.{name}"
            if raw and kind == "TEXT":
                column = f"CAST({column} AS BLOB)"
            elif raw:
                # No text was written there, and one that is no UTF-8 cannot be handed over.
                column = f"CASE typeof({column}) WHEN 'text' THEN hex({column}) ELSE {column} END"
            columns.append(column)
        return f"row_sum({', '.join(columns)})"

    def is_whole(self, table: str, *, raw: bool = False) -> str:
        """Return the SQL that says whether a table's row is what was written; see `sum_of`."""
        return f"{self.sum_of(table, raw=raw)} IS {table}.checksum"

    def insert(self, table: str, how: str = "INSERT") -> str:
        """Return the SQL that stores a row of a table with its checksum."""
        places = ", ".join(f"?{place}" for place in range(1, len(self.tables[table]) + 1))
        return f"{how} INTO {table} VALUES ({places}, row_sum({places}))"


class _Connection(sqlite3.Connection):
    """A connection whose errors all say that a file is damaged, where it is.

    What SQLite says of a damaged file may quote its bytes, which Python then cannot decode. Of a damaged
    header it may say that its format is of the future.
    """

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        """Execute a statement, as `sqlite3.Connection` does."""
        try:
            return super().execute(*statement)
        except (UnicodeDecodeError, sqlite3.OperationalError) as exc:
            if isinstance(exc, sqlite3.OperationalError) and "unsupported file format" not in str(exc):
                raise
            error = sqlite3.DatabaseError("the file is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error from exc


class Database:
    """An SQLite file that threads share.

    One statement or transaction at a time, and none while it is closed: Python's module crashes where a
    connection is closed under a statement, as a stage that is given up would do.

    Args:
        path: the file, created where it does not exist.
        layout: what it holds.
        read_only: read a file that is there, and write nothing, on a read-only disk either.
        owner: the run that a file belongs to which does not exist yet; any other one where none is given.

    Raises:
        RunDirectoryError: the file is not ours, or another version of RobustFT wrote it.
        DamageError: what it says of itself cannot be read. All methods that read raise it, too.
        sqlite3.Error: it is no database, or cannot be written. So do all its methods.
    """

    def __init__(self, path: Path, layout: Layout, *, read_only: bool = False, owner: str = "") -> None:
        self._path = path
        # Reentrant: what a transaction stores may be read from the same file.
        self._lock = threading.RLock()
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._connection: sqlite3.Connection = sqlite3.connect(
            _address(path, read_only), check_same_thread=False, uri=True, factory=_Connection
        )
        try:
            if read_only:
                self._connection = self._readable(path)
            is_empty = _is_empty(self._connection)
            if is_empty and read_only:
                raise sqlite3.OperationalError("the file is empty")
            if not is_empty:
                _check(self._connection, path, layout)
            if not read_only:
                _prepare(self._connection, layout if is_empty else None, owner)
            self.owner = self._read_owner()
            """The run that the file belongs to."""
            self._connection.create_function("row_sum", -1, _summing(self.owner), deterministic=True)
        except (sqlite3.Error, RunDirectoryError, DamageError):
            self.close()
            raise

    def close(self) -> None:
        """Close the file and fold its write-ahead log away."""
        with self._lock:
            self._connection.close()
            if self._copy is not None:
                self._copy.cleanup()

    def _readable(self, path: Path) -> sqlite3.Connection:
        """Return the connection to read from: of a copy, where SQLite would have to write beside the file.

        It needs an index of a write-ahead log. That of a killed process may be missing, and the disk
        read-only.
        """
        log = path.with_name(f"{path.name}-wal")
        try:
            self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            if not log.exists():
                raise
            self._connection.close()
            self._copy = tempfile.TemporaryDirectory(prefix="robustft-")
            for file in (path, log):
                shutil.copyfile(file, Path(self._copy.name, file.name))
            copy = Path(self._copy.name, path.name)
            return sqlite3.connect(copy, check_same_thread=False, factory=_Connection)
        return self._connection

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock, self._reading():
            return self._connection.execute(query, arguments).fetchall()

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield all rows of a query, a few in memory at a time; the file must not be closed meanwhile."""
        with self._lock, self._reading():
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

    def _read_owner(self) -> str:
        with self._reading():
            row = self._connection.execute("SELECT run FROM owner").fetchone()
        if row is None or not isinstance(row[0], str):
            raise DamageError(f"{self._path}")
        return row[0]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as exc:
            # A text that is no UTF-8, as a result or as what is summed.
            if any(sign in str(exc) for sign in ("decode to UTF-8", "raised exception", "no such")):
                raise DamageError(f"{self._path}") from exc
            raise


def _summing(owner: str) -> Callable[..., int]:
    """Return the checksum of a row's columns, in SQL `row_sum`.

    CRC-32 finds every flip of up to three bits in 10 KB and misses one of four billion other damages. It is
    no guard against a forger, who could make any other sum as well.
    """
    begin = zlib.crc32(owner.encode())

    def row_sum(*columns: object) -> int:
        parts = [
            column.encode()
            if type(column) is str
            else column
            if type(column) is bytes
            else repr(column).encode()
            for column in columns
        ]
        return zlib.crc32(b"\0".join(parts), begin)

    return row_sum


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
    # A view of our name could have no end, and a trigger would act on what we write.
    others = "SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
    if kind != layout.kind or connection.execute(others).fetchone() is not None:
        raise RunDirectoryError(f"{path}: is no such file of RobustFT's; move it away and try again")
    ((version,),) = connection.execute("PRAGMA user_version")
    if version != layout.version:
        which = "a newer" if version > layout.version else "an earlier"
        raise RunDirectoryError(
            f"{path}: was written by {which} version of RobustFT (its layout is {version}, not "
            f"{layout.version}); use that version, or begin a new run with another --out"
        )


def _prepare(connection: sqlite3.Connection, missing: Layout | None, owner: str) -> None:
    """Make a file ready for writing, and make its tables where it has none."""
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL loses nothing when the process dies; a power cut can cost the last commits.
    connection.execute("PRAGMA synchronous = NORMAL")
    if missing is not None:
        stamp = f"PRAGMA application_id = {missing.kind}; PRAGMA user_version = {missing.version};"
        # All or nothing: a file that has a table has its version, too.
        run = owner or secrets.token_hex(8)
        if not run.isalnum():
            raise ValueError(f"{run}: is no name of a run")
        made = f"CREATE TABLE owner (run TEXT NOT NULL); INSERT INTO owner VALUES ('{run}');"  # noqa: S608
        connection.executescript(f"BEGIN IMMEDIATE; {missing.schema} {made} {stamp} COMMIT;")


def set_aside(path: Path) -> Path:
    """Rename an SQLite file, whose write-ahead log goes; returns its new path.

    Raises:
        OSError: it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def is_damage(error: Exception) -> bool:
    """Say whether an error means that an SQLite file is damaged, and not locked, read-only or the like."""
    if isinstance(error, DamageError):
        return True
    # Not its subclasses, which have other codes or none.
    if type(error) is not sqlite3.DatabaseError:
        return False
    return error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def check_structure(connection: sqlite3.Connection) -> bool:
    """Say whether a file's structure is whole; an index that does not fit its table is made anew."""
    for _ in range(2):
        if connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",):
            return True
        with suppress(sqlite3.IntegrityError):
            connection.execute("REINDEX")
    return False
