"""How far wrong facts can be seen in free text, and what a response's plausibility then says of it.

A wrong fact leaves a text as similar to the agents' answers as it was. What may tell is how plausible a model
finds it (`agents/assessment.py`). How much that tells depends on the model and on the data, and no gold is
there to learn it from. So facts are turned in a few of the data's own responses (`turned.py`), and both
texts are assessed. How far the scores fall is what the views are believed by:

1. Long responses have less likely tokens than short ones. Each score is taken beside what a response of that
   length has (a line in the logarithm of the length). The pairs have one of their own. Once all responses are
   assessed, theirs is learned from them.
2. Of each view, the mean fall counts by its lower 95 % bound: what so few samples may owe to chance is
   left out.
3. Scores of right and of wrong responses are taken to be normal, with one covariance and this distance
   (Fisher's linear discriminant). A view that repeats another counts once.
4. Right responses lie around the middle of all, but for the share that is believed to be wrong.

The area under the curve (AUC) is told of scores whose discriminant was learned from the other pairs. Where
its interval holds chance, the views are blind to facts. Then no other response is assessed.

What is learned of all responses is frozen (`PlausibilityModel`): it says the same of a response alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from training.calibration import priors
from training.calibration.arrays import Reals, robust_deviation


@dataclass(frozen=True)
class Plausibility:
    """How plausible n responses are.

    Args:
        scores: what each view says (n, views), the more the better; NaN where it says nothing.
        lengths: their lengths, in characters (n).
    """

    scores: Reals
    lengths: Reals

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]] | Reals) -> "Plausibility":
        """Return it of rows that hold a response's scores, and last its length."""
        if not len(rows):
            return cls(numpy.empty((0, 0)), numpy.empty(0))
        columns = numpy.array(rows, dtype=numpy.float64)
        return cls(columns[:, :-1], columns[:, -1])

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class PlausibilityModel:
    """What the plausibility of any response says, learned from all responses of a group.

    Args:
        slopes: nats a unit of each view's score (views), none below 0.
        line: what a score is taken beside: a constant and a slope in the log-length (2, views).
        middle: the score of most responses, beside that (views).
        reach: how far from there a score counts (views).
        border: half-way between right and wrong responses (views).
    """

    slopes: Reals
    line: Reals
    middle: Reals
    reach: Reals
    border: Reals

    def weights(self, given: Plausibility) -> Reals:
        """Return what plausibility says for each response, in nats (n); 0 of one that no view rates."""
        if not len(given):
            return numpy.zeros(0)
        scores = _beside(given, self.line)
        there = ~numpy.isnan(scores)
        known = numpy.where(there, scores, self.middle)
        known = numpy.clip(known, self.middle - self.reach, self.middle + self.reach)
        said = numpy.where(there, self.slopes * (known - self.border), 0.0)
        return numpy.asarray(said.sum(1), dtype=numpy.float64)


@dataclass(frozen=True)
class FactSight:
    """How well the views tell a response from the same one with a fact turned.

    Args:
        samples: how many responses had a fact turned and could be assessed.
        auc: how often an original looks more plausible than a turned one, in [0, 1].
        low: the lower bound of its 95 % interval (bootstrap over the samples).
        high: the upper bound.
        fall: by how much each view's score falls, at least (views); 0 where it may as well not.
        slopes: nats a unit of each view's score (views), none below 0.
    """

    samples: int
    auc: float
    low: float
    high: float
    fall: Reals
    slopes: Reals

    @property
    def sees(self) -> bool:
        """Whether wrong facts are told apart better than chance, and well enough to be of use."""
        return self.low > 0.5 and self.auc >= priors.FACTS_SEEN and bool(self.slopes.any())

    def learn(self, data: Plausibility) -> PlausibilityModel | None:
        """Return what plausibility says of such responses; None where it sees nothing, or there are none.

        Args:
            data: of all responses of a group, whichever of them are wrong (n).
        """
        if not self.sees or not len(data):
            return None
        line = _line(data)
        scores = _beside(data, line)
        middle = _medians(scores)
        reach = priors.FARTHEST * robust_deviation(_medians(numpy.abs(scores - middle)))
        border = middle + (priors.FACTS_WRONG - 0.5) * self.fall
        return PlausibilityModel(self.slopes, line, middle, reach, border)


def see_facts(original: Plausibility, turned: Plausibility) -> FactSight | None:
    """Return how far wrong facts can be seen; None where there are too few pairs to say.

    Args:
        original: of some responses of the data (m).
        turned: of the same with a fact turned (m).
    """
    line = _line(original)
    before, after = _beside(original, line), _beside(turned, line)
    # A view that a model does not give is none.
    given = numpy.flatnonzero(~(numpy.isnan(before).all(0) | numpy.isnan(after).all(0)))
    there = ~numpy.isnan(before[:, given] + after[:, given]).any(1)
    before, after = before[there][:, given], after[there][:, given]
    pairs = len(before)
    if pairs < priors.FEWEST_TURNED or not len(given):
        return None
    scores = numpy.empty((2, pairs))
    for left_out in range(pairs):
        others = numpy.arange(pairs) != left_out
        slopes = _discriminant(before[others], after[others], _fall(before[others], after[others], 0.0))
        scores[:, left_out] = before[left_out] @ slopes, after[left_out] @ slopes
    draws = numpy.random.default_rng(0).integers(0, pairs, (priors.BOOTSTRAPS, pairs))
    low, high = numpy.quantile([auc(scores[0, rows], scores[1, rows]) for rows in draws], (0.025, 0.975))
    fall, slopes = numpy.zeros(line.shape[1]), numpy.zeros(line.shape[1])
    fall[given] = _fall(before, after, priors.SURE)
    slopes[given] = _discriminant(before, after, fall[given])
    return FactSight(pairs, auc(*scores), float(low), float(high), fall, slopes)


def auc(right: Reals, wrong: Reals) -> float:
    """Return how often a right one's score is above a wrong one's; equal scores count half."""
    above = right[:, None] - wrong[None]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def _line(data: Plausibility) -> Reals:
    """Return each score's constant and slope in the log-length, by least squares (2, views)."""
    line = numpy.zeros((2, data.scores.shape[1]))
    for view, score in enumerate(data.scores.T):
        there = ~numpy.isnan(score)
        logs = numpy.log(numpy.maximum(data.lengths[there], 1.0))
        # Of few responses, or of one length, a line says nothing.
        if there.sum() >= priors.FEWEST_TEXTS and logs.std() > priors.NARROWEST:
            slope, constant = numpy.polyfit(logs, score[there], 1)
            line[:, view] = constant, slope
    return line


def _beside(given: Plausibility, line: Reals) -> Reals:
    """Return scores beside what a response of that length has (n, views)."""
    logs = numpy.log(numpy.maximum(given.lengths, 1.0))
    return numpy.asarray(given.scores - line[0] - logs[:, None] * line[1], dtype=numpy.float64)


def _medians(scores: Reals) -> Reals:
    """Return the median of what each view says (views); 0 where it says nothing."""
    known = (column[~numpy.isnan(column)] for column in scores.T)
    return numpy.array([numpy.median(column) if len(column) else 0.0 for column in known])


def _fall(original: Reals, turned: Reals, deviations: float) -> Reals:
    """Return the mean fall of each view's score, less so many standard errors; none below 0 (views)."""
    falls = original - turned
    error = falls.std(0, ddof=1) / len(falls) ** 0.5
    return numpy.asarray(numpy.maximum(falls.mean(0) - deviations * error, 0.0), dtype=numpy.float64)


def _discriminant(original: Reals, turned: Reals, fall: Reals) -> Reals:
    """Return the slopes of Fisher's discriminant for a distance, none below 0 (views)."""
    # What all pairs show of one group; views that never speak together are not taken to.
    covariance = (numpy.cov(original, rowvar=False) + numpy.cov(turned, rowvar=False)) / 2
    covariance = numpy.atleast_2d(covariance)
    own = numpy.diag(numpy.diag(covariance))
    mixed = (1 - priors.APART) * covariance + priors.APART * own + priors.NARROWEST * numpy.eye(len(fall))
    return numpy.asarray(numpy.maximum(numpy.linalg.solve(mixed, fall), 0.0), dtype=numpy.float64)
