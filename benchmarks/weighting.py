"""What training gains from a limit, from a share, and from weights, on drawn worlds with cheap students.

    python benchmarks/weighting.py CLASSES OPTIONS [--draws 40] [--samples 500] [--seed 23]

CLASSES is a dataset file with right responses of a few classes, OPTIONS one whose questions have options of
their own. Labels, agents, judge and reviewer are drawn (`worlds/draw.py`), at five rates of noise. The
calibrated checker decides, and each way of selecting makes a training set of its decisions.

Prints JSON. For each pool of questions, rate and way: the share of the relabels that is kept, how many of
those kept and of those dropped are right, the purity of the training set (of its weight, with soft weights),
and how far the share of a class in it is from its share in the data, in points and as the least ratio. These
are medians over the draws.

For CLASSES two students are trained on each set: logistic regression on the sentences' vectors, which the
checker knows too, and on their words, which it does not. Their accuracy on held-out sentences is given as a
median, and in points more than two other ways on the same draws: the paper's selection (the surer half) and
the default's limit. Those are means with a 95 % interval of the bootstrap.

`selection.min_confidence` was chosen with seeds 7 and 11.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
from worlds.draw import Drawn, World, draw, draw_world
from worlds.methods import decide_by_default
from worlds.questions import Questions, opened, read_classes, read_options, untold

from stores.dataset import read_samples
from stores.encoder import EncoderConfig, load_encoder
from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals
from training.selection import DEFAULT_MIN_CONFIDENCE

STUDENTS = ("vectors", "words")
RATES = (0.0, 0.1, 0.3, 0.5, 0.7)
LIMITS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_HALF, _DEFAULT = "surer half", f"limit {DEFAULT_MIN_CONFIDENCE}"
_RESAMPLES = 2000


class Decided(NamedTuple):
    """What the calibrated checker decided about one drawn world.

    Args:
        response: the number of each response to train on (n); -1 where one is invalid and stays.
        confidence: how likely each is right (n).
        relabelled: which samples were asked about again, since the given response was noisy (n).
        right: the right responses (n).
    """

    response: Numbers
    confidence: Reals
    relabelled: Bools
    right: Numbers


Weights = Callable[[Decided], Reals]
"""Gives each sample's weight in training (n): 0 leaves it out."""


def decide(drawn: Drawn) -> Decided:
    """Return what the default makes of a drawn world."""
    weighed = decide_by_default(drawn.matrix, drawn.review)
    return Decided(weighed.final, weighed.confidence, weighed.noisy, drawn.right)


def share(part: float) -> Weights:
    """Keep the surest part of the relabels (Eq. 8)."""

    def weigh(decided: Decided) -> Reals:
        weights = (~decided.relabelled).astype(float)
        new = numpy.flatnonzero(decided.relabelled)
        order = new[numpy.argsort(-decided.confidence[new], kind="stable")]
        weights[order[: int(part * len(order))]] = 1.0
        return weights

    return weigh


def limit(least: float) -> Weights:
    """Keep the relabels of at least a confidence."""
    return lambda decided: (~decided.relabelled | (decided.confidence >= least)).astype(float)


def limit_by_class(least: float) -> Weights:
    """Keep as many relabels as the limit keeps, the same share of each class, the surest of each."""

    def weigh(decided: Decided) -> Reals:
        weights = (~decided.relabelled).astype(float)
        new = decided.relabelled
        part = float((decided.confidence[new] >= least).mean()) if new.any() else 0.0
        for number in numpy.unique(decided.response[new]):
            rows = numpy.flatnonzero(new & (decided.response == number))
            order = rows[numpy.argsort(-decided.confidence[rows], kind="stable")]
            weights[order[: round(part * len(order))]] = 1.0
        return weights

    return weigh


WAYS: dict[str, Weights] = {
    _HALF: share(0.5),
    "all": share(1.0),
    **{f"limit {least}": limit(least) for least in LIMITS},
    f"{_DEFAULT}, by class": limit_by_class(DEFAULT_MIN_CONFIDENCE),
    "soft": lambda decided: decided.confidence,
    "soft, above 0.5": lambda decided: limit(0.5)(decided) * decided.confidence,
}


class Student(NamedTuple):
    """What a student sees of the sentences that are cleaned, and of those held out."""

    cleaned: Any
    held_out: Any

    def accuracy(self, responses: Numbers, weights: Reals, held_out: Numbers) -> float:
        """Train on responses by their weights, and return the share of held-out sentences answered right."""
        from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

        used = (weights > 0) & (responses >= 0)
        classes = numpy.unique(responses[used])
        if len(classes) < 2:
            return float((held_out == classes[0]).mean()) if len(classes) else 0.0
        model = LogisticRegression(max_iter=300)
        model.fit(self.cleaned[used], responses[used], sample_weight=weights[used])
        return float((model.predict(self.held_out) == held_out).mean())


def measure(
    questions: Questions, words: Any, noise: float, samples: int, seed: int
) -> dict[str, dict[str, float | None]]:
    """Draw a world of a rate, and return the figures of every way by its name.

    Args:
        questions: the pool.
        words: what the second student sees of each question (n, w); None where no student can learn.
        noise: the rate.
        samples: how many questions are cleaned; up to twice as many are held out.
        seed: of the draw.
    """
    random = numpy.random.default_rng(seed)
    world: World = draw_world([questions.name], noise, random)
    order = random.permutation(len(questions.right))
    cleaned, held_out = numpy.sort(order[:samples]), order[samples : 3 * samples]
    decided = decide(draw(questions.take(cleaned), world, samples, random))
    found = {name: figures(decided, weigh(decided), questions.shared) for name, weigh in WAYS.items()}
    if words is None:
        return found
    students = {
        "vectors": Student(questions.vectors[cleaned], questions.vectors[held_out]),
        "words": Student(words[cleaned], words[held_out]),
    }
    right = questions.right[held_out]
    for name, weigh in WAYS.items():
        for student, seen in students.items():
            found[name][student] = seen.accuracy(decided.response, weigh(decided), right)
    return found


def figures(decided: Decided, weights: Reals, shared: bool) -> dict[str, float | None]:
    """Return the figures of one training set; None where there is nothing to measure."""
    right, new = decided.response == decided.right, decided.relabelled
    kept = new & (weights > 0)
    found = {
        "relabelled": float(new.mean()),
        "kept": float(kept.sum() / new.sum()) if new.any() else None,
        "kept_right": float(right[kept].mean()) if kept.any() else None,
        "dropped_right": float(right[new & ~kept].mean()) if (new & ~kept).any() else None,
        "purity": float((right * weights).sum() / weights.sum()),
    }
    return {**found, **_balance(decided, weights)} if shared else found


def _balance(decided: Decided, weights: Reals) -> dict[str, float | None]:
    known = decided.response >= 0
    held = numpy.bincount(decided.response[known]) / known.sum()
    taken = numpy.bincount(decided.response[known], weights[known]) / max(weights[known].sum(), 1e-12)
    return {
        "class_off": 100 * float(numpy.abs(taken - held).max()),
        "class_ratio": float((taken[held > 0] / held[held > 0]).min()),
    }


def report(drawn: Sequence[Mapping[str, Mapping[str, float | None]]]) -> dict[str, Any]:
    """Return each way's medians over the draws, and its students' points above two other ways."""
    found: dict[str, Any] = {}
    for name in WAYS:
        found[name] = {key: _median([one[name][key] for one in drawn]) for key in drawn[0][name]}
        for student in set(STUDENTS) & set(drawn[0][name]):
            for other in (_HALF, _DEFAULT):
                gains = [100 * (_number(one[name][student]) - _number(one[other][student])) for one in drawn]
                found[name][f"{student}, above {other}"] = _interval(gains)
    return found


def _number(value: float | None) -> float:
    return 0.0 if value is None else value


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(numpy.median(known)), 4) if known else None


def _interval(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean and the median in points, the mean with a 95 % interval of the bootstrap."""
    random, known = numpy.random.default_rng(0), numpy.array(values)
    means = known[random.integers(0, len(known), (_RESAMPLES, len(known)))].mean(1)
    return {
        "mean": round(float(known.mean()), 2),
        "95": [round(float(bound), 2) for bound in numpy.quantile(means, (0.025, 0.975))],
        "median": round(float(numpy.median(known)), 2),
        "worse": int((known < -1).sum()),
        "better": int((known > 1).sum()),
    }


def main() -> None:
    """Print the figures as JSON."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classes", type=Path)
    parser.add_argument("options", type=Path)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=23)
    arguments = parser.parse_args()
    encoder = load_encoder(EncoderConfig())
    classes, options = read_classes(arguments.classes, encoder), read_options(arguments.options, encoder)
    prompts = [sample.prompt for sample in read_samples(arguments.classes) if sample.response]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit_transform(prompts)
    found: dict[str, Any] = {}
    for pool in (classes, untold(classes), options, opened(options, priors.OPEN_CANDIDATES)):
        seen = words if pool.name == classes.name else None
        for rate in RATES:
            first = arguments.seed * 1_000_000
            seeds = range(first, first + arguments.draws)
            drawn = [measure(pool, seen, rate, arguments.samples, seed) for seed in seeds]
            found.setdefault(pool.name, {})[f"noise {rate:.0%}"] = report(drawn)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
