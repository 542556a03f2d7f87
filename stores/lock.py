"""One writer a run directory: the lock that says who it is."""

import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path

from stores.errors import RunDirectoryError

STATE = ".state"
"""The folder of a run directory that holds what only RobustFT reads."""


class RunLock:
    """Holds a run directory for this process until it is released, or the process ends in whatever way.

    The operating system's lock on a file, and not the file itself: a process that dies leaves nothing behind
    that anybody would have to remove.

    Args:
        folder: the run directory.

    Raises:
        RunDirectoryError: another run holds it; the message names its process and host.
        OSError: its `.state` folder is missing or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._file: int | None = None
        file = os.open(folder / STATE / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        except BlockingIOError as exc:
            holder = _holder(os.pread(file, 1000, 0))
            os.close(file)
            raise RunDirectoryError(f"{folder}: {holder} works in it; one run at a time") from exc
        except OSError:
            os.close(file)
            raise
        self._file = file

    def release(self) -> None:
        """Let others have the directory; does nothing the second time."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _holder(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        holder = json.loads(content)
        return f"process {int(holder['pid'])} on {holder['host']}"
    return "another process"
