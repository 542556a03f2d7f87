"""The store of replies: committed before `keep` returns, whatever becomes of the process."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stores.errors import RunDirectoryError, StorageError
from stores.replies import ReplyStore, StoredReply

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
    await store.settle()
    assert len(store) == 1


def test_a_kept_reply_outlives_a_kill(tmp_path: Path) -> None:
    code = """
import asyncio, os, signal, sys
from pathlib import Path
from stores.replies import ReplyStore, StoredReply

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
