"""The hold that a run has on its directory: one writer at a time, from the first stage to the last."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path

from graph.stages.threads import finish_in_thread
from stores.errors import RunDirectoryError
from stores.lock import RunLock

# The run directories that this task holds from its first stage to its last.
_HELD: ContextVar[dict[str, RunLock]] = ContextVar("held")


@contextmanager
def holding() -> Iterator[None]:
    """Hold every run directory that a stage is opened in until the block ends, and not stage by stage."""
    locks: dict[str, RunLock] = {}
    token = _HELD.set(locks)
    try:
        yield
    finally:
        _HELD.reset(token)
        for lock in locks.values():
            lock.release()


@asynccontextmanager
async def held(directory: str) -> AsyncIterator[None]:
    """Hold a run directory for a block, or until `holding` ends where the block runs inside of it.

    Raises:
        RunDirectoryError: another process works in it. Or it was moved away since, or removed, and another
            run may lie in its place.
    """
    locks = _HELD.get(None)
    if locks is None:
        lock = await _lock(directory)
        try:
            yield
        finally:
            lock.release()
        return
    if directory not in locks:
        locks[directory] = await _lock(directory)
    elif not await asyncio.to_thread(locks[directory].holds, Path(directory)):
        raise RunDirectoryError(
            f"{directory}: was moved or removed while a run worked in it; `robustft resume` goes on with it "
            "where it is now"
        )
    yield


async def _lock(directory: str) -> RunLock:
    return await finish_in_thread(lambda: RunLock(Path(directory)), RunLock.release)
