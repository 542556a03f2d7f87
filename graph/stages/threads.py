"""Blocking work beside an event loop: a context manager entered in a thread, and work done meanwhile."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from typing import Any, TypeVar

# Seconds until work beside a stage looks again whether there is more to do.
POLL_SECONDS = 0.5

Value = TypeVar("Value")
_unfinished = 0


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Mark work that loses something where its process ends in the middle of it: a stop waits for its end."""
    global _unfinished
    _unfinished += 1
    try:
        yield
    finally:
        _unfinished -= 1


def ends_in_order() -> bool:
    """Say whether such work is under way."""
    return _unfinished > 0


async def finish_in_thread(work: Callable[[], Value], undo: Callable[[Value], Any] = lambda _: None) -> Value:
    """Do something in a thread that must not be left half done, or whose value must not be lost.

    A thread cannot be cancelled. Where the caller is, this waits for the thread's end all the same.

    Args:
        work: what is done.
        undo: takes the value where the caller is cancelled and so never has it; it must not block for long.
    """
    working = asyncio.get_running_loop().run_in_executor(None, copy_context().run, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([working])
        if working.exception() is None:
            undo(working.result())
        raise


@asynccontextmanager
async def meanwhile(work: Callable[[threading.Event, threading.Event], None]) -> AsyncIterator[None]:
    """Do something in a thread while a block runs; leaving the block waits for its end.

    Args:
        work: is called with two events. The first is set when the block has ended, so that nothing more is to
            come. The second is set when the block has failed, so that the work should end too.
    """
    ended, failed = threading.Event(), threading.Event()
    working = asyncio.create_task(asyncio.to_thread(work, ended, failed))
    try:
        yield
    except BaseException:
        failed.set()
        raise
    finally:
        ended.set()
        # A thread cannot be cancelled: it ends by itself after the batch it is at.
        await asyncio.shield(working)


@asynccontextmanager
async def in_thread(manager: AbstractContextManager[Value]) -> AsyncIterator[Value]:
    """Enter and leave a context manager that blocks, in a thread."""
    value = await finish_in_thread(manager.__enter__, lambda _: _give_up(manager))
    try:
        yield value
    except BaseException as exc:
        if not await asyncio.to_thread(manager.__exit__, type(exc), exc, exc.__traceback__):
            raise
    else:
        await asyncio.to_thread(manager.__exit__, None, None, None)


def _give_up(manager: AbstractContextManager[Any]) -> None:
    """Leave a context manager whose block was never begun."""
    error = asyncio.CancelledError()
    manager.__exit__(type(error), error, None)
