"""What prompts tell about their right responses, learned from what is believed of all other prompts.

Two classifiers read the prompts' vectors. `PromptClassifier` is quick and serves every step of the fit.
`FoldModels` are slower and rank better. They learn once, when it is known what to learn, and are kept: the
prompts of the run and new ones are predicted alike. Neither ever predicts a prompt from what is believed of
that prompt itself. Where there are too many classes for both, see `many_classes.py`.
"""

from bisect import bisect_left
from dataclasses import dataclass

import numpy

from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, Vectors, normalised, softmax


class PromptClassifier:
    """Ridge regression on the prompts' vectors, with every prompt left out of its own prediction.

    Leaving one out has a closed form, so that a prediction costs two matrix products. The fit asks for a
    hundred of them.

    Args:
        vectors: one a prompt (n, d), of length 1.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._mean = vectors.mean(0, dtype=numpy.float64)
        self._vectors = self._prepare(vectors)
        # Vectors have length 1: the penalty stands for so many samples against a weight of 1.
        penalty = numpy.full(self._vectors.shape[1], priors.RIDGE)
        penalty[-1] = priors.RIDGE_OF_INTERCEPT
        square = self._vectors.T @ self._vectors + numpy.diag(penalty)
        self._solved = numpy.linalg.solve(square, self._vectors.T)
        self._own = numpy.einsum("ij,ji->i", self._vectors, self._solved)[:, None]

    def predict(self, posterior: Reals) -> Reals:
        """Return each prompt's probabilities (n, classes), from all other prompts' (n, classes)."""
        return _balanced(*self._left_out(posterior))

    def tells(self, posterior: Reals) -> float:
        """Return by how many nats prompts predict beliefs (n, classes) better than the classes' shares do."""
        likely = numpy.log(self.predict(posterior) + 1e-12) - numpy.log(posterior.mean(0) + 1e-12)
        return float((posterior * likely).sum())

    def _left_out(self, posterior: Reals) -> tuple[Reals, Reals]:
        """Return log-probabilities (n, classes) without each prompt's own part, and the classes' shares.

        Ridge regression shrinks scores towards the shares. They are stretched back, as far as is likeliest.
        """
        scores = (self._vectors @ (self._solved @ posterior) - self._own * posterior) / (1 - self._own)
        share = (posterior.sum(0) + 1) / (len(posterior) + posterior.shape[1])

        def stretched(sharp: float) -> Reals:
            logarithms: Reals = numpy.log(share) + sharp * (scores - share)
            return logarithms

        def fit(sharp: float) -> float:
            return float((posterior * numpy.log(softmax(stretched(sharp)) + 1e-12)).sum())

        def falls(at: int) -> bool:
            return fit(priors.SHARPNESS[at]) >= fit(priors.SHARPNESS[at + 1])

        # The likelihood is concave: its top is where it begins to fall.
        best = priors.SHARPNESS[bisect_left(range(len(priors.SHARPNESS) - 1), True, key=falls)]
        return stretched(best), share

    def _prepare(self, vectors: Vectors) -> Reals:
        return numpy.column_stack([vectors - self._mean, numpy.ones(len(vectors))])


def _balanced(scores: Reals, shares: Reals) -> Reals:
    """Return probabilities (n, classes) from their logarithms, shifted until a class's mean is its share.

    Without it the fit loses rare classes: one that is predicted less often than it was seen is believed
    rarer in the next step, and merges in the end into the class it is most like.
    """
    likely = softmax(scores)
    for _ in range(priors.BALANCING_STEPS):
        means = likely.mean(0)
        if numpy.abs(means - shares).max() < priors.BALANCED:
            break
        scores = scores + numpy.log(shares / means)
        likely = softmax(scores)
    return likely


def drawn_folds(size: int) -> Numbers:
    """Return the fold of each of some samples without ids (n), drawn."""
    return numpy.random.default_rng(0).permutation(size) % priors.FOLDS


@dataclass(frozen=True)
class FoldModels:
    """A classifier for each fold, which has learned from the prompts of all other folds.

    Args:
        weights: of a vector's numbers (folds, d, classes).
        intercepts: of no vector (folds, classes).
        seen: which responses each has seen (folds, classes).
    """

    weights: Reals
    intercepts: Reals
    seen: Bools

    @classmethod
    def learn(cls, vectors: Vectors, posterior: Reals, folds: Numbers) -> "FoldModels":
        """Learn what prompts tell.

        Args:
            vectors: one a prompt (n, d), of length 1.
            posterior: what is learned: how likely each response is to be right (n, classes).
            folds: the fold of each prompt (n).
        """
        size = posterior.shape[1]
        weights = numpy.zeros((priors.FOLDS, vectors.shape[1], size))
        intercepts, seen = numpy.zeros((priors.FOLDS, size)), numpy.zeros((priors.FOLDS, size), dtype=bool)
        for fold in range(priors.FOLDS):
            inside = numpy.flatnonzero(folds != fold)
            classes, slopes, constants = _learned(vectors[inside], posterior[inside])
            weights[fold][:, classes], intercepts[fold, classes], seen[fold, classes] = (
                slopes,
                constants,
                True,
            )
        return cls(weights, intercepts, seen)

    def predict(self, vectors: Vectors, folds: Numbers) -> Reals:
        """Return each prompt's probabilities (n, classes), from the model of its own fold.

        Args:
            vectors: one a prompt (n, d); read in blocks, so that they may lie on disk.
            folds: the fold of each prompt (n).
        """
        size = self.intercepts.shape[1]
        likely = numpy.full((len(folds), size), priors.RARE)
        at_once = max(priors.PREDICTED_AT_ONCE // size, 1)
        for fold in range(priors.FOLDS):
            rows, seen = numpy.flatnonzero(folds == fold), numpy.flatnonzero(self.seen[fold])
            if not len(seen):
                continue
            for start in range(0, len(rows), at_once):
                block = rows[start : start + at_once]
                scores = vectors[block] @ self.weights[fold][:, seen] + self.intercepts[fold, seen]
                likely[block[:, None], seen] = numpy.maximum(softmax(scores), priors.RARE)
        return normalised(likely)


def _learned(vectors: Vectors, posterior: Reals) -> tuple[Numbers, Reals, Reals]:
    """Return the responses that were seen (k), and a classifier's weights (d, k) and intercepts (k)."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    # A prompt counts once for each response that it may have, by how likely that is.
    prompts, responses = numpy.nonzero(posterior > priors.UNLIKELY)
    classes = numpy.unique(responses)
    if len(classes) < 2:
        return classes, numpy.zeros((vectors.shape[1], len(classes))), numpy.zeros(len(classes))
    model = LogisticRegression(C=1 / priors.CLASSIFIER_PENALTY, max_iter=1000)
    model.fit(vectors[prompts], responses, sample_weight=posterior[prompts, responses])
    weights, intercepts = model.coef_, model.intercept_
    if len(classes) == 2:
        # Of two, one score is kept: how much likelier the second is.
        weights, intercepts = numpy.vstack([0 * weights, weights]), numpy.append(0.0, intercepts)
    return classes, weights.T, intercepts
