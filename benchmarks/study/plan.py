"""The steps of the study with capable models, in order of worth, and how long each is expected to take."""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from own_sets import SETS, write_set

from robustft.data import FOLDER
from stores.atomic import write_text_atomically

_ROOT = Path(__file__).parents[2]
_CORE = ("vanilla", "sft", "sft-gold", "robustft", "robustft-calibrated")
# Long form cannot be compared, so it is no held-out data: there, the checker alone is measured.
_LONG = "letters"
_LONG_NOISE = (("uniform", 10), ("uniform", 30), ("truncated", 30))
# Seconds a request and a trained sample: a constant, and what a billion of parameters adds. On the GPU, the
# sums for SmolLM2 were measured and the rest was chosen. On two CPU cores, the other two were measured.
SPEEDS = {"cuda": ((0.007, 0.02), (0.007, 0.02)), "cpu": ((0.0, 0.8), (0.0, 1.75))}
# Requests a sample that the paper's settings take, and the share of them that another rate asks anew.
_REQUESTS, _ANEW = 12, 0.4
_EPOCHS = 2
# The rates that tell most: whether it helps, and whether it does harm.
_TELLING = (30, 0)
_UNKNOWN_SIZE = 1.0


class Step(NamedTuple):
    """Something to do: commands one after the other, the last one's output into a file where one is named."""

    name: str
    seconds: float
    commands: Sequence[Sequence[str]]
    out: Path | None = None


class Pair(NamedTuple):
    """The model that the agents ask, and the one that is tuned."""

    agents: str
    student: str

    @property
    def name(self) -> str:
        """Names its folder."""
        return f"{Path(self.agents).name}+{Path(self.student).name}"


class Plan:
    """What is to be done with the models and the data that are given.

    Args:
        arguments: of the command.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._given = arguments
        self._out: Path = arguments.out.absolute()
        self._own = [self._out / "data" / name for name in SETS if name != _LONG]
        self._bundled = self._out / "data" / "bundled"
        *small, self._largest = arguments.models
        self._small = small[::-1]
        self._alone = Pair(self._largest, self._largest)
        self._telling = [rate for rate in _TELLING if rate in arguments.rates]

    def steps(self) -> Iterator[Step]:
        """Yield the steps, those first that tell most."""
        given = self._given
        first, *seeds = given.seeds
        folders = [*given.folders, *self._own, self._bundled]
        apart = [Pair(self._largest, model) for model in self._small] if given.pairs else []
        others = [Pair(model, model) for model in self._small]
        for folder in folders:
            yield self._cells(self._alone, folder, "core", _CORE, [first], rates=self._telling)
        yield from self._detectors(self._largest)
        for folder in folders:
            yield self._cells(self._alone, folder, "core", _CORE, [first])
        for pair in (*apart, *others):
            for folder in folders:
                yield self._cells(pair, folder, "core", _CORE, [first])
        for model in self._small:
            yield from self._detectors(model)
        for pair in (self._alone, *apart, *others):
            for folder in folders:
                yield self._cells(pair, folder, "baselines", ["baselines"], [first])
        for pair in (self._alone, *apart, *others):
            for folder in folders:
                if seeds:
                    yield self._cells(pair, folder, "more seeds", _CORE, seeds)
        for folder in folders:
            yield self._cells(self._alone, folder, "ablations", ["ablations"], [first])
        yield self._cells(self._alone, folders[0], "sensitivity", ["sensitivity"], [first])
        yield self._cells(self._alone, folders[0], "paraphrases", _CORE, [first], "--paraphrased")

    def prepare(self) -> None:
        """Write the data that are made, and the config of the detector's runs."""
        for name in SETS:
            write_set(name, self._out / "data" / name, self._given.samples, min(self._given.tests, 150))
        self._bundled.mkdir(parents=True, exist_ok=True)
        for source, name in (("train", "labeled"), ("test", "test")):
            shutil.copyfile(FOLDER / f"{source}.jsonl", self._bundled / f"{name}.jsonl")
        for model in self._given.models:
            path = self._out / "configs" / f"{Path(model).name}.yaml"
            path.parent.mkdir(exist_ok=True)
            default = {"provider": self._given.provider, "name": model}
            write_text_atomically(path, yaml.safe_dump({"models": {"default": default}}))

    def _cells(
        self,
        pair: Pair,
        folder: Path,
        about: str,
        methods: Sequence[str],
        seeds: Sequence[int],
        *more: str,
        rates: Sequence[int] | None = None,
    ) -> Step:
        """Return a step of `paper.py`; what is in its records already takes no time in it."""
        rates = rates or self._given.rates
        # The largest model's core cells at the rates that tell most are there by then.
        there = self._telling if (pair, about) == (self._alone, "core") and rates == self._given.rates else ()
        given = [rate for rate in rates if any(folder.glob(f"noisy{rate}.*"))]
        made = [rate for rate in rates if rate not in given]
        command = [*_script("paper.py"), str(folder), "--methods", *methods]
        command += ["--seeds", *map(str, seeds), *more, *self._settings(pair)]
        commands = []
        if made:
            commands.append([*command, "--kinds", "uniform", "--rates", *map(str, made)])
        if given:
            commands.append([*command, "--rates", *map(str, given)])
        count = {"baselines": 15, "ablations": 6, "sensitivity": 19}.get(about, len(methods))
        seconds = self._seconds(
            pair, len(rates) - len(there), count, len(seeds), about in ("core", "sensitivity")
        )
        at = "" if rates == self._given.rates else f" at {', '.join(map(str, rates))} %"
        return Step(f"{pair.name}: {folder.name}, {about}{at}", seconds, commands)

    def _settings(self, pair: Pair) -> list[str]:
        """Return what `paper.py` is told of a pair, which has a file of records of its own."""
        models = {
            "models.default.provider": self._given.provider,
            "models.default.name": pair.agents,
            "models.student.provider": "embedded",
            "models.student.name": pair.student,
            "training.model": "student",
        }
        told = [word for key, value in models.items() for word in ("--set", f"{key}={value}")]
        told += [word for setting in self._given.set for word in ("--set", setting)]
        told += ["--samples", str(self._given.samples), "--tests", str(self._given.tests)]
        told += ["--work", str(self._out / "work" / Path(pair.agents).name)]
        return [*told, "--records", str(self._out / pair.name / "results" / "paper.jsonl")]

    def _detectors(self, model: str) -> Iterator[Step]:
        """Yield the steps that measure the checker alone: on real errors, and on noise in long form."""
        asked = 4 * _of(_speed(self._given.device, "request"), model)
        if self._given.redux is not None:
            data = self._out / "data" / "redux"
            convert = [*_script("redux.py"), str(self._given.redux), str(data)]
            truth = ["--truth", str(data / "truth.jsonl")]
            yield self._detector(model, "redux", [convert], data / "questions.jsonl", truth, asked * 5700)
        for kind, rate in _LONG_NOISE:
            name = f"{_LONG}-{kind}-{rate}"
            data = self._out / "data" / f"{name}.jsonl"
            labeled = str(self._out / "data" / _LONG / "labeled.jsonl")
            make = [sys.executable, "-m", "robustft", "noise", labeled, "--rate", str(rate / 100)]
            make += ["--kind", kind, "--out", str(data), "--force"]
            yield self._detector(model, name, [make], data, [], 4 * asked * self._given.samples)

    def _detector(
        self, model: str, name: str, first: list[list[str]], data: Path, truth: list[str], seconds: float
    ) -> Step:
        of = f"{name}-{Path(model).name}"
        directory = self._out / "work" / "detector" / of
        run = [
            sys.executable,
            "-m",
            "robustft",
            "run",
            str(self._out / "configs" / f"{Path(model).name}.yaml"),
        ]
        run += ["--data", str(data), "--out", str(directory), "--until", "calibrate"]
        run += [word for setting in self._given.set for word in ("--set", setting)]
        if self._given.limit is not None:
            run += ["--limit", str(self._given.limit)]
            seconds *= min(1.0, self._given.limit / 5700)
        measure = [*_script("detector.py"), str(directory), *truth]
        out = self._out / "detector" / f"{of}.json"
        return Step(f"{Path(model).name}: {name}, detector", seconds, [*first, run, measure], out)

    def _seconds(self, pair: Pair, rates: int, methods: int, seeds: int, asks: bool) -> float:
        """Return what a folder's cells are expected to take."""
        request = _speed(self._given.device, "request")
        train = _of(_speed(self._given.device, "train"), pair.student) * self._given.samples * _EPOCHS
        test = _of(request, pair.student) * min(self._given.tests, 500)
        seconds: float = (train + test) * rates * methods * seeds
        if asks:
            asked = self._given.samples * _REQUESTS * (1 + _ANEW * (rates - 1))
            seconds += asked * _of(request, pair.agents)
        return seconds


def _script(name: str) -> list[str]:
    return [sys.executable, str(_ROOT / "benchmarks" / name)]


def _speed(device: str, what: str) -> tuple[float, float]:
    return SPEEDS[device][("request", "train").index(what)]


def _of(speed: tuple[float, float], model: str) -> float:
    """Return a model's seconds, by the size that its name tells."""
    found = re.search(r"(\d+(?:\.\d+)?)(b|m)\b", Path(model).name.lower())
    billions = float(found[1]) / (1 if found[2] == "b" else 1000) if found else _UNKNOWN_SIZE
    return speed[0] + speed[1] * billions
