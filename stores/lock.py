"""One writer a run directory: the lock that says who it is."""

import contextlib
import errno
import fcntl
import json
import os
import socket
import stat
from pathlib import Path

from stores.errors import RunDirectoryError
from stores.places import STATE, check_unshared

_BEGINS = b'{"pid": '


class RunLock:
    """Holds a run directory for this process until it is released, or the process ends in whatever way.

    The operating system's lock on a file, and not the file itself: a process that dies leaves nothing behind
    that anybody would have to remove.

    Args:
        folder: the run directory.

    Raises:
        RunDirectoryError: another run holds it; the message names its process and host. Or what lies in the
            lock's place is no lock of ours. It is left as it is.
        OSError: its `.state` folder is missing or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._file: int | None = None
        file = _open(folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            check_unshared(folder)
            _check_ours(file, folder)
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        except BlockingIOError as exc:
            holder = _holder(os.pread(file, 1000, 0))
            os.close(file)
            raise RunDirectoryError(f"{folder}: {holder} works in it; one run at a time") from exc
        except (OSError, RunDirectoryError):
            os.close(file)
            raise
        self._file = file

    def holds(self, folder: Path) -> bool:
        """Say whether this folder is held: it may have been moved, and another put in its place."""
        try:
            there = (folder / STATE / "run.lock").lstat()
        except OSError:
            return False
        return self._file is not None and os.path.samestat(os.fstat(self._file), there)

    def release(self) -> None:
        """Let others have the directory; does nothing the second time."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _open(folder: Path) -> int:
    """Open the lock's file, and no other that a link leads to; it may be a FIFO, which nobody waits for."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        state = os.open(folder / STATE, os.O_RDONLY | os.O_DIRECTORY | flags)
        try:
            return os.open("run.lock", os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | flags, 0o666, dir_fd=state)
        finally:
            os.close(state)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
            raise _no_lock(folder) from exc
        raise


def _check_ours(file: int, folder: Path) -> None:
    """Check that a file is empty or says what a lock says, before it is written over."""
    said = os.fstat(file)
    content = os.pread(file, len(_BEGINS), 0) if stat.S_ISREG(said.st_mode) else b"?"
    # What was being written at a power cut may be zeros, or not be there.
    if not _BEGINS.startswith(content.rstrip(b"\0")):
        raise _no_lock(folder)


def _no_lock(folder: Path) -> RunDirectoryError:
    return RunDirectoryError(
        f"{folder / STATE / 'run.lock'}: is no lock of RobustFT's, which keeps other runs away; "
        "move it away and try again"
    )


def _holder(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        holder = json.loads(content)
        return f"process {int(holder['pid'])} on {holder['host']}"
    return "another process"
