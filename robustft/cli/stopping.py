"""What a Ctrl-C or a SIGTERM does to a command: before its work, and while it is under way."""

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_STOPPED = 130
# Seconds that the work gets to end in order after a SIGTERM, and between two looks at what may take longer.
_GRACE = 1.5
_LOOK = 0.1


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

    Threads cannot be cancelled. After a SIGTERM the process ends within two seconds, whatever its threads
    compute: what they write is whole or not there. It waits for a training, which ends after the step it is
    at and leaves a checkpoint, and for a single call of a library in C that lets no other thread go on.

    Args:
        directory: the run directory of the work, if it has one: a run that is stopped says how to resume it.
        until: the stage that the run was to stop after.
    """
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        before = signal.signal(signal.SIGTERM, lambda number, frame: _stop(directory, until))
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


def _stop(directory: Path | None, until: str) -> None:
    """Stop the work in order, and end the process soon where that takes longer."""
    threading.Thread(target=_leave_soon, args=(directory, until), daemon=True).start()
    os.kill(os.getpid(), signal.SIGINT)


def _leave_soon(directory: Path | None, until: str) -> None:
    time.sleep(_GRACE)
    # Where it is not imported, no stage is at work.
    stages = sys.modules.get("graph.stages.threads")
    while stages is not None and stages.ends_in_order():
        time.sleep(_LOOK)
    try:
        if directory is not None:
            _say_how_to_resume(directory, until)
        if sys.stderr.isatty():
            # A progress display hides the cursor.
            sys.stderr.write("\x1b[?25h")
        sys.stderr.flush()
    finally:
        os._exit(_STOPPED)


_said = threading.Lock()


def _say_how_to_resume(directory: Path, until: str) -> None:
    from robustft.cli.terminal import tell
    from stores.run_directory import holds_run

    if holds_run(directory) and _said.acquire(blocking=False):
        end = "" if until == "evaluate" else f" --until {until}"
        tell(f"stopped; go on with: robustft resume {shlex.quote(str(directory))}{end}")
