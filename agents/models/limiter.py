"""The gate to an endpoint: no more requests at once than it bears, and none while it is down.

An endpoint that stops answering opens a circuit: nothing is sent until a probe is answered, so that an outage
costs time and no samples.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import NamedTuple

from agents.errors import EndpointDownError
from agents.models.adaptive_limit import FIRST_LIMIT, AdaptiveLimit

_LOG = logging.getLogger("robustft")

# Failures in a row, of any requests, that make an endpoint suspect of being down.
_STREAK = 3
_LONGEST_PAUSE = 30.0

Probe = Callable[[], Awaitable[bool]]


class FailureKind(Enum):
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
        first: how many there may be to begin with.
        patience: seconds that an outage may last.
        label: the endpoint's name in messages.
        probe: says whether an endpoint that was down answers again; it may restart it.
    """

    def __init__(
        self, ceiling: int, *, first: int = FIRST_LIMIT, patience: float, label: str, probe: Probe
    ) -> None:
        self.patience = patience
        self._label = label
        self._probe = probe
        self._adaptive = AdaptiveLimit(ceiling, first)
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refusals = 0
        self._failures = 0
        self._answered = False
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._outage: asyncio.Task[None] | None = None
        self._given_up: str | None = None

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._adaptive.limit

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
        return Ticket(self._adaptive.epoch)

    def release(
        self,
        ticket: Ticket,
        failure: FailureKind | None = None,
        retry_after: float | None = None,
        work: float = 1.0,
    ) -> None:
        """Give a ticket back and say how its request went.

        Args:
            ticket: what `acquire` returned.
            failure: what went wrong; None for a reply.
            retry_after: seconds that the endpoint asked to be left alone.
            work: what the reply took, for example its tokens.
        """
        self._in_flight -= 1
        if failure in (None, FailureKind.OWN):
            self._answered = True
            self._refusals = self._failures = 0
            self._adaptive.replied(asyncio.get_running_loop().time(), work)
        elif failure is not FailureKind.CANCELLED:
            if failure in (FailureKind.FAILING, FailureKind.GONE):
                self._failures += 1
            if failure in (FailureKind.BUSY, FailureKind.FAILING):
                # Once for a burst: its requests were all sent at the same pace.
                self._refusals += self._adaptive.failed(ticket.epoch, refused=failure is FailureKind.BUSY)
            if failure is FailureKind.BUSY or retry_after is not None:
                self._pause(retry_after)
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
        room = self._in_flight < self._adaptive.limit
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
        while self._waiting and self._in_flight < self._adaptive.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)
        if self._in_flight < self._adaptive.limit:
            self._adaptive.note_room()

    def _resume(self) -> None:
        self._timer = None
        self._admit()

    def _pause(self, seconds: float | None) -> None:
        if seconds is None:
            longest = min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._refusals, 10))
            seconds = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        until = asyncio.get_running_loop().time() + min(seconds, self.patience)
        if until <= self._not_before:
            return
        self._not_before = until
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait_out(self) -> None:
        """Probe an endpoint that is down until it answers, or patience ends."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        pause = 0.0
        told = False
        while not await self._is_back():
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
        self._failures = self._refusals = 0
        if told:
            _LOG.warning("%s is back after %.0f s", self._label, loop.time() - since)
            self._not_before = 0.0
            self._adaptive.restart()
        else:
            # An endpoint that answers a probe at once was sent too much; it was not down.
            self._adaptive.forget_failures()
        self._outage = None
        self._admit()

    async def _is_back(self) -> bool:
        try:
            return await self._probe()
        except Exception:  # noqa: BLE001 - whatever broke, those who wait must learn that it is over
            _LOG.warning("%s could not be probed", self._label, exc_info=True)
            return False

    def _give_up(self, reason: str) -> None:
        self._given_up = reason
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(EndpointDownError(reason))
