"""What a question tells about its right response, learned from what is believed of all other questions."""

from bisect import bisect_left

import numpy
from numpy.typing import NDArray

Bools = NDArray[numpy.bool_]
Numbers = NDArray[numpy.int64]
Reals = NDArray[numpy.float64]
Vectors = NDArray[numpy.float32] | NDArray[numpy.float64]

# Of the squared weights, for the quick classifier and for the slower one of `predict_others`. Vectors have
# length 1, so that the first stands for so many samples against a weight of 1.
_RIDGE = 1.0
_PENALTY = 0.25
_BLOCK = 10_000
_FOLDS = 5
# The probability of a response that was never seen.
_RARE = 1e-3
# What is less likely than this is not learned from.
_UNLIKELY = 0.02
_BALANCING = 20
_BALANCED = 1e-4
_SHARPNESS: list[float] = [0.0, *numpy.geomspace(0.3, 30, 25).tolist()]


class QuestionClassifier:
    """Ridge regression on the questions' vectors, with every question left out of its own prediction.

    The leaving-out has a closed form, so that all of it is two matrix products a fit: the classifier is
    fitted a hundred times over.

    Args:
        vectors: one a question (n, d), of length 1.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._mean = vectors.mean(0, dtype=numpy.float64)
        self._vectors = self._prepare(vectors)
        penalty = numpy.full(self._vectors.shape[1], _RIDGE)
        penalty[-1] = 1e-6
        square = self._vectors.T @ self._vectors + numpy.diag(penalty)
        self._solved = numpy.linalg.solve(square, self._vectors.T)
        self._own = numpy.einsum("ij,ji->i", self._vectors, self._solved)[:, None]

    def predict(self, right: Reals) -> Reals:
        """Return each question's probabilities (n, classes), from all other questions' (n, classes)."""
        return _balanced(*self._left_out(right))

    def tells(self, right: Reals) -> float:
        """Return how much likelier beliefs (n, classes) are by questions than by their shares, in nats."""
        likely = numpy.log(self.predict(right) + 1e-12) - numpy.log(right.mean(0) + 1e-12)
        return float((right * likely).sum())

    def _left_out(self, right: Reals) -> tuple[Reals, Reals]:
        """Return log-probabilities (n, classes) without each question's own part, and the classes' shares.

        Scores shrink towards the shares, the more the less the questions tell: they are stretched away.
        """
        scores = (self._vectors @ (self._solved @ right) - self._own * right) / (1 - self._own)
        share = (right.sum(0) + 1) / (len(right) + right.shape[1])

        def stretched(sharp: float) -> Reals:
            logarithms: Reals = numpy.log(share) + sharp * (scores - share)
            return logarithms

        def fit(sharp: float) -> float:
            return float((right * numpy.log(softmax(stretched(sharp)) + 1e-12)).sum())

        def falls(at: int) -> bool:
            return fit(_SHARPNESS[at]) >= fit(_SHARPNESS[at + 1])

        # The likelihood is concave: its top is where it begins to fall.
        best = _SHARPNESS[bisect_left(range(len(_SHARPNESS) - 1), True, key=falls)]
        return stretched(best), share

    def _prepare(self, vectors: Vectors) -> Reals:
        return numpy.column_stack([vectors - self._mean, numpy.ones(len(vectors))])


def _balanced(scores: Reals, shares: Reals) -> Reals:
    """Return probabilities (n, classes) from their logarithms, shifted until a class's mean is its share.

    A class that is predicted less often than it was seen is believed rarer, and predicted less often still:
    fitted so over and over, it merges into the one it is most like.
    """
    likely = softmax(scores)
    for _ in range(_BALANCING):
        means = likely.mean(0)
        if numpy.abs(means - shares).max() < _BALANCED:
            break
        scores = scores + numpy.log(shares / means)
        likely = softmax(scores)
    return likely


def predict_crossed(vectors: Vectors, right: Reals) -> Reals:
    """Return each question's probabilities (n, classes) from questions of other folds.

    It is slower than `QuestionClassifier` and ranks better: for when it is known what to learn.

    Args:
        vectors: one a question (n, d), of length 1.
        right: what is learned: how likely each response is to be right (n, classes).
    """
    folds = numpy.random.default_rng(0).permutation(len(right)) % _FOLDS
    likely = numpy.zeros(right.shape)
    for fold in range(_FOLDS):
        inside, outside = numpy.flatnonzero(folds != fold), numpy.flatnonzero(folds == fold)
        likely[outside] = predict_others(vectors[inside], right[inside], vectors, outside)
    return likely


def predict_others(vectors: Vectors, right: Reals, others: Vectors, rows: Numbers) -> Reals:
    """Return the probabilities (m, classes) of questions that were not learned from.

    Args:
        vectors: one a question that is learned from (n, d), of length 1.
        right: what is learned: how likely each response is to be right (n, classes).
        others: vectors; read in blocks, so that they may lie on disk.
        rows: which of them to look at (m).
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    likely = numpy.full((len(rows), right.shape[1]), _RARE)
    # A question counts once for each response that it may have, by how likely that is.
    questions, responses = numpy.nonzero(right > _UNLIKELY)
    classes = numpy.unique(responses)
    if len(classes) == 1:
        likely[:, classes] = 1.0
    elif len(classes) and len(rows):
        model = LogisticRegression(C=1 / _PENALTY, max_iter=1000)
        model.fit(vectors[questions], responses, sample_weight=right[questions, responses])
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            likely[block, classes] = numpy.maximum(model.predict_proba(others[rows[block]]), _RARE)
    return normalised(likely)


def normalised(likely: Reals | Bools) -> Reals:
    """Return what sums up to 1 a row (n, classes)."""
    shares: Reals = likely / likely.sum(1, keepdims=True)
    return shares


def softmax(scores: Reals) -> Reals:
    """Return probabilities (n, classes) from their logarithms, which may lack a constant a row."""
    powers = numpy.exp(scores - scores.max(1, keepdims=True))
    likely: Reals = powers / powers.sum(1, keepdims=True)
    return likely
