"""How likely a free-text response is wrong, told from how similar it is to what else is said.

Two experts never give the same free text twice, so that their answers are not compared but measured: the
similarities of right responses lie around one point, those of wrong ones around a lower one. A mixture of two
normal distributions finds both without gold. They share their covariance, which keeps more similarity from
ever speaking against a response, and counts what two experts have in common once. Where two
groups fit no better than one, nothing is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from training.classifier import Bools, Reals
from training.views import NOISE

# Too few to tell two groups apart: what is common is said of all.
_FEWEST = 20
# Of similarities, which are between -1 and 1: groups narrower than this are not told apart.
_NARROWEST = 1e-3
_ITERATIONS = 300
# Shares of wrong responses to begin with: where most right ones are the same, one of its own finds nothing.
_SHARES = (0.05, 0.15, 0.3, 0.5, 0.7)


@dataclass(frozen=True)
class SimilarityModel:
    """The two groups, as a linear score: the logarithm of right against wrong.

    Args:
        slopes: of each view's similarity (views), none below 0.
        middle: the similarities at which the views say nothing (views).
        prior: the score of the group sizes alone.
    """

    slopes: Reals
    middle: Reals
    prior: float

    def weights(self, similarities: Reals) -> Reals:
        """Return what each view says for the responses, in nats (n, views); with the prior they add up."""
        known = numpy.where(numpy.isnan(similarities), self.middle, similarities)
        return numpy.asarray(self.slopes * (known - self.middle), dtype=numpy.float64)

    def noise(self, similarities: Reals) -> Reals:
        """Return the probability that each response is wrong (n)."""
        score = self.weights(similarities).sum(1) + self.prior
        return numpy.asarray(numpy.exp(-numpy.logaddexp(0, score)), dtype=numpy.float64)


def fit_similarities(similarities: Reals) -> SimilarityModel:
    """Tell right responses from wrong ones.

    Args:
        similarities: of each response to what each view says, and last to its question (n, views), -1 to 1;
            NaN where there is nothing.
    """
    known = similarities[~numpy.isnan(similarities).any(1)]
    views = similarities.shape[1]
    nothing = SimilarityModel(numpy.zeros(views), numpy.zeros(views), float(numpy.log((1 - NOISE) / NOISE)))
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
    return SimilarityModel(slopes, found.means_.mean(0), prior)


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
