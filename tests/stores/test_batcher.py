"""Calls made at the same time become batches; each caller gets its own reply."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from stores.batcher import Batcher

# Seconds in which calls meet on any machine.
MEET = 0.3


class Work:
    """Doubles numbers and remembers the batches; a negative number is an error."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.batches.append(numbers)
        self.threads.add(threading.get_ident())
        if min(numbers) < 0:
            raise ValueError(f"batch {numbers}")
        return [2 * number for number in numbers]


async def submit(batcher: Batcher[int, int], count: int) -> list[int]:
    return list(await asyncio.gather(*(batcher.submit(number) for number in range(count))))


async def test_concurrent_calls_are_gathered_into_one_batch() -> None:
    work = Work()
    assert await submit(Batcher(work, 100, gather=MEET), 50) == [2 * number for number in range(50)]
    assert work.batches == [list(range(50))]


async def test_no_batch_is_larger_than_the_limit_and_order_is_kept() -> None:
    work = Work()
    assert await submit(Batcher(work, 7, gather=MEET), 50) == [2 * number for number in range(50)]
    assert max(map(len, work.batches)) == 7
    assert list(chain(*work.batches)) == list(range(50))


async def test_work_runs_in_one_thread_that_is_not_the_event_loops() -> None:
    work = Work()
    await submit(Batcher(work, 3), 20)
    assert len(work.threads) == 1
    assert threading.get_ident() not in work.threads


async def test_what_comes_while_a_batch_is_worked_on_gathers_for_the_next() -> None:
    started, go_on = threading.Event(), threading.Event()
    batches: list[list[int]] = []

    def work(numbers: list[int]) -> list[int]:
        batches.append(numbers)
        started.set()
        go_on.wait(20)
        return numbers

    batcher: Batcher[int, int] = Batcher(work, 10)
    first = batcher.submit(0)
    await asyncio.to_thread(started.wait, 20)
    later = [batcher.submit(number) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(first, *later) == [0, 1, 2, 3]
    assert batches == [[0], [1, 2, 3]]


async def test_an_error_reaches_every_caller_of_its_batch_and_no_other() -> None:
    batcher: Batcher[int, int] = Batcher(Work(), 2, gather=MEET)
    numbers = (1, 2, 3, -4, 5, 6)
    replies = await asyncio.gather(*(batcher.submit(number) for number in numbers), return_exceptions=True)
    assert replies[:2] + replies[4:] == [2, 4, 10, 12]
    assert [str(reply) for reply in replies[2:4]] == ["batch [3, -4]"] * 2


async def test_an_error_does_not_end_the_batcher() -> None:
    batcher: Batcher[int, int] = Batcher(Work(), 2)
    with pytest.raises(ValueError, match="batch"):
        await batcher.submit(-1)
    assert await batcher.submit(21) == 42


async def test_fewer_replies_than_requests_is_an_error_not_a_hang() -> None:
    batcher: Batcher[int, int] = Batcher(lambda numbers: numbers[1:], 10)
    async with asyncio.timeout(20):
        replies = await asyncio.gather(*(batcher.submit(n) for n in range(3)), return_exceptions=True)
    assert [type(reply) for reply in replies] == [ValueError] * 3


async def test_a_cancelled_caller_is_left_out_of_the_batch() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, 10, gather=MEET)
    tasks = [batcher.submit(number) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert (replies[0], replies[2]) == (0, 4)
    assert work.batches == [[0, 2]]


def test_one_batcher_serves_two_event_loops_in_a_row() -> None:
    batcher: Batcher[int, int] = Batcher(Work(), 4)
    for _ in range(2):
        assert asyncio.run(submit(batcher, 9)) == [2 * number for number in range(9)]


def test_two_event_loops_at_once_take_turns_in_the_one_thread() -> None:
    work = Work()
    batcher = Batcher(work, 4)
    with ThreadPoolExecutor(2) as loops:
        replies = list(loops.map(lambda count: asyncio.run(submit(batcher, count)), (9, 9)))
    assert replies == [[2 * number for number in range(9)]] * 2
    assert len(work.threads) == 1


def test_a_loop_that_was_ended_in_mid_air_does_not_block_the_next() -> None:
    batcher: Batcher[int, int] = Batcher(Work(), 4)

    async def leave() -> None:
        batcher.submit(1)
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert asyncio.run(submit(batcher, 3)) == [0, 2, 4]


async def test_work_can_ask_whether_anybody_still_waits_for_it() -> None:
    started, go_on = threading.Event(), threading.Event()
    awaited: list[bool] = []

    def work(numbers: list[int]) -> list[int]:
        awaited.append(batcher.is_awaited())
        started.set()
        go_on.wait(10)
        awaited.append(batcher.is_awaited())
        return numbers

    batcher: Batcher[int, int] = Batcher(work, 10, gather=MEET)
    calls = [batcher.submit(number) for number in range(2)]
    await asyncio.to_thread(started.wait, 10)
    calls[0].cancel()
    assert batcher.is_awaited()
    calls[1].cancel()
    go_on.set()
    await asyncio.to_thread(batcher.close)
    assert awaited == [True, False]


async def test_those_who_wait_can_join_the_work_and_replies_go_back_early() -> None:
    started, go_on, early = threading.Event(), threading.Event(), threading.Event()
    seen: list[list[int]] = []

    def work(numbers: list[int]) -> list[int]:
        started.set()
        go_on.wait(20)
        joinable = batcher.count_joinable()
        seen.extend([numbers, batcher.join()])
        assert joinable == len(seen[1])
        # The second of the batch, and the first of those who joined.
        batcher.hand_back({1: 11, 2: 22})
        early.wait(20)
        return [0, 33]

    batcher: Batcher[int, int] = Batcher(work, 4, gather=MEET)
    calls = [batcher.submit(number) for number in range(2)]
    await asyncio.to_thread(started.wait, 20)
    calls += [batcher.submit(number) for number in (2, 3, 4)]
    go_on.set()
    assert await asyncio.gather(calls[1], calls[2]) == [11, 22]
    assert not calls[0].done()
    early.set()
    assert await asyncio.gather(calls[0], calls[3]) == [0, 33]
    # The fifth was above the limit, and comes with the next batch.
    assert seen == [[0, 1], [2, 3]]
    calls[4].cancel()


async def test_an_error_reaches_those_who_joined_and_nobody_who_has_a_reply() -> None:
    started, go_on = threading.Event(), threading.Event()

    def work(numbers: list[int]) -> list[int]:
        started.set()
        go_on.wait(20)
        batcher.join()
        batcher.hand_back({0: 1, 1: KeyError("alone")})
        raise ValueError("all others")

    batcher: Batcher[int, int] = Batcher(work, 10, gather=MEET)
    calls = [batcher.submit(number) for number in range(3)]
    await asyncio.to_thread(started.wait, 20)
    calls.append(batcher.submit(3))
    go_on.set()
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert replies[0] == 1
    assert [type(reply) for reply in replies[1:]] == [KeyError, ValueError, ValueError]


class Clock:
    """Stands for the time of the batcher's thread: a number of calls comes with each sleep."""

    def __init__(self, coming: list[int]) -> None:
        self.coming, self.slept = coming, 0.0
        self.batcher: Batcher[int, int] | None = None
        self.loop = asyncio.get_running_loop()
        self.calls: list[asyncio.Future[int]] = []

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        for _ in range(self.coming.pop(0) if self.coming else 0):
            asyncio.run_coroutine_threadsafe(self.call(), self.loop).result(20)

    async def call(self) -> None:
        assert self.batcher is not None
        self.calls.append(self.batcher.submit(len(self.calls)))


@pytest.mark.parametrize(
    ("coming", "limit", "first", "slept"),
    [
        ([3, 4, 5, 0, 6], 100, 13, 4.0),
        ([3, 4, 5, 6, 7, 8, 9, 9], 100, 26, 5.0),
        ([3, 4, 5, 6], 8, 8, 2.0),
        ([], 100, 1, 2.0),
    ],
    ids=["until none comes", "no longer than allowed", "until it is full", "alone"],
)
async def test_a_batch_fills_while_requests_keep_coming(
    monkeypatch: pytest.MonkeyPatch, coming: list[int], limit: int, first: int, slept: float
) -> None:
    work, clock = Work(), Clock(coming)
    at: list[float] = []

    def note(numbers: list[int]) -> list[int]:
        at.append(clock.slept)
        return work(numbers)

    clock.batcher = Batcher(note, limit, gather=1.0, longest=5.0)
    monkeypatch.setattr("stores.batcher.time.sleep", clock.sleep)
    await clock.call()
    await clock.calls[0]
    assert (len(work.batches[0]), at[0]) == (first, slept)
    await asyncio.to_thread(clock.batcher.close)
