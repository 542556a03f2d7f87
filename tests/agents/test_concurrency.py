"""Working on many things at once: no more than allowed, in any order, and all or a clear end."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from agents.concurrency import map_concurrently
from tests.support.waiting import until


class Work:
    """Doubles numbers; remembers how many were under way at once."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0

    async def __call__(self, number: int) -> int:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return 2 * number


@pytest.mark.parametrize("concurrency", [1, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 7, 200])
async def test_everything_is_worked_on_once_and_no_more_than_allowed_at_once(
    count: int, concurrency: int
) -> None:
    work = Work()
    done: list[int] = []
    await map_concurrently(iter(range(count)), work, done.extend, concurrency=concurrency)
    assert sorted(done) == [2 * number for number in range(count)]
    assert work.most <= concurrency


async def test_as_many_are_under_way_as_may_be() -> None:
    meeting = asyncio.Barrier(8)

    async def meet(number: int) -> int:
        await meeting.wait()
        return number

    done: list[int] = []
    await map_concurrently(iter(range(16)), meet, done.extend, concurrency=8)
    assert len(done) == 16


async def test_no_more_is_read_than_a_few_batches_ahead() -> None:
    read: list[int] = []
    ahead: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    async def work(number: int) -> int:
        ahead.append(len(read) - number)
        await asyncio.sleep(0)
        return number

    await map_concurrently(numbers(), work, lambda results: None, concurrency=4)
    assert max(ahead) < 50


async def test_reading_and_recording_may_block_the_event_loop_does_not() -> None:
    threads: set[int] = set()

    def numbers() -> Iterator[int]:
        threads.add(threading.get_ident())
        yield from range(5)

    def record(results: list[int]) -> None:
        threads.add(threading.get_ident())

    await map_concurrently(numbers(), Work(), record, concurrency=2)
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("part", ["read", "work", "record"])
async def test_the_first_error_of_any_part_ends_all_and_is_raised(part: str) -> None:
    def check(name: str) -> None:
        if name == part:
            raise LookupError(part)

    def numbers() -> Iterator[int]:
        yield 0
        check("read")
        yield from range(1, 100)

    async def work(number: int) -> int:
        check("work")
        return number

    with pytest.raises(LookupError, match=part):
        await map_concurrently(numbers(), work, lambda results: check("record"), concurrency=3)


async def test_what_was_finished_is_recorded_when_all_is_stopped() -> None:
    recorded: list[int] = []
    may_record, recording = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def record(results: list[int]) -> None:
        loop.call_soon_threadsafe(recording.set)
        may_record.wait(20)
        recorded.extend(results)

    async def work(number: int) -> int:
        if number:
            await asyncio.Event().wait()
        return number

    running = asyncio.create_task(map_concurrently(iter(range(2)), work, record, concurrency=2))
    await recording.wait()
    running.cancel()
    may_record.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: recorded == [0])
