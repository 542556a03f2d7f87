"""What a Ctrl-C or a SIGTERM does to a command: before its work, and while it is under way."""

import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_STOPPED = 130


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(_STOPPED)


@contextmanager
def leave_quietly() -> Iterator[None]:
    """Let Ctrl-C end the process at once, without a traceback, until `stoppable` work begins.

    Until then libraries are imported, and nothing is open. An import that is interrupted may raise anything.
    """
    # A shell starts its background jobs deaf to Ctrl-C, and so they stay.
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stoppable(directory: Path | None = None, until: str = "evaluate") -> Iterator[None]:
    """Let Ctrl-C or a SIGTERM stop the work in order, once.

    Args:
        directory: the run directory of the work, if it has one: a run that is stopped says how to resume it.
        until: the stage that the run was to stop after.
    """
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        before = signal.signal(signal.SIGTERM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
    except KeyboardInterrupt:
        # The process ends when its threads have ended. A second signal in that time would crash it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if directory is not None:
            _say_how_to_resume(directory, until)
        raise


def _say_how_to_resume(directory: Path, until: str) -> None:
    from robustft.cli.terminal import tell
    from stores.run_directory import holds_run

    if holds_run(directory):
        end = "" if until == "evaluate" else f" --until {until}"
        tell(f"stopped; go on with: robustft resume {shlex.quote(str(directory))}{end}")
