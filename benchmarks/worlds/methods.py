"""What each method makes of a drawn world: the responses to train on, and what it says of the given ones."""

from collections.abc import Callable
from typing import NamedTuple

import numpy

from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, one_hot
from training.calibration.cautions import Verdicts, cautions
from training.calibration.group_model import replaces_from
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import Estimate, estimate, update
from worlds.asked import asked_where, in_doubt
from worlds.draw import Drawn
from worlds.outcome import Outcome
from worlds.records import decide_as_a_run


def as_given(drawn: Drawn) -> Outcome:
    """Trust every response."""
    return Outcome(drawn.matrix.given, numpy.zeros(len(drawn.matrix), dtype=bool))


def majority(drawn: Drawn) -> Outcome:
    """Call noisy what no view matches; the reviewer's answer takes its place."""
    matrix = drawn.matrix
    noisy = ~numpy.logical_or.reduce([said == matrix.given for said in matrix.answers.values()])
    return _replaced(drawn, noisy)


def hybrid(drawn: Drawn) -> Outcome:
    """Let the judge decide where the views disagree (the paper's)."""
    matrix = drawn.matrix
    unanimous = numpy.logical_and.reduce([said == matrix.given for said in matrix.answers.values()])
    return _replaced(drawn, ~unanimous & (matrix.verdicts != 1))


class Weighed(NamedTuple):
    """What the default makes of a label matrix.

    Args:
        found: what was estimated.
        noisy: which given responses it calls noisy (n).
        final: the number of each response to train on (n); -1 where one is invalid and stays.
        confidence: how likely each of them is right (n).
    """

    found: Estimate
    noisy: Bools
    final: Numbers
    confidence: Reals


def decide_by_default(matrix: LabelMatrix, reviews: Numbers) -> Weighed:
    """Decide as the default does, where the reviewer is a model that is a view already.

    Args:
        matrix: what is known of n samples.
        reviews: what the reviewer says of each, were it asked (n); -1 for nothing. It is asked where a given
            response is noisy.
    """
    found = estimate(matrix)
    noisy = found.noise >= priors.DOUBTFUL
    review = numpy.where(noisy, reviews, -1)
    posterior = update(matrix, found, review, numpy.ones(len(matrix), dtype=bool))
    named = one_hot(matrix.given, matrix.width) + one_hot(review, matrix.width)
    for said in matrix.answers.values():
        named += one_hot(said, matrix.width)
    likely = posterior * (named > 0)
    sure = likely.max(1) >= replaces_from(matrix)
    final = numpy.where(noisy & (sure | (matrix.given < 0)), likely.argmax(1), matrix.given)
    confidence = numpy.where(final >= 0, posterior[numpy.arange(len(final)), final], 0.0)
    return Weighed(found, noisy, final, confidence)


def calibrated(drawn: Drawn) -> Outcome:
    """Weigh all views of all samples: the default.

    A world in words is decided on its records, by the functions that a run calls.
    """
    if drawn.written is not None:
        return decide_as_a_run(drawn.written, drawn.matrix.given)
    rows = in_doubt(drawn.matrix)
    found, noisy, final, confidence = decide_by_default(asked_where(drawn.matrix, rows), drawn.review)
    noise = float(found.noise.mean())
    return Outcome(
        final,
        noisy,
        noise,
        warned=bool(cautions(Verdicts(noise, found.noise_interval, found.reliability))),
        left_out=noisy & (confidence < priors.REPLACES),
        interval=found.noise_interval,
        doubts=found.noise,
        asked=float(rows.mean()),
    )


METHODS: dict[str, Callable[[Drawn], Outcome]] = {
    "as given": as_given,
    "majority": majority,
    "hybrid": hybrid,
    "calibrated": calibrated,
}
"""Those of RobustFT; `rivals.py` has the others."""


def _replaced(drawn: Drawn, noisy: Bools) -> Outcome:
    return Outcome(numpy.where(noisy, drawn.review, drawn.matrix.given), noisy, float(noisy.mean()))
