"""What the calibrated checker makes of labels, by what agents know, where questions tell nothing.

    python benchmarks/guessing.py [--samples 500] [--options 4] [--seeds 4]

Samples are drawn: labels that are wrong at a rate, and two agents that know an answer with a probability, and
else guess; the second copies the first with another. Prints a line of JSON a setting: the share of right
labels before and after, and the area under the curve of the noise probability (means over seeds).
"""

import argparse
import itertools
import json
from typing import Any, NamedTuple

import numpy
from numpy.random import Generator
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from training.calibration.arrays import Numbers
from training.calibration.group_model import noise_threshold
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import estimate


class World(NamedTuple):
    """How samples are drawn: all are probabilities.

    `knows` is an agent's to know an answer; `copies`, the second's to repeat the first; `favours`, of a guess
    to be the first option whatever is asked; `noise`, of a label to be wrong.
    """

    knows: float
    copies: float
    favours: float
    noise: float


def draw(world: World, samples: int, options: int, random: Generator) -> tuple[LabelMatrix, Numbers]:
    """Return what is known of the samples, and their right options."""
    right = random.integers(0, options, samples)
    wrong = (right + random.integers(1, options, samples)) % options
    given = numpy.where(random.random(samples) < world.noise, wrong, right)

    def answers() -> Numbers:
        favourite = random.random(samples) < world.favours
        guesses = numpy.where(favourite, 0, random.integers(0, options, samples))
        return numpy.where(random.random(samples) < world.knows, right, guesses)

    first, own = answers(), answers()
    second = numpy.where(random.random(samples) < world.copies, first, own)
    said = {"base": first, "reasoning": second}
    sizes = numpy.full(samples, options)
    return LabelMatrix(given, said, numpy.full(samples, -1), sizes, placed=True), right


def measure(world: World, samples: int, options: int, seed: int) -> tuple[float, float, float]:
    """Return the share of right labels before and after, and the area under the curve."""
    matrix, right = draw(world, samples, options, numpy.random.default_rng(seed))
    found = estimate(matrix)
    noisy = found.noise >= noise_threshold(found.noise)
    after = numpy.where(noisy, found.posterior.argmax(1), matrix.given)
    wrong = matrix.given != right
    return float(1 - wrong.mean()), float((after == right).mean()), float(roc_auc_score(wrong, found.noise))


def figures(world: World, samples: int, options: int, seeds: int) -> dict[str, Any]:
    """Return a setting's means over seeds."""
    measured = [measure(world, samples, options, seed) for seed in range(seeds)]
    before, after, area = (round(float(numpy.mean(column)), 3) for column in zip(*measured, strict=True))
    return {**world._asdict(), "right_before": before, "right_after": after, "auc": area}


def main() -> None:
    """Print the figures as JSON, a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--options", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=4)
    arguments = parser.parse_args()
    for values in itertools.product((0.0, 0.5, 0.85), (0.0, 0.6), (0.0, 0.6), (0.1, 0.3, 0.5, 0.7)):
        world = World(*values)
        print(json.dumps(figures(world, arguments.samples, arguments.options, arguments.seeds)), flush=True)


if __name__ == "__main__":
    main()
