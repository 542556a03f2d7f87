"""Gathers calls made at the same time into batches for a function that is faster in batches."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Request = TypeVar("Request")
Reply = TypeVar("Reply")

# Long enough for calls started together to meet, invisible beside a model's batch.
_GATHER_SECONDS = 0.002


class Batcher(Generic[Request, Reply]):
    """An async front for a blocking function that takes a batch.

    The function runs in one thread of its own, one batch at a time; while it works, the next batch gathers.

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
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batcher")
        # A loop of its own for each event loop: a future belongs to the loop that made it, and one process
        # may well call `asyncio.run` twice.
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[Request, Reply]] = (
            WeakKeyDictionary()
        )

    async def submit(self, request: Request) -> Reply:
        """Return the reply to one request, computed in a batch with whatever else is waiting.

        Raises:
            Exception: what `work` raised for the batch that held this request.
        """
        loop = asyncio.get_running_loop()
        queue = self._queues.setdefault(loop, _Queue())
        future: asyncio.Future[Reply] = loop.create_future()
        queue.waiting.append((request, future))
        if queue.drain is None or queue.drain.done():
            queue.drain = loop.create_task(self._drain(queue))
        return await future

    async def _drain(self, queue: "_Queue[Request, Reply]") -> None:
        loop = asyncio.get_running_loop()
        while queue.waiting:
            await asyncio.sleep(self._gather)
            batch = [queue.waiting.popleft() for _ in range(min(self._limit, len(queue.waiting)))]
            # A caller that was cancelled while it waited wants no reply.
            batch = [(request, future) for request, future in batch if not future.done()]
            if not batch:
                continue
            try:
                replies = await loop.run_in_executor(self._thread, self._work, [item for item, _ in batch])
                answered = list(zip(batch, replies, strict=True))
            except Exception as exc:  # noqa: BLE001 - handed to every caller of the batch
                for _, future in batch:
                    if not future.done():
                        future.set_exception(exc)
                continue
            for (_, future), reply in answered:
                if not future.done():
                    future.set_result(reply)


class _Queue(Generic[Request, Reply]):
    def __init__(self) -> None:
        self.waiting: deque[tuple[Request, asyncio.Future[Reply]]] = deque()
        self.drain: asyncio.Task[None] | None = None
