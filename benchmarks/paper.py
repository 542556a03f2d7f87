"""The paper's study on folders of noisy files: every method, noise rate and seed, one record a cell.

    python benchmarks/paper.py FOLDER... [--methods baselines] [--rates 30 50 70] [--seeds 0] [--samples 500]
    python benchmarks/paper.py --render

A folder holds `labeled`, `test` and `noisyNN` as CSV, JSONL, JSON or Parquet. Records go to
docs/results/paper.jsonl, from which docs/results.md is made. A cell that is there is not run again, unless
--paraphrased asks more of it; one that was stopped goes on where it was. Several can be at work on one file
of records, each in a --work of its own.

    python benchmarks/paper.py FOLDER... --agents-model MODELS/1.5b --student-model smollm2-135m-instruct

A record says its models, its seed and the commit of its code. The page shows one version of the code, with
tables of their own for each pair of models. --render refuses records of several versions; --commit chooses.
"""

import argparse
import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from study.cells import Cell, Study
from study.data import Folder, open_folder
from study.methods import EVERY, GROUPS
from study.page import SETTINGS, check_settings, render
from study.versions import EARLIER, models_of, models_of_config, version_of, versions

from graph.config.run import load_config, parse_config
from stores.atomic import write_text_atomically
from stores.errors import RobustFTError
from training.noise import NoiseKind

_REPOSITORY = Path(__file__).parents[1]
_RECORDS = _REPOSITORY / "docs" / "results" / "paper.jsonl"


def read_records(path: Path) -> list[dict[str, Any]]:
    """Return the records there are, one a cell."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def add_record(path: Path, record: dict[str, Any]) -> None:
    """Put a record in place of an older one of its cell, in a file to which others may be adding theirs."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        others = (row for row in read_records(path) if cell_of(row) != cell_of(record))
        rows = [*others, record]
        write_text_atomically(path, "".join(json.dumps(row) + "\n" for row in rows))
    finally:
        os.close(folder)


def cell_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells a record from every other: its cell, the subsets, the settings, models and code."""
    known = tuple(record[name] for name in (*Cell._fields, *SETTINGS))
    return (*known, *models_of(record), version_of(record))


def is_done(record: dict[str, Any], paraphrased: bool) -> bool:
    """Return whether a record holds all that is asked; a method that answers in context has one wording."""
    return not paraphrased or record.get("paraphrased") != []


def cells(arguments: argparse.Namespace, folders: list[Folder]) -> Iterator[tuple[Cell, Folder]]:
    """Yield the cells that were asked for, those first whose replies serve the others."""
    names = [name for given in arguments.methods for name in GROUPS.get(given, (given,))]
    for seed in arguments.seeds:
        for folder in folders:
            for kind in arguments.kinds or [None]:
                for rate in arguments.rates:
                    for name in dict.fromkeys(names):
                        yield Cell(folder.name, rate, kind, name, seed), folder


def with_models(content: dict[str, Any], agents: str | None, student: str | None) -> dict[str, Any]:
    """Return a config as plain data with other models: one for all agents, and one that is tuned.

    Args:
        content: the config; changed in place.
        agents: a folder, an alias or a hub id; None keeps the config's.
        student: likewise; None is the agents' where those are given, else the config's.
    """
    if agents is not None:
        content["models"]["agents"] = {"provider": "embedded", "name": agents}
        for agent in content["agents"].values():
            agent["model"] = "agents"
    if student is not None or agents is not None:
        content["models"]["student"] = {"provider": "embedded", "name": student or agents}
        content["training"]["model"] = "student"
    return content


def main() -> None:
    """Run what is missing, then render."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders of labeled, test and noisyNN files")
    known = (*GROUPS, *EVERY)
    parser.add_argument(
        "--methods", nargs="+", choices=known, default=["baselines"], metavar="NAME", help=", ".join(known)
    )
    parser.add_argument("--rates", nargs="+", type=int, default=[30, 50, 70], help="noise in percent")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=get_args(NoiseKind),
        help="make the noise, in place of the noisyNN files",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of training")
    parser.add_argument("--samples", type=int, default=500, help="size of the training subset")
    parser.add_argument("--tests", type=int, default=200, help="size of the held-out subset")
    parser.add_argument("--paraphrased", action="store_true", help="also test with five other wordings")
    parser.add_argument(
        "--examples", action="store_true", help="show ten decisions: for data you may publish"
    )
    parser.add_argument("--subset-seed", type=int, default=0)
    parser.add_argument("--config", type=Path, default=_REPOSITORY / "configs" / "paper.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY.PATH=VALUE")
    parser.add_argument("--work", type=Path, default=Path("runs/paper"), help="for what is in between")
    parser.add_argument("--records", type=Path, default=_RECORDS)
    parser.add_argument("--agents-model", help="of all agents: a folder, an alias or a hub id")
    parser.add_argument("--student-model", help="the model that is tuned; by default the agents'")
    parser.add_argument("--render", action="store_true", help="only make the page anew")
    parser.add_argument(
        "--commit", help=f"the version whose records the page shows; `{EARLIER}`: before each said its models"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        if not arguments.render:
            arguments.commit = _run(arguments)
        render(read_records(arguments.records), arguments.records.parent, arguments.commit)
    except RobustFTError as exc:
        sys.exit(f"paper.py: {exc}")


def _run(arguments: argparse.Namespace) -> str:
    """Run what is missing of this version of the code; returns the version."""
    content = load_config(arguments.config, arguments.set).model_dump(mode="json")
    config = parse_config(with_models(content, arguments.agents_model, arguments.student_model))
    folders = [open_folder(path) for path in arguments.folders]
    study = Study(
        config,
        arguments.work,
        samples=arguments.samples,
        tests=arguments.tests,
        seed=arguments.subset_seed,
        paraphrased=arguments.paraphrased,
        examples=arguments.examples,
    )
    made_by = {"models": models_of_config(config), "versions": versions()}
    check_settings([*_alike(arguments.records, made_by), {**study.settings, **made_by}])
    wanted = list(cells(arguments, folders))
    arguments.records.parent.mkdir(parents=True, exist_ok=True)
    began, ran = time.monotonic(), 0
    for number, (cell, folder) in enumerate(wanted, start=1):
        records = _alike(arguments.records, made_by)
        sought = cell_of({**cell._asdict(), **study.settings, **made_by})
        there = (record for record in records if cell_of(record) == sought)
        if any(is_done(record, arguments.paraphrased) for record in there):
            continue
        record = {**study.measure(cell, folder, EVERY[cell.method], records), **made_by}
        add_record(arguments.records, record)
        ran += 1
        left = (time.monotonic() - began) / ran * (len(wanted) - number) / 60
        place = f"{cell.dataset} {cell.kind or ''} {cell.rate} % {cell.method} seed {cell.seed}"
        print(
            f"{number}/{len(wanted)} {place}: {record['accuracy']:.3f}, {left:.0f} min left", file=sys.stderr
        )
    return version_of(made_by)


def _alike(path: Path, made_by: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of the same code and models: what they have measured is not measured again."""
    wanted = version_of(made_by), models_of(made_by)
    return [record for record in read_records(path) if (version_of(record), models_of(record)) == wanted]


if __name__ == "__main__":
    main()
