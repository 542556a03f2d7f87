"""Running a coroutine from code that is none, also where an event loop runs already, as in a notebook."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import wraps
from types import FrameType
from typing import Any, Generic, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


def blocking(function: Callable[Arguments, Coroutine[Any, Any, Value]]) -> Callable[Arguments, Value]:
    """Return the blocking twin of a coroutine function: `run` for `arun`."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        return complete(function(*args, **kwargs))

    call.__name__ = call.__qualname__ = function.__name__.removeprefix("a")
    return call


def complete(running: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine in an event loop of its own, and wait for its value.

    Where the calling thread runs an event loop already, the new one gets a thread of its own. The first
    Ctrl-C cancels the coroutine. It ends in order, and further ones change nothing.

    Raises:
        KeyboardInterrupt: it was cancelled so.
    """
    work = _Stoppable(running)
    with _first_interrupt(work.stop):
        try:
            if not _runs_a_loop():
                return asyncio.run(work.run())
            with ThreadPoolExecutor(1, thread_name_prefix="robustft") as thread:
                try:
                    return thread.submit(asyncio.run, work.run()).result()
                except KeyboardInterrupt:
                    work.stop()
                    raise
        except asyncio.CancelledError:
            if work.stopped:
                raise KeyboardInterrupt from None
            raise


class _Stoppable(Generic[Value]):
    """A coroutine that any thread, or a signal handler, can cancel."""

    def __init__(self, running: Coroutine[Any, Any, Value]) -> None:
        self._running = running
        self._cancel: Callable[[], Any] | None = None
        self.stopped = False

    async def run(self) -> Value:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self.stopped:
            self.stop()
        try:
            return await self._running
        finally:
            self._cancel = None

    def stop(self) -> None:
        self.stopped = True
        if (cancel := self._cancel) is not None:
            # The loop may have closed since.
            with suppress(RuntimeError):
                cancel()


@contextmanager
def _first_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C, and ignore it from then on.

    asyncio would raise the second one wherever its loop is, and what was about to be woken there would wait
    for ever.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    stopping = False

    def once(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            stop()

    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
