"""The store of replies: committed before `keep` returns, whatever becomes of the process."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from stores.database import Database
from stores.errors import RunDirectoryError, StorageError
from stores.replies import LAYOUT, KnownReplies, ReplyStore, StoredReply, read_request

PARIS = StoredReply("base", 10, 2, '{"text": "Paris"}', b'{"messages": "Capital of France?"}')


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReplyStore]:
    opened = ReplyStore(tmp_path / "replies.sqlite")
    yield opened
    opened.close()


async def test_what_is_kept_is_found(store: ReplyStore) -> None:
    assert await store.find(b"1") is None
    await store.keep(b"1", PARIS)
    assert await store.find(b"1") == PARIS.reply
    assert len(store) == 1


async def test_replies_that_come_together_are_all_kept(store: ReplyStore) -> None:
    await asyncio.gather(*(store.keep(bytes([number]), PARIS) for number in range(200)))
    assert len(store) == 200


async def test_giving_up_the_wait_does_not_give_up_the_reply(store: ReplyStore) -> None:
    one = asyncio.create_task(store.keep(b"1", PARIS))
    other = asyncio.create_task(store.keep(b"2", PARIS))
    await asyncio.sleep(0)
    one.cancel()
    await other
    assert await store.find(b"1") == await store.find(b"2") == PARIS.reply


async def test_what_arrived_is_kept_though_nobody_waits_for_it(store: ReplyStore) -> None:
    given_up = asyncio.create_task(store.keep(b"1", PARIS))
    await asyncio.sleep(0)
    given_up.cancel()
    await store.flush()
    assert len(store) == 1


def test_a_kept_reply_outlives_a_kill(tmp_path: Path) -> None:
    code = """
import asyncio, os, signal, sys
from pathlib import Path
from stores.replies import LAYOUT, KnownReplies, ReplyStore, StoredReply, read_request

async def main():
    store = ReplyStore(Path(sys.argv[1]))
    await store.keep(b"1", StoredReply("base", 1, 1, "Paris", b"?"))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    path = tmp_path / "replies.sqlite"
    command = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode == -9
    store = ReplyStore(path)
    assert asyncio.run(store.find(b"1")) == "Paris"
    store.close()


async def test_usage_counts_what_was_sent_and_not_what_was_taken_over(tmp_path: Path) -> None:
    old = ReplyStore(tmp_path / "old.sqlite")
    await old.keep(b"1", PARIS)
    await old.keep(b"2", PARIS._replace(agent="reviewer"))
    assert old.usage() == {"base": (1, 10, 2), "reviewer": (1, 10, 2)}
    old.close()
    new = ReplyStore(tmp_path / "new.sqlite")
    await new.keep(b"2", PARIS)
    assert new.copy_from(tmp_path / "old.sqlite") == 1
    await new.keep(b"3", PARIS)
    assert new.usage() == {"base": (2, 20, 4)}
    assert await new.find(b"1") == PARIS.reply
    new.close()


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 5000])
def test_what_cannot_be_taken_over_is_a_typed_error(
    content: bytes | None, tmp_path: Path, store: ReplyStore
) -> None:
    other = tmp_path / "other.sqlite"
    if content is not None:
        other.write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"other\.sqlite: its replies cannot be taken over"):
        store.copy_from(other)


def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"\xff" * 5000)
    with pytest.raises(StorageError, match=r"replies\.sqlite"):
        ReplyStore(path)


REQUEST = (
    b'{"messages": [{"content": "Which of these is the capital of %s? Answer in one word.", "role": "user"}]}'
)


async def test_every_reply_leads_to_its_request(tmp_path: Path, store: ReplyStore) -> None:
    requests = {bytes([number]): REQUEST % f"country {number}".encode() for number in range(50)}
    for key, request in requests.items():
        await store.keep(key, PARIS._replace(agent=f"agent {key[0] % 3}", request=request))
    path = tmp_path / "replies.sqlite"
    assert {key: read_request(path, key) for key in requests} == requests
    assert read_request(path, b"unknown") is None


async def test_requests_are_kept_when_the_store_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    for number in range(3):
        store = ReplyStore(path)
        await store.keep(bytes([number]), PARIS._replace(request=REQUEST % b"%d" % number))
        store.close()
    assert [read_request(path, bytes([number])) for number in range(3)] == [
        REQUEST % b"%d" % number for number in range(3)
    ]


async def test_requests_are_taken_over_with_their_replies(tmp_path: Path) -> None:
    old, new = ReplyStore(tmp_path / "old.sqlite"), ReplyStore(tmp_path / "new.sqlite")
    await new.keep(b"0", PARIS._replace(request=REQUEST % b"Peru"))
    for key in (b"1", b"2"):
        await old.keep(key, PARIS._replace(request=REQUEST % key))
    old.close()
    assert new.copy_from(tmp_path / "old.sqlite") == 2
    new.close()
    (tmp_path / "old.sqlite").unlink()
    for key, named in ((b"0", b"Peru"), (b"1", b"1"), (b"2", b"2")):
        assert read_request(tmp_path / "new.sqlite", key) == REQUEST % named


async def test_a_long_request_and_a_long_one_after_it_are_kept(tmp_path: Path, store: ReplyStore) -> None:
    longs = [bytes(range(256)) * 1000, b"x" * 3_000_000]
    for number, request in enumerate(longs):
        await store.keep(bytes([number]), PARIS._replace(request=request))
    for number, request in enumerate(longs):
        assert read_request(tmp_path / "replies.sqlite", bytes([number])) == request


async def test_a_request_takes_a_fraction_of_its_length(tmp_path: Path) -> None:
    sizes = {}
    for name, request in (("without", b""), ("with", REQUEST)):
        store = ReplyStore(tmp_path / name)
        for number in range(1000):
            text = request % f"country {number}".encode() if request else b""
            await store.keep(number.to_bytes(16, "little"), PARIS._replace(request=text))
        store.close()
        sizes[name] = (tmp_path / name).stat().st_size
    assert sizes["with"] - sizes["without"] < 0.3 * 1000 * len(REQUEST)


PASSAGE = " ".join(f"word{number * 7919 % 10007}" for number in range(300))


async def test_requests_about_one_sample_share_its_prompt(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    store = ReplyStore(path)
    requests = {}
    for sample in range(40):
        for agent in ("base", "reasoner", "checker", "reviewer"):
            text = f'{{"messages":[{{"content":"{sample} {PASSAGE[sample:]} {agent}?","role":"user"}}]}}'
            key = f"{agent} {sample}".encode()
            requests[key] = text.encode()
            await store.keep(key, PARIS._replace(agent=agent, request=requests[key]))
            # Asked for twice at once, as two runs of one process would.
            await store.keep(key, PARIS._replace(agent=agent, request=requests[key]))
    store.close()
    assert {key: read_request(path, key) for key in requests} == requests
    assert path.stat().st_size < 0.2 * sum(map(len, requests.values()))


def forge(path: Path, change: str, *arguments: object) -> None:
    """Change all replies, and their checksums with them."""
    with closing(Database(path, LAYOUT)) as database:
        database.change(f"UPDATE replies SET {change}", *arguments)  # noqa: S608
        database.change(f"UPDATE replies SET checksum = {LAYOUT.sum_of('replies')}")  # noqa: S608


async def test_a_request_whose_fellow_is_lost_is_a_typed_error(tmp_path: Path, store: ReplyStore) -> None:
    for agent in ("base", "reasoner"):
        request = f'{{"messages":[{{"content":"{PASSAGE} {agent}"}}]}}'.encode()
        await store.keep(agent.encode(), PARIS._replace(agent=agent, request=request))
    forge(tmp_path / "replies.sqlite", "alike = key")
    with pytest.raises(StorageError, match="is missing"):
        read_request(tmp_path / "replies.sqlite", b"reasoner")


async def test_a_request_that_would_fill_the_memory_is_cut(tmp_path: Path, store: ReplyStore) -> None:
    await store.keep(b"1", PARIS)
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = bomb.compress(b"0" * (80 << 20)) + bomb.flush()
    forge(tmp_path / "replies.sqlite", "request = ?", deflated)
    assert len(read_request(tmp_path / "replies.sqlite", b"1") or b"") == 64 << 20


async def test_a_damaged_request_is_a_typed_error(tmp_path: Path, store: ReplyStore) -> None:
    await store.keep(b"1", PARIS)
    forge(tmp_path / "replies.sqlite", "request = ?", b"\xff\xff")
    with pytest.raises(StorageError, match=r"replies\.sqlite"):
        read_request(tmp_path / "replies.sqlite", b"1")


@pytest.mark.parametrize(
    "change",
    ["reply = '{}'", "request = x'00'", "prompt_tokens = 9", "reply = CAST(x'ff' AS TEXT)", "key = x'32'"],
)
async def test_a_reply_whose_row_is_not_what_was_stored_is_none(
    change: str, tmp_path: Path, store: ReplyStore
) -> None:
    await store.keep(b"1", PARIS)
    with closing(sqlite3.connect(tmp_path / "replies.sqlite")) as connection, connection:
        connection.execute(f"UPDATE replies SET {change}")  # noqa: S608
    assert await store.find(b"1") is None
    with suppress(StorageError):
        assert read_request(tmp_path / "replies.sqlite", b"1") is None
    other = ReplyStore(tmp_path / "other.sqlite")
    with suppress(RunDirectoryError, StorageError):
        assert other.copy_from(tmp_path / "replies.sqlite") == 0
    other.close()


def test_replies_without_requests_are_refused_with_one_message(tmp_path: Path, store: ReplyStore) -> None:
    old = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript(
            """CREATE TABLE replies (key BLOB PRIMARY KEY, agent TEXT, prompt_tokens INTEGER,
            completion_tokens INTEGER, taken_over INTEGER, reply TEXT); PRAGMA user_version = 1;"""
        )
    for read in (ReplyStore, store.copy_from):
        with pytest.raises(RunDirectoryError, match=r"old\.sqlite: is no such file of RobustFT's"):
            read(old)


async def test_the_replies_of_a_run_are_found_by_a_reader_that_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with closing(KnownReplies(path)) as known:
        assert await known.find(b"1") is None
        assert not path.exists()
        store = ReplyStore(path)
        await store.keep(b"1", PARIS)
        # While the run goes on, and after it has ended.
        assert await known.find(b"1") == PARIS.reply
        store.close()
        before = path.read_bytes()
        await known.keep(b"2", PARIS)
        assert await asyncio.gather(known.find(b"1"), known.find(b"2")) == [PARIS.reply, None]
        assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208 - nothing else runs here


async def test_a_reader_of_damaged_replies_says_so(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with closing(KnownReplies(path)) as known, pytest.raises(StorageError, match=r"replies\.sqlite"):
        await known.find(b"1")
