"""What starting RobustFT costs: CPU seconds of a fresh process, beside Python's own.

    python benchmarks/startup.py [--times 15]

Starts each command so many times, in turn with `python -c pass`, and prints JSON: the median CPU time (user
and system) and wall time of each, and what it costs beyond Python itself.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

_MAIN = "from robustft.cli import main; main()"
_STARTS = {
    "python -c pass": ["-c", "pass"],
    "import robustft": ["-c", "import robustft"],
    "robustft --version": ["-c", _MAIN, "--version"],
    "robustft --help": ["-c", _MAIN, "--help"],
    "robustft run --help": ["-c", _MAIN, "run", "--help"],
    "from robustft import load_config": ["-c", "from robustft import load_config"],
    "from robustft import run": ["-c", "from robustft import run"],
}


def measure(times: int) -> dict[str, Any]:
    """Start everything in turn, so that a busy moment of the machine meets all alike."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in _STARTS}
    for arguments in _STARTS.values():
        _start(arguments)  # writes what Python compiles
    for _ in range(times):
        for name, arguments in _STARTS.items():
            taken[name].append(_start(arguments))
    python = median(cpu for cpu, _ in taken["python -c pass"])
    return {
        name: {
            "cpu_seconds": round(cpu := median(cpu for cpu, _ in starts), 3),
            "beyond_python": round(cpu - python, 3),
            "wall_seconds": round(median(wall for _, wall in starts), 3),
        }
        for name, starts in taken.items()
    }


def _start(arguments: list[str]) -> tuple[float, float]:
    """Return the CPU and the wall time of one process, in seconds."""
    root = str(Path(__file__).parents[1])
    before, started = _spent(), time.perf_counter()
    subprocess.run(  # noqa: S603 - this file's own commands
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    return _spent() - before, time.perf_counter() - started


def _spent() -> float:
    """Return the CPU seconds of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=15)
    print(json.dumps(measure(parser.parse_args().times), indent=2))
