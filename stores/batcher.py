"""Gathers calls made at the same time into batches for a function that is faster in batches."""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
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

    Args:
        work: takes a list of requests and returns their replies in the same order.
        limit: the most requests in one batch.
        gather: seconds that a batch waits for more.
    """

    def __init__(
        self,
        work: Callable[[list[Request]], Sequence[Reply]],
        limit: int,
        *,
        gather: float = _GATHER_SECONDS,
    ) -> None:
        self._work = work
        self._limit = limit
        self._gather = gather
        self._waiting: deque[tuple[Request, asyncio.Future[Reply]]] = deque()
        self._lock = threading.Lock()
        self._working = False
        self._at_work: list[asyncio.Future[Reply]] = []
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
        """Say whether anybody still waits for the batch that is worked on: long work may ask."""
        return not all(future.done() for future in self._at_work)

    def close(self) -> None:
        """Answer those who wait, and end the thread."""
        self._thread.shutdown()

    def _drain(self) -> None:
        """Work until nobody waits."""
        while True:
            time.sleep(self._gather)
            with self._lock:
                batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
                if not batch:
                    self._working = False
                    return
            # A caller that was cancelled while it waited wants no reply.
            batch = [(request, future) for request, future in batch if not future.done()]
            if batch:
                self._answer([request for request, _ in batch], [future for _, future in batch])

    def _answer(self, requests: list[Request], futures: list["asyncio.Future[Reply]"]) -> None:
        replies: Sequence[Reply] | Exception
        self._at_work = futures
        try:
            replies = self._work(requests)
            if len(replies) != len(requests):
                raise ValueError(f"{len(replies)} replies to {len(requests)} requests")
        except Exception as exc:  # noqa: BLE001 - handed to every caller of the batch
            replies = exc
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Reply], Reply | Exception]]]
        by_loop = defaultdict(list)
        for position, future in enumerate(futures):
            reply = replies if isinstance(replies, Exception) else replies[position]
            by_loop[future.get_loop()].append((future, reply))
        for loop, answered in by_loop.items():
            # A loop that was closed meanwhile has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, answered)


def _settle(answered: "list[tuple[asyncio.Future[Reply], Reply | Exception]]") -> None:
    for future, reply in answered:
        if future.done():
            continue
        if isinstance(reply, Exception):
            future.set_exception(reply)
        else:
            future.set_result(reply)
