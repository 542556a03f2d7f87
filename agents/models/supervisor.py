"""Keeps a server no longer than its owner: `python supervisor.py COMMAND...`, standard library alone.

The owner holds the other end of standard input. When that closes, because the owner wants the server to stop
or because it died, however it died, the server and everything it started get SIGTERM, and SIGKILL soon after:
no orphan is left holding a GPU.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from io import FileIO

_SECONDS_TO_END = 10.0


def start_supervised(
    command: Sequence[str], log: FileIO, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start a command below a supervisor, and return that. Close its standard input to end both.

    Args:
        command: what to run, as a list of arguments.
        log: an open file that takes what it prints.
        environment: of the command.
    """
    return subprocess.Popen(  # noqa: S603 - no shell is between
        [sys.executable, "-I", __file__, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        # Ctrl-C in a terminal reaches a whole group; this one is stopped by its owner.
        start_new_session=True,
        env=dict(environment),
    )


def main() -> None:
    """Run a command until it ends or standard input does."""
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: _end(server))
    threading.Thread(target=_follow, args=(server,), daemon=True).start()
    # Unbuffered, so that no lock is held when the other thread ends the process.
    while os.read(0, 4096):
        pass
    _end(server)


def _follow(server: "subprocess.Popen[bytes]") -> None:
    code = server.wait()
    # What the server started must not outlive it: the engine is a process of its own.
    _signal(server.pid, signal.SIGKILL)
    os._exit(code if code >= 0 else 128 - code)


def _end(server: "subprocess.Popen[bytes]") -> None:
    _signal(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS_TO_END
    while time.monotonic() < deadline and server.poll() is None:
        time.sleep(0.05)
    _signal(server.pid, signal.SIGKILL)
    os._exit(0)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    main()
