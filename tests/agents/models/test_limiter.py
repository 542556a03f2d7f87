"""The limiter against simulated endpoints in virtual time: it finds their capacity, and outlasts outages."""

import asyncio
import random
from collections.abc import Callable
from statistics import median

import pytest

from agents.errors import EndpointDownError
from agents.models.limiter import FailureKind, Limiter, Ticket
from tests.support.virtual_time import now, virtually

Service = Callable[[int], tuple[float, FailureKind | None]]


class Load:
    """Many workers that send one request after another to a simulated endpoint.

    Args:
        service: takes how many requests are under way with the new one, and says how many seconds it takes
            and what goes wrong with it.
    """

    def __init__(self, service: Service, ceiling: int, *, workers: int = 100, patience: float = 600) -> None:
        random.seed(7)
        self.limiter = Limiter(ceiling, patience=patience, label="the endpoint", probe=self._probe)
        self.sent: list[float] = []
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.limits: list[int] = []
        self.most = 0
        self._service = service
        self._under_way = 0
        self._workers = workers

    async def run(self, seconds: int) -> None:
        tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        for _ in range(seconds):
            await asyncio.sleep(1)
            self.limits.append(self.limiter.limit)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.limiter.close()
        assert self.limiter.in_flight == 0

    def rate(self, since: float, until: float) -> float:
        """Return the replies a second in a span of time."""
        return sum(since < moment <= until for moment in self.answered) / (until - since)

    async def _work(self) -> None:
        while True:
            ticket = await self.limiter.acquire()
            failure: FailureKind | None = FailureKind.CANCELLED
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            self.sent.append(now())
            try:
                seconds, outcome = self._service(self._under_way)
                await asyncio.sleep(seconds)
                failure = outcome
                (self.answered if failure is None else self.refused).append(now())
            finally:
                self._under_way -= 1
                self.limiter.release(ticket, failure)

    async def _probe(self) -> bool:
        return self._service(1)[1] is None


def slower_beyond(capacity: int, *, spread: float = 0.0) -> Service:
    dice = random.Random(3)  # noqa: S311
    return lambda under_way: (max(1.0, under_way / capacity) * dice.lognormvariate(0, spread), None)


def refusing_beyond(capacity: Callable[[], int], *, seconds: float = 1.0, spread: float = 0.1) -> Service:
    dice = random.Random(3)  # noqa: S311

    def serve(under_way: int) -> tuple[float, FailureKind | None]:
        if under_way > capacity():
            return 0.02, FailureKind.BUSY
        return seconds * dice.lognormvariate(0, spread), None

    return serve


def out_between(since: float, until: float, failure: FailureKind) -> Service:
    return lambda under_way: (0.01, failure) if since <= now() < until else (1.0, None)


async def well() -> bool:
    return True


async def down() -> bool:
    return False


def limiter(ceiling: int, *, patience: float = 600, probe: Callable[..., object] = well) -> Limiter:
    return Limiter(ceiling, patience=patience, label="the endpoint", probe=probe)  # type: ignore[arg-type]


async def answered_once(gate: Limiter) -> None:
    gate.release(await gate.acquire())


async def tickets(gate: Limiter, count: int) -> list[Ticket]:
    return [await gate.acquire() for _ in range(count)]


@pytest.mark.parametrize("spread", [0.0, 0.1])
@pytest.mark.parametrize("capacity", [10, 40])
@virtually
async def test_more_is_not_sent_where_it_brings_nothing(capacity: int, spread: float) -> None:
    load = Load(slower_beyond(capacity, spread=spread), 400, workers=500)
    await load.run(200)
    assert load.rate(100, 200) > 0.95 * capacity
    assert capacity <= median(load.limits[50:]) <= 4 * capacity


@virtually
async def test_the_ceiling_is_reached_where_throughput_grows() -> None:
    load = Load(slower_beyond(1000, spread=0.1), 400, workers=500)
    await load.run(60)
    assert load.limits[30:] == [400] * 30
    assert load.most == 400


@pytest.mark.parametrize("ceiling", [1, 2, 7, 64, 100])
@virtually
async def test_the_ceiling_is_never_exceeded(ceiling: int) -> None:
    load = Load(slower_beyond(1000, spread=0.5), ceiling, workers=200)
    await load.run(60)
    assert load.most == ceiling
    assert max(load.limits) == ceiling


@virtually
async def test_an_endpoint_that_refuses_is_sent_what_it_can_bear() -> None:
    load = Load(refusing_beyond(lambda: 20), 64)
    await load.run(300)
    assert all(10 <= limit <= 30 for limit in load.limits[100:])
    assert load.rate(100, 300) > 0.6 * 20
    assert len(load.refused) < 0.05 * len(load.answered)


@virtually
async def test_the_limit_follows_an_endpoints_capacity() -> None:
    def capacity() -> int:
        return 20 if now() < 200 else 60 if now() < 700 else 10

    load = Load(refusing_beyond(capacity), 64)
    await load.run(1000)
    assert load.rate(500, 700) > 0.6 * 60
    assert all(5 <= limit <= 15 for limit in load.limits[800:])
    assert load.rate(800, 1000) > 0.6 * 10


@virtually
async def test_the_limit_follows_the_capacity_of_a_slow_endpoint() -> None:
    service = refusing_beyond(lambda: 20 if now() < 200 else 60, seconds=5.0, spread=0.5)
    load = Load(service, 64)
    await load.run(1000)
    assert load.rate(600, 1000) * 5.7 > 0.7 * 60
    assert len(load.refused) < 0.05 * len(load.answered)


@virtually
async def test_single_failures_cost_no_speed() -> None:
    dice = random.Random(5)  # noqa: S311
    load = Load(
        lambda under_way: (dice.uniform(0.5, 1.5), FailureKind.FAILING if dice.random() < 0.01 else None), 64
    )
    await load.run(300)
    assert load.rate(100, 300) > 0.8 * 64


@virtually
async def test_an_endpoint_that_times_out_when_it_has_too_much_to_do_is_sent_less() -> None:
    dice = random.Random(5)  # noqa: S311

    def serve(under_way: int) -> tuple[float, FailureKind | None]:
        late = under_way > 10 and dice.random() < 0.5
        return (2.0, FailureKind.FAILING) if late else (dice.uniform(0.7, 1.3), None)

    load = Load(serve, 64)
    await load.run(400)
    assert load.rate(100, 400) > 0.6 * 10
    assert len(load.refused) < 0.2 * len(load.answered)


@pytest.mark.parametrize("failure", [FailureKind.GONE, FailureKind.FAILING])
@virtually
async def test_an_outage_costs_few_requests_and_no_speed_afterwards(failure: FailureKind) -> None:
    load = Load(out_between(60, 90, failure), 64)
    await load.run(200)
    assert sum(60 <= moment < 90 for moment in load.sent) < 64 + 8
    assert not any(63 < moment < 90 for moment in load.sent)
    assert load.rate(130, 160) > 0.8 * load.rate(30, 60)


@virtually
async def test_nothing_is_sent_while_the_circuit_is_open() -> None:
    back = asyncio.Event()
    gate = limiter(8, probe=back.wait)
    await answered_once(gate)
    for ticket in await tickets(gate, 3):
        gate.release(ticket, FailureKind.GONE)
    assert gate.is_down
    waiting = asyncio.create_task(gate.acquire())
    await asyncio.sleep(20)
    assert not waiting.done()
    assert gate.in_flight == 0
    back.set()
    gate.release(await waiting)
    assert not gate.is_down


@virtually
async def test_an_outage_longer_than_patience_ends_all_waiting() -> None:
    gate = limiter(4, patience=100, probe=down)
    await answered_once(gate)
    for ticket in await tickets(gate, 3):
        gate.release(ticket, FailureKind.GONE)
    waiting = [asyncio.create_task(gate.acquire()) for _ in range(10)]
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EndpointDownError] * 10
    assert 100 < now() <= 140
    with pytest.raises(EndpointDownError, match=r"the endpoint has been down .*run\.patience"):
        await gate.acquire()
    assert gate.in_flight == 0


@virtually
async def test_a_probe_that_breaks_leaves_nobody_waiting() -> None:
    async def probe() -> bool:
        raise OSError("no such server")

    gate = limiter(4, patience=100, probe=probe)
    await answered_once(gate)
    for ticket in await tickets(gate, 3):
        gate.release(ticket, FailureKind.GONE)
    with pytest.raises(EndpointDownError):
        await asyncio.wait_for(gate.acquire(), timeout=1000)


@virtually
async def test_an_outage_shorter_than_patience_ends_with_a_reply() -> None:
    async def probe() -> bool:
        return now() > 50

    gate = limiter(4, patience=100, probe=probe)
    await answered_once(gate)
    for ticket in await tickets(gate, 3):
        gate.release(ticket, FailureKind.FAILING)
    assert len(await tickets(gate, 4)) == 4
    assert 50 < now() <= 80


@virtually
async def test_an_endpoint_that_never_answered_opens_no_circuit() -> None:
    gate = limiter(8, probe=down)
    for _ in range(20):
        gate.release(await gate.acquire(), FailureKind.GONE)
    assert not gate.is_down
    assert not gate.has_answered


@virtually
async def test_single_failures_open_no_circuit() -> None:
    gate = limiter(8, probe=down)
    for failure in [
        None,
        FailureKind.FAILING,
        FailureKind.FAILING,
        None,
        FailureKind.GONE,
        FailureKind.GONE,
        FailureKind.OWN,
    ] * 5:
        gate.release(await gate.acquire(), failure)
    assert not gate.is_down


@virtually
async def test_nobody_is_let_in_before_retry_after_has_passed() -> None:
    gate = limiter(4)
    refused, *others = await tickets(gate, 4)
    waiting = asyncio.create_task(gate.acquire())
    await asyncio.sleep(1)
    gate.release(refused, FailureKind.BUSY, 20.0)
    late = asyncio.create_task(gate.acquire())
    await asyncio.sleep(5)
    for ticket in others:
        gate.release(ticket)
    await asyncio.sleep(14.9)
    assert not waiting.done()
    assert not late.done()
    await asyncio.gather(waiting, late)
    assert 21 <= now() < 21.1


@virtually
async def test_the_longest_retry_after_of_a_burst_counts() -> None:
    gate = limiter(8)
    first, second = await tickets(gate, 2)
    gate.release(first, FailureKind.BUSY, 1.0)
    gate.release(second, FailureKind.BUSY, 10.0)
    await gate.acquire()
    assert now() >= 10


@virtually
async def test_retry_after_is_waited_for_no_longer_than_patience() -> None:
    gate = limiter(8, patience=60)
    gate.release(await gate.acquire(), FailureKind.BUSY, 1e9)
    await gate.acquire()
    assert 60 <= now() < 61


@pytest.mark.parametrize("failure", [FailureKind.BUSY, FailureKind.FAILING])
@virtually
async def test_a_burst_of_refusals_halves_the_limit_once(failure: FailureKind) -> None:
    gate = limiter(16)
    for ticket in await tickets(gate, 16):
        gate.release(ticket, failure)
    assert gate.limit == 8
    for ticket in await tickets(gate, 8):
        gate.release(ticket, failure)
    assert gate.limit == 4


@virtually
async def test_a_cancelled_request_says_nothing_about_the_endpoint() -> None:
    gate = limiter(16, probe=down)
    await answered_once(gate)
    for ticket in await tickets(gate, 16):
        gate.release(ticket, FailureKind.CANCELLED)
    assert (gate.limit, gate.in_flight, gate.is_down) == (16, 0, False)


@virtually
async def test_a_waiter_that_is_cancelled_leaves_no_slot_taken() -> None:
    gate = limiter(1)
    ticket = await gate.acquire()
    first, second = asyncio.create_task(gate.acquire()), asyncio.create_task(gate.acquire())
    await asyncio.sleep(1)
    first.cancel()
    await asyncio.sleep(1)
    gate.release(ticket)
    gate.release(await second)
    assert gate.in_flight == 0


@virtually
async def test_a_waiter_cancelled_just_after_its_turn_came_gives_it_to_the_next() -> None:
    gate = limiter(1)
    ticket = await gate.acquire()
    first, second = asyncio.create_task(gate.acquire()), asyncio.create_task(gate.acquire())
    await asyncio.sleep(1)
    gate.release(ticket)
    first.cancel()
    gate.release(await second)
    assert first.cancelled()
    assert gate.in_flight == 0


@virtually
async def test_those_who_wait_are_let_in_in_turn() -> None:
    gate = limiter(1)
    order: list[int] = []

    async def work(number: int) -> None:
        ticket = await gate.acquire()
        order.append(number)
        await asyncio.sleep(1)
        gate.release(ticket)

    await asyncio.gather(*(work(number) for number in range(10)))
    assert order == list(range(10))


@pytest.mark.parametrize("seed", range(20))
@virtually
async def test_no_sequence_of_events_leaks_a_slot(seed: int) -> None:
    random.seed(seed)
    dice = random.Random(seed)  # noqa: S311
    ceiling = dice.choice([1, 3, 16, 40])

    async def probe() -> bool:
        await asyncio.sleep(dice.random())
        return dice.random() < 0.5

    gate = limiter(ceiling, patience=1e6, probe=probe)
    under_way = 0

    async def work() -> None:
        nonlocal under_way
        for _ in range(10):
            ticket = await gate.acquire()
            failure: FailureKind | None = FailureKind.CANCELLED
            under_way += 1
            assert under_way <= ceiling
            try:
                await asyncio.sleep(dice.choice([0, 0.1, dice.random()]))
                failure = dice.choice([None, None, None, *FailureKind])
            finally:
                under_way -= 1
                gate.release(ticket, failure, dice.choice([None, 0.0, 2.0]))
            assert 1 <= gate.limit <= ceiling

    tasks = [asyncio.create_task(work()) for _ in range(60)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(dice.random())
        dice.choice(tasks).cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert gate.in_flight == under_way == 0
    await asyncio.wait_for(answered_once(gate), timeout=1e4)
