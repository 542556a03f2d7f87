"""One long run beside an endpoint with faults, to its end: is memory flat, and is nothing paid for twice?

    python -m tests.support.soak [--samples 20000] [--faults 0.05] [--seed 0]        (make torture)

Prints JSON: the requests that were answered, and those of them that were answered again (which must be 0);
the samples without an outcome and the failed ones; the memory and the open files of the process after a
tenth of its time and at the most later. Exits with 1 where something was paid for twice, a sample has no
outcome, or memory has doubled.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.torture import FaultyEndpoint, go, write_data

_LOOK = 2.0
_SECONDS = 7200  # more than any run takes


def watch(child: Any) -> list[tuple[int, int]]:
    """Return how many KiB a process held and how many files it had open, look by look, until its end."""
    seen: list[tuple[int, int]] = []
    end = time.monotonic() + _SECONDS
    for _ in range(round(_SECONDS / _LOOK)):
        child.join(_LOOK)
        if not child.is_alive() or time.monotonic() > end:
            break
        folder = Path("/proc") / str(child.pid)
        try:
            status = (folder / "status").read_text()
            held = int(status.partition("VmRSS:")[2].split()[0])
            seen.append((held, len(list((folder / "fd").iterdir()))))
        except (OSError, IndexError):
            break
    child.join(_LOOK)
    child.kill()
    child.join()
    return seen


def soak(samples: int, rate: float, seed: int, folder: Path) -> dict[str, Any]:
    """Run once to the selection; returns the figures.

    Args:
        samples: how many the data have.
        rate: the share of requests that meet a fault.
        seed: decides the data and the faults.
        folder: an empty one.
    """
    endpoint = FaultyEndpoint(seed, rate=rate, slowest=0.02)
    write_data(folder / "train.jsonl", seed, samples)
    config = {
        "data": {"train": str(folder / "train.jsonl")},
        "models": {"default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url}},
        "run": {"concurrency": 64},
    }
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.torture_imports"])
    began = time.monotonic()
    child = processes.Process(target=go, args=(config, str(folder / "run")))
    child.start()
    seen = watch(child)
    seconds = time.monotonic() - began
    decisions = folder / "run" / "decisions.jsonl"
    lines = decisions.read_bytes().splitlines() if decisions.is_file() else []
    early, later = seen[: len(seen) // 10 + 1], seen[len(seen) // 10 :]
    return {
        "samples": samples,
        "seconds": round(seconds),
        "requests": len(endpoint.arrived),
        "answered": sum(endpoint.answered.values()),
        "answered_again": sum(count - 1 for count in endpoint.answered.values() if count > 1),
        "faults": dict(endpoint.faults),
        "without_outcome": samples - len(lines),
        "failed": sum(json.loads(line)["status"] == "failed" for line in lines),
        "mib": {"early": _most(early, 0) // 1024, "later": _most(later, 0) // 1024},
        "files": {"early": _most(early, 1), "later": _most(later, 1)},
    }


def _most(seen: list[tuple[int, int]], place: int) -> int:
    return max((look[place] for look in seen), default=0)


def is_sound(figures: dict[str, Any]) -> bool:
    """Say whether nothing was paid for twice, every sample has an outcome, and memory stayed."""
    is_flat = figures["mib"]["later"] < 2 * figures["mib"]["early"]
    return not figures["answered_again"] and not figures["without_outcome"] and is_flat


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="robustft-soak-") as folder:
        figures = soak(arguments.samples, arguments.faults, arguments.seed, Path(folder))
    sys.stdout.write(f"{json.dumps(figures, indent=2)}\n")
    sys.exit(not is_sound(figures))


if __name__ == "__main__":
    main()
