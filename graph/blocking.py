"""The blocking side of both graphs, whose nodes are coroutines.

`invoke`, `batch` and `stream` run each node on one event loop in a thread of its own. They work from inside a
running loop too, since that loop is another one.
"""

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.runtime import get_runtime

Value = TypeVar("Value")
AsyncNode = Callable[..., Coroutine[Any, Any, Any]]


class Node(Runnable[Any, Any]):
    """A node or router that LangGraph can call in both ways; a bare coroutine function has no `invoke`.

    Args:
        function: takes the state, and a `runtime` if it wants one.
    """

    def __init__(self, function: AsyncNode) -> None:
        self.name = function.__name__
        self._function = function
        self._takes_runtime = "runtime" in signature(function).parameters

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """Call the function."""
        if self._takes_runtime:
            return await self._function(input, get_runtime())
        return await self._function(input)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """Call the function on the background loop, and wait for it."""
        return wait_for(self.ainvoke(input, config))


class _BackgroundLoop:
    """An event loop in a daemon thread, started at the first call."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the running loop."""
        # Nodes that start side by side call from two threads.
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="robustft-nodes", daemon=True).start()
                atexit.register(self._end, self._loop)
            return self._loop

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the models that the loop keeps."""
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result()


_BACKGROUND = _BackgroundLoop()


def wait_for(running: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine on the background loop, in the caller's context, and return its value."""
    return asyncio.run_coroutine_threadsafe(running, _BACKGROUND.get()).result()
