"""What each policy does to right labels, over thousands of drawn worlds.

    python benchmarks/harm.py CLASSES OPTIONS [--runs 2000] [--seed 1] [--samples 300] [--trusted 0]
        [--workers 2] [--methods "as given" calibrated ...] [--pools text mixture annotators]

CLASSES is a dataset file with right responses of a few classes. OPTIONS is one whose questions have options
of their own. Real questions are taken from them: as they are (`classes`, `options`), with the right responses
shuffled (`untold`), and without the options (`open`). Labels, agents, judge and reviewer are drawn
(`worlds/draw.py`): their skill from guessing to nearly always right, biases, difficulty and wrong answers
that they share, unreadable replies, and seven rates of five kinds of noise. Every method sees the same draws.

With `--pools` worlds in words are drawn, beside these or alone: long responses (`text`), several tasks in
one file (`mixture`) and people with errors of their own (`annotators`). There `calibrated` is what a run
does: the same functions decide, on the same records.

With `--trusted 40` the user vouches for so many random responses of each run, which `calibrated` learns from.
They are left out of all figures.

Prints JSON. For each method, for noise of at most 10 % and of at least 30 %, all worlds and each pool:

- the share of right responses before and after, and the change in points (mean, 5th percentile, worst);
- how many runs lose more than 2 and more than 5 points, and those of them without a warning;
- the share called noisy, the share that is trained on, and how much purer that is than the data as given;
- how far the estimated noise rate is off, how often its interval holds the true one, and how wide it is;
- the expected calibration error (ECE) of the noise probabilities, in ten bins, and how often it is below
  the bound that a run says; and how many runs warned.

`Dawid-Skene` needs `pip install crowd-kit`, the other rivals the extra `study`. Where a rival cannot be
applied (`worlds/rivals.py`), it has no run: its `runs` are fewer.

Choose no setting on the seed whose figures are reported.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

# Each process has one thread: there are as many processes as cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
from numpy.random import Generator
from worlds.draw import RATES, Drawn, World, draw, draw_world
from worlds.methods import METHODS
from worlds.outcome import Outcome
from worlds.questions import opened, read_classes, read_options, untold
from worlds.rivals import RIVALS
from worlds.words import pools_in_words

from stores.encoder import EncoderConfig, load_encoder
from training.calibration import priors
from training.calibration.arrays import Bools, Reals
from training.calibration.cautions import Verdicts

ALL = {**METHODS, **RIVALS}
POOLS = ("classes", "untold", "options", "open")
"""Those of the first four pools; the others are in words."""
IN_WORDS = ("text", "mixture", "annotators")
_CHUNK = 4
_BINS = 10

Draw = Callable[[World, int, Generator], Drawn]
_pools: dict[str, Draw] = {}
"""Each worker is given them once: they hold many vectors."""


class Run(NamedTuple):
    """What a method did to one drawn world; shares are of the samples."""

    world: World
    method: str
    before: float
    after: float
    called_noisy: float
    kept: float
    asked: float
    pure: float
    estimated: float | None
    interval: tuple[float, float] | None
    ece: float | None
    warned: bool

    @property
    def change(self) -> float:
        """By how many points the share of right responses grew."""
        return 100 * (self.after - self.before)

    @property
    def bounded(self) -> bool | None:
        """Whether noise probabilities are off by no more than the run says that they may be."""
        if self.ece is None or self.interval is None or self.estimated is None:
            return None
        return self.ece <= Verdicts(self.estimated, self.interval, {}).most_off

    @property
    def holds(self) -> bool | None:
        """Whether the interval holds the true noise rate."""
        if self.interval is None:
            return None
        return self.interval[0] <= 1 - self.before <= self.interval[1]


def measure(
    pools: Mapping[str, Draw], methods: Sequence[str], samples: int, trusted: int, seed: int
) -> list[Run]:
    """Draw the world of a seed, and apply every method to it that can be applied."""
    random = numpy.random.default_rng(seed)
    world = draw_world(list(pools), RATES[seed % len(RATES)], random)
    drawn = pools[world.questions](world, samples, random)
    known = numpy.zeros(len(drawn.right), dtype=bool)
    known[random.permutation(len(known))[:trusted]] = True
    if trusted:
        drawn = drawn.vouch(known)
    found = {name: ALL[name](drawn) for name in methods}
    return [
        _run(world, name, outcome, drawn, ~known) for name, outcome in found.items() if outcome is not None
    ]


def _run(world: World, method: str, found: Outcome, drawn: Drawn, rows: Bools) -> Run:
    """Return what a method did to some rows of a draw."""
    right = (found.final == drawn.right)[rows]
    kept = numpy.ones(len(right), dtype=bool) if found.left_out is None else ~found.left_out[rows]
    wrong = (drawn.matrix.given != drawn.right)[rows]
    return Run(
        world,
        method,
        before=float(1 - wrong.mean()),
        after=float(right.mean()),
        called_noisy=float(found.noisy[rows].mean()),
        kept=float(kept.mean()),
        asked=found.asked,
        pure=float(right[kept].mean()) if kept.any() else 1.0,
        estimated=found.noise,
        interval=found.interval,
        ece=_known_error(found.doubts, rows, wrong),
        warned=found.warned,
    )


def calibration_error(doubts: Reals, wrong: Bools) -> float:
    """Return how far noise probabilities (n) lie from the shares that are wrong, a mean over ten bins."""
    bins = numpy.minimum((doubts * _BINS).astype(int), _BINS - 1)
    off = numpy.bincount(bins, doubts - wrong, minlength=_BINS)
    return float(numpy.abs(off).sum() / len(doubts))


def _known_error(doubts: Reals | None, rows: Bools, wrong: Bools) -> float | None:
    """Return the calibration error of the noise probabilities that there are; None where there is none."""
    known = None if doubts is None else ~numpy.isnan(doubts[rows])
    if doubts is None or known is None or not known.any():
        return None
    return calibration_error(doubts[rows][known], wrong[known])


def figures(runs: Sequence[Run]) -> dict[str, Any]:
    """Return a method's figures over some runs."""
    changes = numpy.array([run.change for run in runs])
    silent = numpy.array([not run.warned for run in runs])
    estimates = [run.estimated - (1 - run.before) for run in runs if run.estimated is not None]
    return {
        "runs": len(runs),
        "right_before": _mean([run.before for run in runs]),
        "right_after": _mean([run.after for run in runs]),
        "change": _spread(changes),
        "lose_over_2": int((changes < -2).sum()),
        "lose_over_5": int((changes < -5).sum()),
        "lose_over_5_without_warning": int(((changes < -5) & silent).sum()),
        "called_noisy": _mean([run.called_noisy for run in runs]),
        "kept": _mean([run.kept for run in runs]),
        "asked_further": _mean([run.asked for run in runs]),
        "purer_by": _spread([100 * (run.pure - run.before) for run in runs]),
        "estimate_off_by": _mean([abs(error) for error in estimates]),
        "interval_holds": _mean([run.holds for run in runs if run.holds is not None]),
        "interval_width": _mean([run.interval[1] - run.interval[0] for run in runs if run.interval]),
        "ece": _mean([run.ece for run in runs if run.ece is not None]),
        "ece_bounded": _mean([run.bounded for run in runs if run.bounded is not None]),
        "warned": int((~silent).sum()),
    }


def report(runs: Iterable[Run], methods: Sequence[str]) -> dict[str, Any]:
    """Return the figures of all methods, by noise and by pool."""
    every = list(runs)
    ranges = {"noise 0 to 10 %": (0.0, 0.1), "noise 30 to 70 %": (0.3, 0.7)}
    pools = ["all", *sorted({run.world.questions for run in every})]
    found: dict[str, Any] = {}
    for title, (least, most) in ranges.items():
        for pool in pools:
            for method in methods:
                chosen = [
                    run
                    for run in every
                    if run.method == method
                    and least <= run.world.noise <= most
                    and pool in ("all", run.world.questions)
                ]
                if chosen:
                    found.setdefault(title, {}).setdefault(pool, {})[method] = figures(chosen)
    return found


def _mean(values: Sequence[float]) -> float | None:
    return round(float(numpy.mean(values)), 4) if len(values) else None


def _spread(points: Sequence[float] | Reals) -> dict[str, float]:
    return {
        "mean": round(float(numpy.mean(points)), 2),
        "5th_percentile": round(float(numpy.quantile(points, 0.05)), 2),
        "worst": round(float(numpy.min(points)), 1),
    }


def _drawn_all(arguments: argparse.Namespace) -> Iterator[Run]:
    first = arguments.seed * 1_000_000
    pools = _read(arguments)
    work = partial(_measure_with_pools, arguments.methods, arguments.samples, arguments.trusted)
    with ProcessPoolExecutor(arguments.workers, initializer=_pools.update, initargs=(pools,)) as executor:
        for runs in executor.map(work, range(first, first + arguments.runs), chunksize=_CHUNK):
            yield from runs


def _measure_with_pools(methods: Sequence[str], samples: int, trusted: int, seed: int) -> list[Run]:
    return measure(_pools, methods, samples, trusted, seed)


def _read(arguments: argparse.Namespace) -> dict[str, Draw]:
    """Return the pools that are asked for; their order is part of the draw."""
    encoder = load_encoder(EncoderConfig())
    classes, options = read_classes(arguments.classes, encoder), read_options(arguments.options, encoder)
    every = (classes, untold(classes), options, opened(options, priors.OPEN_CANDIDATES))
    found: dict[str, Draw] = {pool.name: partial(draw, pool) for pool in every}
    if not set(IN_WORDS).isdisjoint(arguments.pools):
        read = (arguments.classes, classes), (arguments.options, options)
        found |= {name: pool.draw for name, pool in pools_in_words(*read, encoder).items()}
    return {name: one for name, one in found.items() if name in arguments.pools}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classes", type=Path)
    parser.add_argument("options", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--trusted", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--methods", nargs="+", choices=ALL, default=list(ALL))
    parser.add_argument("--pools", nargs="+", choices=(*POOLS, *IN_WORDS), default=list(POOLS))
    arguments = parser.parse_args()
    print(json.dumps(report(_drawn_all(arguments), arguments.methods), indent=2))


if __name__ == "__main__":
    main()
