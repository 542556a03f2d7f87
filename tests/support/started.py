"""The command in a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.waiting import wait_while_running

# What a stopped run says when its work is over and its process is about to end.
STOPPED = "stopped; go on with"


class Started:
    """The command in a process of its own; a file takes what it says on stderr."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        code = "from robustft.cli import main; main()"
        self._errors = folder / "stderr.txt"
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
                cwd=Path(__file__).parents[2],
                # A background shell starts its children deaf to SIGINT, and they pass that on.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def said(self) -> str:
        return self._errors.read_text()

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds, while the command works."""
        wait_while_running(self.process, condition)

    def end(self) -> int:
        """Wait until it ends; returns its exit code."""
        return self.process.wait(timeout=60)
