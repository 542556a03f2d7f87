"""Kills a process at a chosen moment: before its n-th change to a disk, or right after a commit.

A change is what Python reports of itself (a file renamed, removed, cut, opened for writing, a folder made or
removed), an fsync, and each commit of SQLite, before it and after it.
"""

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHANGES = frozenset(
    [
        "os.rename",
        "os.remove",
        "os.mkdir",
        "os.rmdir",
        "os.truncate",
        "os.link",
        "os.symlink",
        "shutil.rmtree",
    ]
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Moments:
    """Counts a process's changes below a folder, and kills the process at one of them.

    Args:
        folder: changes elsewhere do not count.
        last: the change before which the process dies; 0 for none.
        tell: called with the number of changes after each.
    """

    def __init__(self, folder: Path, last: int, tell: Callable[[int], None]) -> None:
        self._folder = folder
        self._last = last
        self._tell = tell
        self._count = 0
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Begin to count; a process cannot end it."""
        sys.addaudithook(self._audit)
        sync, connect = os.fsync, sqlite3.connect

        def fsync(file: int) -> None:
            self.count()
            sync(file)

        moments = self

        class Connection(sqlite3.Connection):
            def __exit__(self, *error: Any) -> Any:
                moments.count()
                try:
                    return super().__exit__(*error)
                finally:
                    moments.count()

        def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
            return connect(*arguments, **{"factory": Connection, **named})

        os.fsync = fsync
        sqlite3.connect = connected  # type: ignore[assignment]

    def count(self) -> None:
        """Count a change; does not return where it is the last."""
        with self._lock:
            self._count += 1
            self._tell(self._count)
            if self._count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITES):
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        # What is removed through an open folder has a relative path: it counts.
        if isinstance(path, str | os.PathLike):
            where = Path(path)
            if where.is_absolute() and not where.is_relative_to(self._folder):
                return
        self.count()
