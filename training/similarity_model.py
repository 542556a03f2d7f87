"""How likely a free-text response is wrong, told from how similar it is to what else is said.

Two experts never give the same free text twice, so that their answers are not compared but measured: the
similarities of right responses lie around one point, those of wrong ones around a lower one. A mixture of two
normal distributions finds both without gold. They share their covariance, which keeps more similarity from
ever speaking against a response, and counts what two experts have in common once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from training.classifier import Reals
from training.views import NOISE

# Too few to tell two groups apart: what is common is said of all.
_FEWEST = 20
# Of similarities, which are between -1 and 1: groups narrower than this are not told apart.
_NARROWEST = 1e-3


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
        return numpy.asarray(1 / (1 + numpy.exp(score)), dtype=numpy.float64)


def fit_similarities(similarities: Reals) -> SimilarityModel:
    """Tell right responses from wrong ones.

    Args:
        similarities: of each response to what each view says (n, views), -1 to 1; NaN where it says nothing.
    """
    from sklearn.mixture import GaussianMixture  # type: ignore[import-untyped]

    known = similarities[~numpy.isnan(similarities).any(1)]
    prior = float(numpy.log((1 - NOISE) / NOISE))
    views = similarities.shape[1]
    if len(known) < _FEWEST:
        return SimilarityModel(numpy.zeros(views), numpy.zeros(views), prior)
    low, high = numpy.quantile(known, NOISE / 2, axis=0), numpy.quantile(known, (1 + NOISE) / 2, axis=0)
    mixture = GaussianMixture(
        2,
        covariance_type="tied",
        weights_init=[NOISE, 1 - NOISE],
        means_init=[low, high],
        reg_covar=_NARROWEST,
        random_state=0,
    ).fit(known)
    wrong, right = numpy.argsort(mixture.means_.sum(1))
    slopes = numpy.maximum(mixture.precisions_ @ (mixture.means_[right] - mixture.means_[wrong]), 0.0)
    middle = mixture.means_.mean(0)
    return SimilarityModel(
        slopes, middle, float(numpy.log(mixture.weights_[right] / mixture.weights_[wrong]))
    )


def cosines(vectors: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> Reals:
    """Return the cosine of each pair of vectors of length 1 (n)."""
    return numpy.asarray((numpy.array(vectors) * numpy.array(others)).sum(1), dtype=numpy.float64)
