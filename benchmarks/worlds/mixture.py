"""Mixtures: a part with classes, one with options of their own and an open one, in one file."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
from numpy.random import Generator

from training.calibration.arrays import Numbers
from training.calibration.label_matrix import LabelMatrix
from worlds.draw import Drawn, World, choose, draw_agents, draw_world, labels
from worlds.written import Known, Worded, joined, write

_FEWEST = 10


class Mixture(NamedTuple):
    """A pool of parts, which are drawn in any proportion.

    Half of the files name the task of each sample. In half of them all parts have the file's rate of noise.
    In the others one part after the other has up to twice that rate, and the rest less. Each part has agents
    and a kind of noise of its own.

    Args:
        parts: by their names.
        encoder: of their prompts.
    """

    parts: Mapping[str, Worded]
    encoder: Known

    def draw(self, world: World, samples: int, random: Generator) -> Drawn:
        """Draw a file of a world, of which only the rate of noise is taken."""
        named = bool(random.random() < 0.5)
        sizes = _sizes(len(self.parts), samples, random)
        rates = _rates(world.noise, sizes, random)
        found = []
        for name, size, rate in zip(self.parts, sizes, rates, strict=True):
            own = draw_world([name], float(rate), random)
            found.append(_part(self.parts[name], own, int(size), random, self.encoder, named))
        return join(found)


def join(parts: Sequence[Drawn]) -> Drawn:
    """Return draws in words as one file; its matrix is for methods that look at each sample alone."""
    matrices = [part.matrix for part in parts]
    views = matrices[0].answers
    matrix = LabelMatrix(
        _one([matrix.given for matrix in matrices]),
        {view: _one([matrix.answers[view] for matrix in matrices]) for view in views},
        _one([matrix.verdicts for matrix in matrices]),
        _one([matrix.sizes for matrix in matrices]),
    )
    return Drawn(
        matrix,
        _one([part.right for part in parts]),
        _one([part.review for part in parts]),
        joined([part.written for part in parts if part.written is not None]),
        tuple(parts),
    )


def _part(pool: Worded, world: World, samples: int, random: Generator, encoder: Known, named: bool) -> Drawn:
    worded = pool.take(choose(len(pool.prompts), samples, random))
    drawn = draw_agents(worded.questions, world, labels(world, worded.questions, random), random)
    matrix = drawn.matrix
    written = write(
        worded,
        matrix.given,
        list(matrix.answers.values()),
        matrix.verdicts,
        drawn.review,
        encoder=encoder,
        name=world.questions,
        task=world.questions if named else None,
    )
    return drawn._replace(written=written)


def _sizes(parts: int, samples: int, random: Generator) -> Numbers:
    """Return how many samples each part has."""
    shares = random.dirichlet(numpy.ones(parts))
    return _FEWEST + numpy.floor(shares * (samples - parts * _FEWEST)).astype(numpy.int64)


def _rates(noise: float, sizes: Numbers, random: Generator) -> numpy.ndarray:
    """Return each part's rate of noise; the mean over the samples is that of the file."""
    rates = numpy.full(len(sizes), noise)
    if random.random() < 0.5:
        return rates
    most, left = min(2 * noise, 0.9), noise * sizes.sum()
    for part in random.permutation(len(sizes)):
        rates[part] = min(most, left / sizes[part])
        left -= rates[part] * sizes[part]
    return rates


def _one(parts: Sequence[Numbers]) -> Numbers:
    return numpy.concatenate(parts)
