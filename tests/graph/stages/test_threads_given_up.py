"""Work in threads whose caller is cancelled: done in full, and what it made is not lost."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from graph.stages.threads import finish_in_thread, in_thread


class Slow:
    """Work that is under way until it is let go."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        self.seen: list[str] = []

    def work(self) -> str:
        self.began.set()
        assert self.go_on.wait(60)
        self.seen.append("made")
        return "value"

    @contextmanager
    def manage(self) -> Iterator[str]:
        value = self.work()
        try:
            yield value
        finally:
            self.seen.append("left")


async def enter(slow: Slow) -> None:
    async with in_thread(slow.manage()):
        slow.seen.append("block")


async def test_a_value_is_returned_and_an_error_is_raised() -> None:
    assert await finish_in_thread(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        await finish_in_thread(lambda: 1 // 0)


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_what_was_made_for_one_who_gave_up_is_undone(cancellations: int) -> None:
    slow = Slow()
    task = asyncio.create_task(finish_in_thread(slow.work, slow.seen.append))
    await asyncio.to_thread(slow.began.wait)
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    slow.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.seen == ["made", "value"]


async def test_a_context_manager_that_is_entered_for_one_who_gave_up_is_left() -> None:
    slow = Slow()
    task = asyncio.create_task(enter(slow))
    await asyncio.to_thread(slow.began.wait)
    task.cancel()
    slow.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.seen == ["made", "left"]
