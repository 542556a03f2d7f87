"""What blocks is done beside the event loop, and waited for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from graph.stages.threads import in_thread, meanwhile


async def test_work_done_meanwhile_is_told_that_no_more_is_to_come_and_waited_for() -> None:
    done: list[str] = []

    def work(ended: threading.Event, failed: threading.Event) -> None:
        assert ended.wait(30)
        done.append("failed" if failed.is_set() else "ended")

    async with meanwhile(work):
        assert done == []
    assert done == ["ended"]


async def test_work_done_meanwhile_is_told_that_the_block_has_failed() -> None:
    done: list[bool] = []

    def work(ended: threading.Event, failed: threading.Event) -> None:
        assert ended.wait(30)
        done.append(failed.is_set())

    with pytest.raises(RuntimeError, match="block"):
        async with meanwhile(work):
            raise RuntimeError("block")
    assert done == [True]


async def test_what_fails_meanwhile_fails_the_block() -> None:
    def work(ended: threading.Event, failed: threading.Event) -> None:
        raise RuntimeError("beside")

    with pytest.raises(RuntimeError, match="beside"):
        async with meanwhile(work):
            pass


async def test_a_context_manager_is_entered_and_left_off_the_loop() -> None:
    threads: list[int] = []

    @contextmanager
    def opened() -> Iterator[str]:
        threads.append(threading.get_ident())
        try:
            yield "value"
        finally:
            threads.append(threading.get_ident())

    async with in_thread(opened()) as value:
        assert value == "value"
    with pytest.raises(RuntimeError, match="block"):
        async with in_thread(opened()):
            raise RuntimeError("block")
    assert len(threads) == 4
    assert threading.get_ident() not in threads
