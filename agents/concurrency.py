"""Drives one worker over a dataset with bounded concurrency.

A `Send` fan-out would make a superstep of the dataset: it waits for the slowest sample, and its bookkeeping
grows with samples times channels. A loop of workers keeps the endpoint full and the memory flat.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()


async def map_concurrently(
    items: Iterator[Item],
    work: Callable[[Item], Awaitable[Result]],
    record: Callable[[list[Result]], None],
    *,
    concurrency: int,
) -> None:
    """Work on every item, at most `concurrency` at once, and record results as they come.

    Items are pulled and results recorded in threads, a batch at a time, so both may block. The first
    exception of any part stops all work and is raised; what was finished by then is recorded.

    Args:
        items: read lazily, never more than a few batches ahead.
        work: turns one item into its result.
        record: stores a batch of results.
        concurrency: how many items are under way at once.
    """
    todo: asyncio.Queue[Item | object] = asyncio.Queue(maxsize=2 * concurrency)
    done: asyncio.Queue[Result | object] = asyncio.Queue(maxsize=2 * concurrency)

    async def produce() -> None:
        while batch := await asyncio.to_thread(lambda: list(islice(items, 2 * concurrency))):
            for item in batch:
                await todo.put(item)
        for _ in range(concurrency):
            await todo.put(_END)

    async def consume() -> None:
        while (item := await todo.get()) is not _END:
            await done.put(await work(item))  # type: ignore[arg-type]
        await done.put(_END)

    async def write() -> None:
        working = concurrency
        while working:
            batch = [await done.get()]
            while not done.empty():
                batch.append(done.get_nowait())
            working -= sum(result is _END for result in batch)
            results = [result for result in batch if result is not _END]
            if results:
                # Shielded: what is finished is recorded even when the run is being stopped.
                await asyncio.shield(asyncio.to_thread(record, results))  # type: ignore[arg-type]

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(produce())
            tasks.create_task(write())
            for _ in range(concurrency):
                # A context of its own: inside a node, LangGraph would take each sample's graph for a
                # subgraph of the run's and carry the run's callbacks and streams into it.
                tasks.create_task(consume(), context=contextvars.Context())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
