"""How likely a free-text response is wrong, told from how similar it is to what else is said.

Two experts never give the same free text twice, so that their answers are not compared but measured: the
similarities of right responses lie around one point, those of wrong ones around a lower one. A mixture of two
normal distributions finds both without gold. They share their covariance, which keeps more similarity from
ever speaking against a response, and counts what two experts have in common once. Where two
groups fit no better than one, nothing is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from training.calibration.question_classifier import Bools, Numbers, Reals
from training.calibration.sources import LIFT, NOISE, one_hot

# Too few to tell two groups apart: what is common is said of all.
_FEWEST = 20
# Of similarities, which are between -1 and 1: groups narrower than this are not told apart.
_NARROWEST = 1e-3
_ITERATIONS = 300
# How many verdicts what is believed of the judge at first is worth.
_JUDGE = 10.0
# Shares of wrong responses to begin with: where most right ones are the same, one of its own finds nothing.
_SHARES = (0.05, 0.15, 0.3, 0.5, 0.7)


@dataclass(frozen=True)
class SimilarityModel:
    """The two groups, as a linear score: the logarithm of right against wrong; and a judge's part in it.

    Args:
        slopes: of each view's similarity (views), none below 0.
        middle: the similarities at which the views say nothing (views).
        prior: the score of the group sizes alone.
        judge: of a judge's verdicts: noisy, which is never for a response, and reliable, never against (2).
    """

    slopes: Reals
    middle: Reals
    prior: float
    judge: Reals

    def weights(self, similarities: Reals) -> Reals:
        """Return what each view says for the responses, in nats (n, views); with the prior they add up."""
        known = numpy.where(numpy.isnan(similarities), self.middle, similarities)
        return numpy.asarray(self.slopes * (known - self.middle), dtype=numpy.float64)

    def score(self, similarities: Reals) -> Reals:
        """Return the logarithm of right against wrong, whatever a judge says (n)."""
        return numpy.asarray(self.weights(similarities).sum(1) + self.prior)

    def judged(self, verdicts: Numbers) -> Reals:
        """Return what a judge's verdicts say, in nats (n): 1 reliable, 0 noisy, -1 not asked."""
        return numpy.where(verdicts < 0, 0.0, self.judge[verdicts])

    def noise(self, similarities: Reals, verdicts: Numbers | None = None) -> Reals:
        """Return the probability that each response is wrong (n)."""
        score = self.score(similarities)
        if verdicts is not None:
            score = score + self.judged(verdicts)
        return numpy.asarray(numpy.exp(-numpy.logaddexp(0, score)), dtype=numpy.float64)


def fit_similarities(similarities: Reals, verdicts: Numbers) -> SimilarityModel:
    """Tell right responses from wrong ones.

    Args:
        similarities: of each response to what each view says, and last to its question (n, views), -1 to 1;
            NaN where there is nothing.
        verdicts: a judge's: 1 reliable, 0 noisy, -1 not asked (n).
    """
    model = _fit_groups(similarities)
    return replace(model, judge=_fit_judge(model.score(similarities), verdicts))


def _fit_groups(similarities: Reals) -> SimilarityModel:
    known = similarities[~numpy.isnan(similarities).any(1)]
    views = similarities.shape[1]
    silent, even = numpy.zeros(2), float(numpy.log((1 - NOISE) / NOISE))
    nothing = SimilarityModel(numpy.zeros(views), numpy.zeros(views), even, silent)
    if len(known) < _FEWEST or (known == known[0]).all():
        return nothing
    experts = known[:, :-1] if views > 1 else known
    ranks = experts.mean(1).argsort(kind="stable").argsort()
    found = max(
        (_fit(known, ranks < share * len(known)) for share in _SHARES), key=lambda fit: fit.lower_bound_
    )
    # By Akaike's criterion, which asks of another group as many nats as it has parameters.
    if found.aic(known) >= _fit(known).aic(known):
        return nothing
    wrong, right = numpy.argsort(found.means_[:, : experts.shape[1]].sum(1))
    slopes = numpy.maximum(found.precisions_ @ (found.means_[right] - found.means_[wrong]), 0.0)
    prior = float(numpy.log(found.weights_[right] / found.weights_[wrong]))
    return SimilarityModel(slopes, found.means_.mean(0), prior, silent)


def _fit_judge(score: Reals, verdicts: Numbers) -> Reals:
    """Return what each verdict says, told from how well verdicts fit what else is known of responses (n)."""
    asked = verdicts >= 0
    if not asked.any():
        return numpy.zeros(2)
    said = one_hot(verdicts[asked], 2)
    reliable, noisy = said.mean(0)[::-1]
    # Believed at first to be so much likelier to say what is so.
    expected = _JUDGE * numpy.array([[noisy, reliable * LIFT], [noisy * LIFT, reliable]]) + 1e-3
    judge = numpy.zeros(2)
    for _ in range(_ITERATIONS):
        doubt = numpy.exp(-numpy.logaddexp(0, score[asked] + said @ judge))
        shares = numpy.stack([1 - doubt, doubt]) @ said + expected
        shares /= shares.sum(1, keepdims=True)
        judge = numpy.log(shares[0] / shares[1])
    return numpy.array([min(judge[0], 0.0), max(judge[1], 0.0)])


def _fit(known: Reals, low: Bools | None = None) -> Any:
    """Return the mixture of one group, or of two that begin as a lower one and the rest."""
    from sklearn.mixture import GaussianMixture  # type: ignore[import-untyped]

    settings: dict[str, Any] = {"covariance_type": "tied", "reg_covar": _NARROWEST, "random_state": 0}
    if low is None:
        return GaussianMixture(1, **settings).fit(known)
    settings["weights_init"] = [low.mean(), 1 - low.mean()]
    settings["means_init"] = [known[low].mean(0), known[~low].mean(0)]
    return GaussianMixture(2, max_iter=_ITERATIONS, **settings).fit(known)


def cosines(vectors: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> Reals:
    """Return the cosine of each pair of vectors of length 1 (n)."""
    return numpy.asarray((numpy.array(vectors) * numpy.array(others)).sum(1), dtype=numpy.float64)
