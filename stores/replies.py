"""Every reply that a model gave to a run, by what it was asked: nothing is paid for twice.

A table of its own in SQLite (WAL) was chosen over LangGraph's checkpointer, which writes a sample's whole
state at each step and knows a position, not a request; and over lines appended to a file, which would need an
index in memory to be found again. `benchmarks/durability.py` measures all three.
"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from stores.batcher import Batcher
from stores.database import open_database
from stores.errors import RunDirectoryError, StorageError

_BATCH = 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
    key BLOB PRIMARY KEY, agent TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, taken_over INTEGER NOT NULL, reply TEXT NOT NULL
);
PRAGMA user_version = 1;
"""


class StoredReply(NamedTuple):
    """A reply as it is stored: `reply` is JSON that only the agents read."""

    agent: str
    """Who asked first."""
    prompt_tokens: int
    completion_tokens: int
    reply: str


class ReplyStore:
    """The replies of one run, in one SQLite file; belongs to one event loop.

    A reply is committed before whoever asked for it goes on, so that it outlives a kill at any moment. What
    comes together is looked up and committed together, in a thread of its own.

    Args:
        path: the file, created where it does not exist.

    Raises:
        StorageError: the file is damaged or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: Batcher[tuple[bytes, StoredReply | None], str | None] = Batcher(
            self._serve, _BATCH, gather=0.0
        )
        self._keeping: set[asyncio.Task[str | None]] = set()
        try:
            self._connection = open_database(path, _SCHEMA)
        except sqlite3.Error as exc:
            raise self._damaged(exc) from exc

    def close(self) -> None:
        """Close the file and fold its write-ahead log away."""
        self._connection.close()

    async def settle(self) -> None:
        """Wait until everything is committed that `keep` was called for, though its caller has given up."""
        if self._keeping:
            await asyncio.wait(self._keeping)

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    async def find(self, key: bytes) -> str | None:
        """Return the reply to a request, or None where there is none yet.

        Raises:
            StorageError: the file is damaged.
        """
        return await self._calls.submit((key, None))

    async def keep(self, key: bytes, reply: StoredReply) -> None:
        """Store a reply; returns when it is committed.

        Raises:
            StorageError: the disk is full, or the file is damaged.
        """
        # A task of its own: a reply that has arrived is kept even when its sample is given up.
        keeping = asyncio.create_task(self._calls.submit((key, reply)))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.shield(keeping)

    def copy_from(self, other: Path) -> int:
        """Take over the replies of another run; returns how many were new.

        Raises:
            RunDirectoryError: the other file cannot be read.
        """
        before = len(self)
        try:
            with closing(sqlite3.connect(f"{other.absolute().as_uri()}?mode=ro", uri=True)) as source:
                rows = source.execute(
                    "SELECT key, agent, prompt_tokens, completion_tokens, 1, reply FROM replies"
                )
                with self._connection:
                    self._connection.executemany(
                        "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?)", rows
                    )
        except sqlite3.Error as exc:
            raise RunDirectoryError(f"{other}: its replies cannot be taken over ({exc})") from exc
        return len(self) - before

    def usage(self) -> dict[str, tuple[int, int, int]]:
        """Return each agent's requests, prompt tokens and completion tokens: what this run itself sent."""
        rows = self._connection.execute(
            """SELECT agent, count(*), sum(prompt_tokens), sum(completion_tokens) FROM replies
            WHERE NOT taken_over GROUP BY agent"""
        )
        return {agent: (requests, sent, received) for agent, requests, sent, received in rows}

    def _serve(self, calls: list[tuple[bytes, StoredReply | None]]) -> list[str | None]:
        """Keep what comes with a reply, then find what comes without; runs in the batcher's thread."""
        rows = [(key, *reply) for key, reply in calls if reply is not None]
        try:
            if rows:
                with self._connection:
                    self._connection.executemany(
                        "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, 0, ?)", rows
                    )
            return [None if reply else self._find(key) for key, reply in calls]
        except sqlite3.Error as exc:
            raise self._damaged(exc) from exc

    def _find(self, key: bytes) -> str | None:
        row = self._connection.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def _damaged(self, error: sqlite3.Error) -> StorageError:
        return StorageError(f"{self._path}: {error}")
