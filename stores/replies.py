"""Every reply that a model gave to a run, with the request that it answers: nothing is paid for twice.

A table of its own in SQLite (WAL) was chosen over LangGraph's checkpointer, which writes a sample's whole
state at each step and knows a position, not a request; and over lines appended to a file, which would need an
index in memory to be found again. `benchmarks/durability.py` measures all three.

Requests are deflated. Those of one agent share most of their text, so the first one of each agent is the
dictionary of the others: a request of 400 bytes takes 90 beside its reply. Those of several agents about one
sample share its prompt, so a request also looks back on the one that was stored first of those that begin
their last message alike.
"""

import asyncio
import hashlib
import sqlite3
import zlib
from collections import OrderedDict
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from stores.batcher import Batcher
from stores.database import Database, Layout
from stores.errors import DamageError, RunDirectoryError, StorageError

_BATCH = 256
# What deflate can look back on, and more than any request that was written by hand.
_DICTIONARY_BYTES = 32_768
# More than a model can be sent; a damaged or hostile file cannot take all memory.
_REQUEST_BYTES = 64 << 20
_SCHEMA = """
CREATE TABLE dictionaries (
    id INTEGER PRIMARY KEY, agent TEXT NOT NULL, content BLOB NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE replies (
    key BLOB PRIMARY KEY, agent TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, taken_over INTEGER NOT NULL, reply TEXT NOT NULL,
    request BLOB NOT NULL, dictionary INTEGER NOT NULL, alike BLOB, checksum INTEGER NOT NULL
);
"""
LAYOUT = Layout(
    kind=0x52465452,
    version=3,
    schema=_SCHEMA,
    tables={
        "dictionaries": {"id": "INTEGER", "agent": "TEXT", "content": "BLOB"},
        "replies": {
            "key": "BLOB",
            "agent": "TEXT",
            "prompt_tokens": "INTEGER",
            "completion_tokens": "INTEGER",
            "taken_over": "INTEGER",
            "reply": "TEXT",
            "request": "BLOB",
            "dictionary": "INTEGER",
            "alike": "BLOB",
        },
    },
)
_DICTIONARY = LAYOUT.insert("dictionaries", "INSERT OR IGNORE")
_DICTIONARIES = f"SELECT id, agent, content FROM dictionaries WHERE {LAYOUT.is_whole('dictionaries')}"  # noqa: S608
# A row that is damaged is none: its request is sent again.
_REPLY = f"SELECT reply FROM replies WHERE key = ? AND {LAYOUT.is_whole('replies')}"  # noqa: S608
_REQUEST = f"""SELECT {LAYOUT.is_whole("replies")} AND {LAYOUT.is_whole("dictionaries")}, request, content,
    alike FROM replies LEFT JOIN dictionaries ON dictionary = id WHERE key = ?"""  # noqa: S608
# A request that others look back on looks back on none, unless it was stored twice.
_STEPS = 4
# Samples whose first request is at hand, and the bytes of it that are: 32 MiB at most.
_SAMPLES = 2048
_ALIKE_BYTES = 16_384
_OPENING_BYTES = 200
_KEYS_AFTER = "SELECT key FROM replies WHERE key > ? ORDER BY key LIMIT 10000"


class StoredReply(NamedTuple):
    """A reply as it is stored: `reply` is JSON that only the agents read."""

    agent: str
    """Who asked first."""
    prompt_tokens: int
    completion_tokens: int
    reply: str
    request: bytes
    """What was asked: the text that the key is a hash of."""


class ReplyStore:
    """The replies of one run, in one SQLite file; belongs to one event loop.

    A reply is committed before whoever asked for it goes on, so that it outlives a kill at any moment. What
    comes together is looked up and committed together, in a thread of its own.

    Args:
        path: the file, created where it does not exist.
        owner: the run whose replies a new file has.

    Raises:
        StorageError: the file is damaged or cannot be written.
        RunDirectoryError: it is no store of replies, or another version of RobustFT wrote it.
    """

    def __init__(self, path: Path, owner: str = "") -> None:
        self._path = path
        self._dictionaries: dict[str, tuple[int, bytes]] = {}
        self._openings: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()
        self._calls: Batcher[tuple[bytes, StoredReply | None], str | None] = Batcher(
            self._serve, _BATCH, gather=0.0
        )
        self._keeping: set[asyncio.Future[str | None]] = set()
        self._known = _Known()
        try:
            self._database = Database(path, LAYOUT, owner=owner)
            self._learn()
        except sqlite3.Error as exc:
            raise self._damaged(exc) from exc

    def close(self) -> None:
        """Close the file and fold its write-ahead log away."""
        self._calls.close()
        self._database.close()

    async def flush(self) -> None:
        """Wait until everything is committed that `keep` was called for, though its caller has given up."""
        if self._keeping:
            await asyncio.wait(self._keeping)

    def __len__(self) -> int:
        return int(self._database.rows("SELECT count(*) FROM replies")[0][0])

    async def find(self, key: bytes) -> str | None:
        """Return the reply to a request, or None where there is none yet.

        Raises:
            StorageError: the file is damaged.
        """
        return await self._calls.submit((key, None)) if key in self._known else None

    async def keep(self, key: bytes, reply: StoredReply) -> None:
        """Store a reply; returns when it is committed.

        Raises:
            StorageError: the disk is full, or the file is damaged.
        """
        self._known.add(key)
        # Shielded: a reply that has arrived is kept even when its sample is given up.
        keeping = self._calls.submit((key, reply))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.shield(keeping)

    def copy_from(self, other: Path) -> int:
        """Take over the replies of another run, with their requests; returns how many were new.

        Raises:
            RunDirectoryError: the other file cannot be read, or another version of RobustFT wrote it.
        """
        try:
            with closing(Database(other, LAYOUT, read_only=True)) as source:
                rows = source.stream(
                    f"""SELECT key, agent, prompt_tokens, completion_tokens, 1, reply, request, dictionary,
                    alike FROM replies WHERE {LAYOUT.is_whole("replies")}"""  # noqa: S608
                )
                with self._database.transaction() as connection:
                    new = connection.executemany(LAYOUT.insert("replies", "INSERT OR IGNORE"), rows).rowcount
                    # After the replies: the other run may be at work, and adds a dictionary before its use.
                    connection.executemany(_DICTIONARY, source.stream(_DICTIONARIES))
        except sqlite3.Error as exc:
            raise RunDirectoryError(
                f"{other}: its replies cannot be taken over ({exc}); `robustft resume {other.parent.parent}` "
                "makes them whole, if that is a damaged run's"
            ) from exc
        self._learn()
        return new

    def usage(self) -> dict[str, tuple[int, int, int]]:
        """Return each agent's requests, prompt tokens and completion tokens: what this run itself sent."""
        rows = self._database.rows(
            """SELECT agent, count(*), sum(CAST(prompt_tokens AS INTEGER)),
            sum(CAST(completion_tokens AS INTEGER)) FROM replies WHERE NOT taken_over GROUP BY agent"""
        )
        return {agent: (requests, sent, received) for agent, requests, sent, received in rows}

    def _serve(self, calls: list[tuple[bytes, StoredReply | None]]) -> list[str | None]:
        """Keep what comes with a reply, then find what comes without; runs in the batcher's thread."""
        try:
            rows = [self._to_row(key, reply) for key, reply in calls if reply is not None]
            if rows:
                self._database.change_each(LAYOUT.insert("replies", "INSERT OR REPLACE"), rows)
            return [None if reply else self._find(key) for key, reply in calls]
        except sqlite3.Error as exc:
            # What was not committed must not be looked back on.
            self._openings.clear()
            raise self._damaged(exc) from exc

    def _to_row(self, key: bytes, reply: StoredReply) -> tuple[object, ...]:
        dictionary, content = self._dictionary_of(reply.agent, reply.request)
        alike, text = self._find_alike(key, reply.request)
        return (
            key,
            reply.agent,
            reply.prompt_tokens,
            reply.completion_tokens,
            False,
            reply.reply,
            _deflate(reply.request, content + text),
            dictionary,
            alike,
        )

    def _find_alike(self, key: bytes, request: bytes) -> tuple[bytes | None, bytes]:
        """Return the key and text of a stored request about the same sample; none where this is the first."""
        start = request.rfind(b'"content":"') + 1
        opening = request[start : start + _OPENING_BYTES]
        found, text = self._openings.setdefault(opening, (key, request[:_ALIKE_BYTES]))
        if len(self._openings) > _SAMPLES:
            self._openings.popitem(last=False)
        return (None, b"") if found == key else (found, text)

    def _dictionary_of(self, agent: str, request: bytes) -> tuple[int, bytes]:
        """Return an agent's dictionary: its first request."""
        if agent not in self._dictionaries:
            content = request[:_DICTIONARY_BYTES]
            # By its content, so that replies can be copied to another file as they are.
            number = int.from_bytes(hashlib.blake2b(content, digest_size=7).digest(), "little")
            self._database.change(_DICTIONARY, number, agent, content)
            self._dictionaries[agent] = number, content
        return self._dictionaries[agent]

    def _find(self, key: bytes) -> str | None:
        return _reply_of(self._database, key)

    def _learn(self) -> None:
        """Take note of every dictionary and key that is stored."""
        for number, agent, content in self._database.rows(_DICTIONARIES):
            self._dictionaries.setdefault(agent, (number, content))
        after = b""
        while rows := self._database.rows(_KEYS_AFTER, after):
            for (after,) in rows:
                self._known.add(after)

    def _damaged(self, error: sqlite3.Error) -> StorageError:
        return StorageError(f"{self._path}: {error}")


class KnownReplies:
    """The replies that a run has, for reading; event loops may share it.

    The file is opened for each batch of look-ups and nothing else: a run that goes on meanwhile is read as it
    is, and never written to.

    Args:
        path: the file of a `ReplyStore`; where there is none, no reply is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: Batcher[bytes, str | None] = Batcher(self._find, _BATCH, gather=0.0)

    def close(self) -> None:
        """Answer those who wait, and end the thread."""
        self._calls.close()

    async def find(self, key: bytes) -> str | None:
        """Return the reply to a request, or None where the run has none.

        Raises:
            RunDirectoryError: the file is no store of replies, or another version of RobustFT wrote it.
            StorageError: it is damaged.
        """
        return await self._calls.submit(key)

    async def keep(self, key: bytes, reply: StoredReply) -> None:
        """Let go of a reply that the run did not have: it is not the run's."""

    def _find(self, keys: list[bytes]) -> list[str | None]:
        if not self._path.is_file():
            return [None] * len(keys)
        try:
            with closing(Database(self._path, LAYOUT, read_only=True)) as database:
                return [_reply_of(database, key) for key in keys]
        except sqlite3.Error as exc:
            raise StorageError(f"{self._path}: {exc}") from exc


def read_request(path: Path, key: bytes, owner: str = "") -> bytes | None:
    """Return the request that a stored reply answers, or None where there is no such reply.

    Nothing is opened for writing.

    Args:
        path: the file of a `ReplyStore`.
        key: the reply's key.
        owner: the run whose replies it shall be; any, where none is given.

    Raises:
        RunDirectoryError: the file is no store of replies, another run's, or of another version of RobustFT.
        StorageError: it is damaged.
    """
    try:
        with closing(Database(path, LAYOUT, read_only=True)) as database:
            if owner and database.owner != owner:
                raise RunDirectoryError(f"{path}: has the replies of another run; put this run's own back")
            return _read_request(database, key, _STEPS)
    except (sqlite3.Error, zlib.error, TypeError) as exc:
        raise StorageError(f"{path}: {exc}") from exc


def _reply_of(database: Database, key: bytes) -> str | None:
    """Return a stored reply; a damaged one is none, and is asked for again."""
    with suppress(DamageError):
        row = database.row(_REPLY, key)
        return row[0] if row else None
    return None


def _read_request(database: Database, key: bytes, steps: int) -> bytes | None:
    row = database.row(_REQUEST, key)
    if row is None:
        return None
    is_whole, deflated, dictionary, alike = row
    if not is_whole:
        raise DamageError("a request among the replies")
    if alike is not None:
        text = _read_request(database, alike, steps - 1) if steps else None
        if text is None:
            raise sqlite3.OperationalError("a request that another was stored against is missing")
        dictionary += text[:_ALIKE_BYTES]
    return _inflate(deflated, dictionary)


def _deflate(text: bytes, dictionary: bytes) -> bytes:
    # Little memory a call: with zlib's default setting it takes twice as long.
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 5, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return deflate.compress(text) + deflate.flush()


def _inflate(deflated: bytes, dictionary: bytes) -> bytes:
    return zlib.decompressobj(-15, dictionary).decompress(deflated, _REQUEST_BYTES)


class _Known:
    """Tells a key that is certainly new from one that may be stored, so that nobody waits for the file to say
    no: a Bloom filter. It takes 16 MiB at most, and is wrong about one new key in 700 after 7 million.
    """

    _BITS = 1 << 27
    _SHIFTS = (0, 32, 64, 96)

    def __init__(self) -> None:
        self._bits = bytearray(self._BITS // 8)

    def add(self, key: bytes) -> None:
        """Take note of a key, itself a hash."""
        for place in self._places(key):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: bytes) -> bool:
        return all(self._bits[place >> 3] >> (place & 7) & 1 for place in self._places(key))

    def _places(self, key: bytes) -> list[int]:
        number = int.from_bytes(key, "little")
        return [number >> shift & self._BITS - 1 for shift in self._SHIFTS]
