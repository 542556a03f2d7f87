"""Blocking work beside an event loop: a context manager entered in a thread, and work done meanwhile."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TypeVar

# Seconds until work beside a stage looks again whether there is more to do.
POLL_SECONDS = 0.5

Value = TypeVar("Value")


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
    value = await asyncio.to_thread(manager.__enter__)
    try:
        yield value
    except BaseException as exc:
        if not await asyncio.to_thread(manager.__exit__, type(exc), exc, exc.__traceback__):
            raise
    else:
        await asyncio.to_thread(manager.__exit__, None, None, None)
