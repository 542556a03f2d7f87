"""How far wrong facts can be seen in free text, and what a response's plausibility then says of it.

A wrong fact leaves a text as similar to the agents' answers as it was. What may tell is how plausible a model
finds it (`agents/assessment.py`). How much that tells depends on the model and on the data, and no gold is
there to learn it from. So facts are turned in a few of the data's own responses (`turned.py`), and both
texts are assessed. How far the scores fall is what the views are believed by:

1. Of each view, the mean fall counts by its lower 95 % bound: what so few samples may owe to chance is
   left out.
2. Scores of right and of wrong responses are taken to be normal, with one covariance and this distance
   (Fisher's linear discriminant). A view that repeats another counts once.
3. Right responses lie around the middle of all, but for the share that is believed to be wrong.

The area under the curve (AUC) is told of scores whose discriminant was learned from the other pairs. Where
its interval holds chance, the views are blind to facts, and nothing is made of them.
"""

from dataclasses import dataclass

import numpy

from training.calibration import priors
from training.calibration.arrays import Reals


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

    def weights(self, scores: Reals) -> Reals:
        """Return what plausibility says for each response, in nats (n).

        Args:
            scores: what each view says of all responses of the data (n, views); NaN where it says nothing.
        """
        if not self.sees or not (~numpy.isnan(scores)).any(0).all():
            return numpy.zeros(len(scores))
        middle = numpy.nanmedian(scores, axis=0)
        spread = 1.4826 * numpy.nanmedian(numpy.abs(scores - middle), axis=0)
        reach = priors.FARTHEST * spread
        known = numpy.clip(numpy.where(numpy.isnan(scores), middle, scores), middle - reach, middle + reach)
        # Half-way between right and wrong responses.
        border = middle + (priors.NOISE_AMONG_FEW - 0.5) * self.fall
        said = numpy.where(numpy.isnan(scores), 0.0, self.slopes * (known - border))
        return numpy.asarray(said.sum(1), dtype=numpy.float64)


def see_facts(original: Reals, turned: Reals) -> FactSight | None:
    """Return how far wrong facts can be seen; None where there are too few pairs to say.

    Args:
        original: scores of responses as given (m, views), the more the better; NaN where a view is silent.
        turned: those of the same responses with a fact turned (m, views).
    """
    there = ~(numpy.isnan(original) | numpy.isnan(turned)).any(1)
    original, turned = original[there], turned[there]
    if len(original) < priors.FEWEST_TURNED:
        return None
    pairs = len(original)
    scores = numpy.empty((2, pairs))
    for left_out in range(pairs):
        others = numpy.arange(pairs) != left_out
        slopes = _discriminant(original[others], turned[others], _fall(original[others], turned[others], 0.0))
        scores[:, left_out] = original[left_out] @ slopes, turned[left_out] @ slopes
    draws = numpy.random.default_rng(0).integers(0, pairs, (priors.BOOTSTRAPS, pairs))
    drawn = [auc(scores[0, rows], scores[1, rows]) for rows in draws]
    low, high = numpy.quantile(drawn, (0.025, 0.975))
    fall = _fall(original, turned, priors.SURE)
    slopes = _discriminant(original, turned, fall)
    return FactSight(pairs, auc(*scores), float(low), float(high), fall, slopes)


def auc(right: Reals, wrong: Reals) -> float:
    """Return how often a right one's score is above a wrong one's; equal scores count half."""
    above = right[:, None] - wrong[None]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


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
