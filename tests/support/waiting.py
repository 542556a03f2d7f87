"""Waiting for something to happen, with a deadline: the only place where a test sleeps in real time."""

import asyncio
import subprocess
import time
from collections.abc import Callable

_SECONDS = 60.0
_PAUSE = 0.01


def wait_until(condition: Callable[[], object], seconds: float = _SECONDS) -> None:
    """Return when a condition holds; fail when it does not hold in time.

    Args:
        condition: asked again and again; its first true value ends the wait.
        seconds: far more than the condition needs on a slow machine.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:.0f} s"
        time.sleep(_PAUSE)


async def until(condition: Callable[[], object], seconds: float = _SECONDS) -> None:
    """Return when a condition holds, while the event loop goes on; fail when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:.0f} s"
        await asyncio.sleep(_PAUSE)


def wait_while_running(
    process: "subprocess.Popen[str]", condition: Callable[[], object], seconds: float = _SECONDS
) -> None:
    """Return when a condition holds; fail when the process ends first, or in no time ends or fulfils it."""

    def holds_or_ended() -> bool:
        return bool(condition()) or process.poll() is not None

    wait_until(holds_or_ended, seconds)
    assert process.poll() is None, f"the process ended too early, with {process.returncode}"
