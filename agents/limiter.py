"""How many requests an endpoint is sent at once, found while a run goes on.

The limit doubles while throughput grows, then grows by an eighth at a time; a limit that brought nothing is
taken back and tried again later. Refusals, server errors and time-outs halve it, once for all requests that
were under way. An endpoint that stops answering altogether opens a circuit: nothing is sent until a probe is
answered, so that an outage costs time and no samples.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import NamedTuple

from agents.errors import EndpointDownError

_LOG = logging.getLogger("robustft")

_FIRST_LIMIT = 16
# Throughput that grew by less than this is noise.
_GROWTH = 1.03
# Rounds until a limit that brought nothing is tried again: an endpoint may gain capacity.
_HOLD = 8
# Failures in a row, of any requests, that make an endpoint suspect of being down.
_STREAK = 3
_LONGEST_PAUSE = 30.0

Probe = Callable[[], Awaitable[bool]]


class Trouble(Enum):
    """What went wrong with a request, as far as the next one is concerned."""

    BUSY = auto()
    """Refused for now (429): send less."""
    FAILING = auto()
    """A server error, a time-out, or no valid reply: send less; the endpoint may be down."""
    GONE = auto()
    """No connection: the endpoint may be down."""
    OWN = auto()
    """The request's own fault: the endpoint is well."""
    CANCELLED = auto()
    """Given up by us: it says nothing about the endpoint."""


class Ticket(NamedTuple):
    """The right to send one request; `epoch` tells a failure that is already paid for from a new one."""

    epoch: int


class Limiter:
    """The one gate to an endpoint, shared by all agents that use it; belongs to one event loop.

    Args:
        ceiling: the most requests in flight.
        patience: seconds that an outage may last.
        label: the endpoint's name in messages.
        probe: says whether an endpoint that was down answers again; it may restart it.
    """

    def __init__(self, ceiling: int, *, patience: float, label: str, probe: Probe) -> None:
        self.patience = patience
        self._ceiling = ceiling
        self._label = label
        self._probe = probe
        self._limit = float(min(ceiling, _FIRST_LIMIT))
        self._doubling = True
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._epoch = 0
        self._refusals = 0
        self._failures = 0
        self._answered = False
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._outage: asyncio.Task[None] | None = None
        self._given_up: str | None = None
        self._round_started: float | None = None
        self._round_done = 0
        self._starved = False
        self._rate_before: float | None = None
        self._limit_before = self._limit
        self._hold = 0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self._in_flight

    @property
    def has_answered(self) -> bool:
        """Whether the endpoint ever answered: one that never did is misconfigured, not down."""
        return self._answered

    @property
    def is_down(self) -> bool:
        """Whether the circuit is open."""
        return self._outage is not None

    async def acquire(self) -> Ticket:
        """Wait for the right to send one request; every ticket must be given back by `release`.

        Raises:
            EndpointDownError: the endpoint has been down for longer than `patience`.
        """
        if self._waiting or not self._is_open():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._admit()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None:
                    self._in_flight -= 1
                    self._admit()
                raise
        else:
            self._in_flight += 1
        return Ticket(self._epoch)

    def release(
        self, ticket: Ticket, trouble: Trouble | None = None, retry_after: float | None = None
    ) -> None:
        """Give a ticket back and say how its request went.

        Args:
            ticket: what `acquire` returned.
            trouble: what went wrong; None for a reply.
            retry_after: seconds that the endpoint asked to be left alone.
        """
        self._in_flight -= 1
        if trouble in (None, Trouble.OWN):
            self._answered = True
            self._refusals = self._failures = 0
            self._count()
        elif trouble is not Trouble.CANCELLED:
            if trouble in (Trouble.FAILING, Trouble.GONE):
                self._failures += 1
            if trouble in (Trouble.BUSY, Trouble.FAILING) and ticket.epoch == self._epoch:
                self._shrink(retry_after)
            if self._failures >= _STREAK and self._answered and self._outage is None:
                self._outage = asyncio.get_running_loop().create_task(self._wait_out())
        self._admit()

    def close(self) -> None:
        """Stop probing; requests that wait are cancelled with the tasks that made them."""
        if self._outage is not None:
            self._outage.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _is_open(self) -> bool:
        if self._given_up is not None:
            raise EndpointDownError(self._given_up)
        room = self._in_flight < int(self._limit)
        return room and self._outage is None and asyncio.get_running_loop().time() >= self._not_before

    def _admit(self) -> None:
        """Let those in who may go."""
        loop = asyncio.get_running_loop()
        if self._outage is not None or self._given_up is not None:
            return
        if loop.time() < self._not_before:
            if self._timer is None:
                self._timer = loop.call_at(self._not_before, self._resume)
            return
        while self._waiting and self._in_flight < int(self._limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)
        if self._in_flight < int(self._limit):
            self._starved = True

    def _resume(self) -> None:
        self._timer = None
        self._admit()

    def _count(self) -> None:
        """Count a reply, and set the limit anew after as many as it allows at once."""
        now = asyncio.get_running_loop().time()
        if self._round_started is None:
            self._round_started, self._round_done, self._starved = now, 0, False
            return
        self._round_done += 1
        if self._round_done < int(self._limit):
            return
        seconds = now - self._round_started
        rate = self._round_done / seconds if seconds > 0 else 0.0
        saturated = not self._starved
        self._round_started = None
        # A limit that nobody fills says nothing about the endpoint.
        if saturated and rate > 0:
            self._adjust(rate)

    def _adjust(self, rate: float) -> None:
        if self._rate_before is not None and rate < self._rate_before * _GROWTH:
            self._limit, self._rate_before = self._limit_before, None
            self._doubling = False
            self._hold = _HOLD
        elif self._hold > 0:
            self._hold -= 1
        elif self._limit < self._ceiling:
            step = self._limit if self._doubling else max(1.0, self._limit // 8)
            self._limit_before, self._rate_before = self._limit, rate
            self._limit = min(float(self._ceiling), self._limit + step)
        else:
            self._rate_before = None

    def _shrink(self, retry_after: float | None) -> None:
        self._epoch += 1
        self._refusals += 1
        self._limit = max(1.0, self._limit / 2)
        self._doubling = False
        self._round_started = self._rate_before = None
        self._hold = 1
        pause = retry_after
        if pause is None:
            longest = min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._refusals, 10))
            pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        until = asyncio.get_running_loop().time() + min(pause, self.patience)
        self._not_before = max(self._not_before, until)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait_out(self) -> None:
        """Probe an endpoint that is down until it answers, or patience ends."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        pause = 0.0
        told = False
        while not await self._probe():
            down = loop.time() - since
            if down > self.patience:
                self._give_up(
                    f"{self._label} has been down for {down:.0f} s (run.patience); "
                    "the run can go on with `robustft resume` when it is back"
                )
                return
            if not told:
                _LOG.warning("%s is down; waiting for it, up to %.0f s", self._label, self.patience)
                told = True
            pause = min(_LONGEST_PAUSE, max(0.5, pause * 1.5))
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter
        if told:
            _LOG.warning("%s is back after %.0f s", self._label, loop.time() - since)
        # What it could bear before is found again quickly, from below.
        self._limit = float(min(self._ceiling, _FIRST_LIMIT))
        self._doubling = True
        self._hold = self._failures = self._refusals = 0
        self._round_started = self._rate_before = None
        self._not_before = 0.0
        self._outage = None
        self._admit()

    def _give_up(self, reason: str) -> None:
        self._given_up = reason
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(EndpointDownError(reason))
