"""Gathers calls made at the same time into batches for a function that is faster in batches."""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

Request = TypeVar("Request")
Reply = TypeVar("Reply")

# Long enough for calls started together to meet, invisible beside a model's batch.
_GATHER_SECONDS = 0.002


class Batcher(Generic[Request, Reply]):
    """An async front for a blocking function that takes a batch; event loops may share it.

    The function runs in one thread of its own, one batch at a time; while it works, the next batch gathers.
    The thread takes what waits and hands a whole batch of replies back at once: a caller costs its event loop
    a future, and no task or executor call.

    Work that takes long may let those who wait join it (`join`) and hand replies back early (`hand_back`).

    Args:
        work: takes a list of requests and returns their replies in the same order; without those handed back.
        limit: the most requests in one batch.
        gather: seconds that a batch waits for more.
        longest: seconds that it waits in all while more keep coming. It goes on where none came in `gather`.
    """

    def __init__(
        self,
        work: Callable[[list[Request]], Sequence[Reply | Exception]],
        limit: int,
        *,
        gather: float = _GATHER_SECONDS,
        longest: float = 0.0,
    ) -> None:
        self._work = work
        self._limit = limit
        self._gather = gather
        self._longest = longest
        self._waiting: deque[tuple[Request, asyncio.Future[Reply]]] = deque()
        self._lock = threading.Lock()
        self._working = False
        # By position: those of the batch as it began, then those that joined it.
        self._at_work: dict[int, asyncio.Future[Reply]] = {}
        self._taken = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batcher")

    def submit(self, request: Request) -> "asyncio.Future[Reply]":
        """Return the reply to one request, computed in a batch with whatever else is waiting.

        The future belongs to the running event loop, and holds what `work` raised for its batch. Cancelling
        it takes the request back, unless it is being worked on.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((request, future))
            begins, self._working = not self._working, True
        if begins:
            self._thread.submit(self._drain)
        return future

    def is_awaited(self) -> bool:
        """Say whether anybody still waits for the batch that is worked on; long work may ask."""
        return not all(future.done() for future in self._at_work.values())

    def count_joinable(self) -> int:
        """Return how many of those who wait could join the batch that is worked on."""
        return min(len(self._waiting), self._limit - len(self._at_work))

    def join(self) -> list[Request]:
        """Take those who wait into the batch that is worked on, as far as the limit allows.

        Only `work` may call it. Their positions follow those of the requests that it has.
        """
        requests, futures = self._take(self._limit - len(self._at_work))
        self._at_work.update(enumerate(futures, self._taken))
        self._taken += len(futures)
        return requests

    def hand_back(self, replies: Mapping[int, Reply | Exception]) -> None:
        """Answer some of the batch that is worked on; `work` returns no reply to these.

        Args:
            replies: by the request's position in the batch.
        """
        _answer([(self._at_work.pop(position), reply) for position, reply in replies.items()])

    def close(self) -> None:
        """Answer those who wait, and end the thread."""
        self._thread.shutdown()

    def _drain(self) -> None:
        """Work until nobody waits."""
        while True:
            self._wait_for_more()
            with self._lock:
                if not self._waiting:
                    self._working = False
                    return
            requests, futures = self._take(self._limit)
            if requests:
                self._work_on(requests, futures)

    def _wait_for_more(self) -> None:
        """Wait for those who call at about the same time; longer while they keep coming."""
        waited, before = 0.0, 0
        while True:
            time.sleep(self._gather)
            waited += self._gather
            now = len(self._waiting)
            if now >= self._limit or now == before or waited >= self._longest:
                return
            before = now

    def _take(self, most: int) -> tuple[list[Request], "list[asyncio.Future[Reply]]"]:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        # A caller that was cancelled while it waited wants no reply.
        taken = [(request, future) for request, future in taken if not future.done()]
        return [request for request, _ in taken], [future for _, future in taken]

    def _work_on(self, requests: list[Request], futures: "list[asyncio.Future[Reply]]") -> None:
        replies: Sequence[Reply | Exception]
        self._at_work = dict(enumerate(futures))
        self._taken = len(futures)
        try:
            replies = self._work(requests)
            if len(replies) != len(self._at_work):
                raise ValueError(f"{len(replies)} replies to {len(self._at_work)} requests")
        except Exception as exc:  # noqa: BLE001 - handed to every caller of the batch
            replies = [exc] * len(self._at_work)
        _answer(list(zip(self._at_work.values(), replies, strict=True)))
        self._at_work = {}


def _answer(answered: "list[tuple[asyncio.Future[Reply], Reply | Exception]]") -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Reply], Reply | Exception]]]
    by_loop = defaultdict(list)
    for future, reply in answered:
        by_loop[future.get_loop()].append((future, reply))
    for loop, those in by_loop.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, those)


def _settle(answered: "list[tuple[asyncio.Future[Reply], Reply | Exception]]") -> None:
    for future, reply in answered:
        if future.done():
            continue
        if isinstance(reply, Exception):
            future.set_exception(reply)
        else:
            future.set_result(reply)
