"""Kills runs at chosen changes to the disk, and looks what came of it.

    python -m tests.support.chosen_kills [--runs 60] [--seed 0]        (make torture)

Runs of a dozen samples are trained, with a tiny model, and evaluated. Each is killed up to three times,
before a change that is drawn from all that a whole run makes (`tests.support.moments`), and gone on with. The
endpoint is without faults. Prints JSON: `sent_again` are requests whose reply was on disk; `differing`
counts the files that are not those of a run which nothing happened to, the adapter's bytes among them;
`unfinished` the runs that did not come to their end; `left_over` what lies beside the runs that nobody made.
Exits with 1 where one of them is not 0.
"""

import argparse
import json
import logging
import multiprocessing
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from robustft import RunConfig, resume, run
from stores.run_directory import holds_run
from tests.support.moments import Moments
from tests.support.tiny_models import save_tiny_model
from tests.support.torture import FaultyEndpoint, records, stored, write_data

_SAMPLES = 12
_KILLS = 3
_SECONDS = 300  # more than any run takes
_FILES = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "evaluation.jsonl")


FAILURES = ("sent_again", "differing", "unfinished", "left_over")
"""Figures that must be 0, or empty."""


def go(config: dict[str, Any], out: str, last: int, counted: Any) -> None:
    """Begin or continue a run; what a child process does until it is killed."""
    logging.disable(logging.CRITICAL)

    def tell(count: int) -> None:
        counted.value = count

    Moments(Path(out).parent, last, tell).watch()
    if holds_run(Path(out)):
        resume(out)
    else:
        run(RunConfig.model_validate(config), out)


def left(out: Path) -> dict[str, bytes]:
    """Return what a finished run left, but for its times."""
    found = records(out)
    summary = json.loads(found["summary.json"])
    del summary["training"]["seconds"]
    return {
        **found,
        "summary.json": json.dumps(summary, sort_keys=True).encode(),
        **{name: (out / name).read_bytes() for name in _FILES},
    }


def kill_at_chosen_moments(runs: int, seed: int, folder: Path) -> dict[str, Any]:
    """Kill and continue so many runs; returns the figures.

    Args:
        runs: how many.
        seed: decides the data and the moments.
        folder: an empty one.
    """
    dice = random.Random(seed)  # noqa: S311
    endpoint = FaultyEndpoint(seed)
    endpoint.is_faulty = False
    for name in ("train", "test"):
        write_data(folder / f"{name}.jsonl", seed, _SAMPLES)
    config = {
        "data": {name: str(folder / f"{name}.jsonl") for name in ("train", "test")},
        "models": {
            "default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url},
            "student": {"provider": "embedded", "name": str(save_tiny_model(folder / "tiny"))},
        },
        "training": {"model": "student", "epochs": 1, "batch_size": 4, "lora": {"r": 2, "alpha": 4}},
        "run": {"concurrency": 4},
    }
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.torture_imports"])
    counted = processes.Value("i", 0)

    def go_on(out: Path, last: int) -> bool:
        child = processes.Process(target=go, args=(config, str(out), last, counted))
        child.start()
        child.join(_SECONDS)
        is_late = child.is_alive()
        child.kill()
        child.join()
        return not is_late and child.exitcode == 0

    runs_folder = folder / "runs"
    runs_folder.mkdir()
    if not go_on(runs_folder / "clean", 0):
        raise RuntimeError("the run that nothing happens to does not end")
    changes, expected = counted.value, left(runs_folder / "clean")
    figures: Counter[str] = Counter(dict.fromkeys(("kills", *FAILURES), 0))
    differing: Counter[str] = Counter()
    for number in range(runs):
        out = runs_folder / f"run-{number}"
        endpoint.forget()
        finished: set[str] = set()
        done = False
        for kills_left in reversed(range(_KILLS + 1)):
            done = go_on(out, dice.randint(1, changes) if kills_left else 0)
            figures["sent_again"] += len(finished.intersection(endpoint.arrived))
            if done:
                break
            figures["kills"] += kills_left > 0
            finished = stored(out)
            endpoint.arrived.clear()
        if not done:
            figures["unfinished"] += 1
            continue
        found = left(out)
        differing.update(name for name, content in expected.items() if found[name] != content)
    names = {"clean", *(f"run-{number}" for number in range(runs))}
    figures["left_over"] = sum(path.name not in names for path in runs_folder.iterdir())
    return {"runs": runs, "seed": seed, "changes_of_a_run": changes, **figures, "differing": dict(differing)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="robustft-kills-") as folder:
        figures = kill_at_chosen_moments(arguments.runs, arguments.seed, Path(folder))
    sys.stdout.write(f"{json.dumps(figures, indent=2)}\n")
    sys.exit(any(figures[name] for name in FAILURES))


if __name__ == "__main__":
    main()
