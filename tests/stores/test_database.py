"""An SQLite file that threads share: nothing breaks where one closes it under another."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from stores.database import Database, Layout
from stores.errors import RunDirectoryError

LAYOUT = Layout(kind=7, version=3, schema="CREATE TABLE numbers (number INTEGER);")
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n"


def test_closing_waits_for_the_statement_of_another_thread(tmp_path: Path) -> None:
    database = Database(tmp_path / "file.sqlite", LAYOUT)
    ended: list[object] = []
    begun = threading.Event()

    def keep_reading() -> None:
        try:
            for _ in range(100_000):
                begun.set()
                ended.append(database.row(SLOW))
        except sqlite3.ProgrammingError as exc:
            ended.append(str(exc))

    reading = threading.Thread(target=keep_reading)
    reading.start()
    begun.wait(20)
    database.close()
    reading.join(20)
    assert ended.pop() == "Cannot operate on a closed database."
    assert ended == [(100000,)] * len(ended)


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    database = Database(tmp_path / "file.sqlite", LAYOUT)
    database.change("INSERT INTO numbers VALUES (?)", 1)

    def break_off() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO numbers VALUES (2)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    with pytest.raises(sqlite3.Error):
        database.change_each("INSERT INTO numbers VALUES (?)", iter([(3,), (4, 5)]))
    assert database.rows("SELECT number FROM numbers") == [(1,)]
    database.close()


def test_what_a_transaction_stores_may_be_read_from_the_same_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "file.sqlite", LAYOUT)
    database.change_each("INSERT INTO numbers VALUES (?)", [(1,), (2,)])
    doubled = ((2 * database.rows("SELECT max(number) FROM numbers")[0][0],) for _ in range(2))
    assert database.change_each("INSERT INTO numbers VALUES (?)", doubled) == 2
    assert database.row("SELECT sum(number) FROM numbers") == (15,)
    database.close()


def test_a_file_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    Database(path, LAYOUT).close()
    for version, which in ((2, "a newer version"), (4, "an earlier version")):
        with pytest.raises(
            RunDirectoryError, match=rf"file\.sqlite: .*{which}.*\(its layout is 3, not {version}\)"
        ):
            Database(path, LAYOUT._replace(version=version))
    Database(path, LAYOUT).close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_foreign_file_is_refused_and_left_as_it_is(read_only: bool, tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE others (number INTEGER); PRAGMA user_version = 3;")
    before = path.read_bytes()
    with pytest.raises(RunDirectoryError, match="is no such file of RobustFT's"):
        Database(path, LAYOUT, read_only=read_only)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_reading_changes_no_file_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "a [folder]?#%" / "file.sqlite"
    path.parent.mkdir()
    database = Database(path, LAYOUT)
    database.change("INSERT INTO numbers VALUES (?)", 1)
    database.close()
    before = {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}

    reading = Database(path, LAYOUT, read_only=True)
    assert reading.rows("SELECT number FROM numbers") == [(1,)]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reading.change("INSERT INTO numbers VALUES (?)", 2)
    assert {file: file.stat().st_mtime_ns for file in path.parent.iterdir()} == before
    reading.close()
    assert {file: file.stat().st_mtime_ns for file in path.parent.iterdir()} == before


def test_what_another_process_has_written_and_not_folded_away_is_read(tmp_path: Path) -> None:
    writing = Database(tmp_path / "file.sqlite", LAYOUT)
    writing.change("INSERT INTO numbers VALUES (?)", 1)
    reading = Database(tmp_path / "file.sqlite", LAYOUT, read_only=True)
    writing.change("INSERT INTO numbers VALUES (?)", 2)
    assert reading.rows("SELECT number FROM numbers") == [(1,), (2,)]
    reading.close()
    writing.close()


@pytest.mark.parametrize("content", [None, b""])
def test_reading_makes_no_file(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(sqlite3.OperationalError):
        Database(path, LAYOUT, read_only=True)
    assert path.exists() == (content is not None)


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE VIEW more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
        "CREATE TRIGGER t AFTER INSERT ON numbers BEGIN DELETE FROM numbers; END",
    ],
)
def test_a_file_that_computes_by_itself_is_none_of_ours(planted: str, tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    Database(path, LAYOUT).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(planted)
    for read_only in (True, False):
        with pytest.raises(RunDirectoryError, match="no such file of RobustFT's"):
            Database(path, LAYOUT, read_only=read_only)
