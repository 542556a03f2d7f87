"""What a finished run's cleaned data is worth: tuned on it, beside tuned on the noisy data as it was given.

    python benchmarks/accuracy.py RUN_DIRECTORY [--seeds 3] [--test-limit 200]

Trains with the run's own settings on both sets, once a seed, and evaluates each adapter and the untuned model
on the run's held-out samples. Prints JSON.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from graph.stages.base_role import BaseRole
from graph.stages.evaluate import load_tuned
from graph.stages.stage import Workspace
from stores.records import Contender
from stores.sample import Sample
from stores.weights import resolve_weights
from training.evaluation import evaluate
from training.finetune import train_adapter


def measure(work: Workspace, seeds: int, test_limit: int | None) -> dict[str, Any]:
    """Train and evaluate on both sets with each seed."""
    test = list(islice(work.journal.samples("test"), test_limit))
    accuracy: dict[str, list[float]] = {"noisy": [], "cleaned": []}
    with tempfile.TemporaryDirectory(prefix="robustft-accuracy-") as folder:
        noisy = Path(folder) / "noisy.jsonl"
        noisy.write_text("".join(_as_given(work)), encoding="utf-8")
        sets = {"noisy": noisy, "cleaned": work.files.training}
        untuned = _share(work, test, None)
        for seed in range(seeds):
            for name, rows in sets.items():
                adapter = Path(folder) / f"{name}-{seed}"
                _train(work, rows, adapter, seed)
                accuracy[name].append(_share(work, test, adapter))
        sizes = {name: sum(1 for _ in rows.open(encoding="utf-8")) for name, rows in sets.items()}
    return {
        "test_samples": len(test),
        "training_samples": sizes,
        "untuned": untuned,
        "accuracy": accuracy,
        "median": {name: statistics.median(values) for name, values in accuracy.items()},
    }


def _as_given(work: Workspace) -> Iterator[str]:
    role = BaseRole(work.config.agents.base, work.prompts.agents["base"]["prompt"])
    for sample in work.journal.samples("train"):
        yield role.row(sample, sample.response).to_line() + "\n"


def _train(work: Workspace, rows: Path, adapter: Path, seed: int) -> None:
    config = work.config.training
    weights = resolve_weights(work.config.models[config.model].name)
    train_adapter(rows, weights, adapter, config, seed=seed, report=lambda step: None, stop=threading.Event())


def _share(work: Workspace, test: list[Sample], adapter: Path | None) -> float:
    role = BaseRole(work.config.agents.base, work.prompts.agents["base"]["prompt"])
    agent = role.agent(load_tuned(work.config, adapter))
    name: Contender = "untuned" if adapter is None else "tuned"
    accuracy = asyncio.run(evaluate(iter(test), agent, name, lambda records: None, concurrency=64))
    return round(accuracy.right / accuracy.n, 4)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="a finished run with held-out data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--test-limit", type=int, help="use only the first N held-out samples")
    arguments = parser.parse_args()
    work = Workspace(arguments.directory, "accuracy", lambda event: None)
    try:
        print(json.dumps(measure(work, arguments.seeds, arguments.test_limit), indent=2))
    finally:
        work.journal.close()


if __name__ == "__main__":
    main()
