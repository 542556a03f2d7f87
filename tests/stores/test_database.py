"""An SQLite file that threads share: nothing breaks where one closes it under another."""

import sqlite3
import threading
from pathlib import Path

import pytest

from stores.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS numbers (number INTEGER);"
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n"


def test_closing_waits_for_the_statement_of_another_thread(tmp_path: Path) -> None:
    database = Database(tmp_path / "file.sqlite", SCHEMA)
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
    database = Database(tmp_path / "file.sqlite", SCHEMA)
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
    database = Database(tmp_path / "file.sqlite", SCHEMA)
    database.change_each("INSERT INTO numbers VALUES (?)", [(1,), (2,)])
    doubled = ((2 * database.rows("SELECT max(number) FROM numbers")[0][0],) for _ in range(2))
    assert database.change_each("INSERT INTO numbers VALUES (?)", doubled) == 2
    assert database.row("SELECT sum(number) FROM numbers") == (15,)
    database.close()
