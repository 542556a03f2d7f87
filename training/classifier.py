"""What a question tells about its right response, learned from what is believed of all other questions."""

import numpy
from numpy.typing import NDArray

Reals = NDArray[numpy.float64]

# Of the squared weights. Vectors have length 1, so that it stands for so many samples against a weight of 1.
_RIDGE = 1.0
_SHARPNESS = numpy.concatenate([[0.0], numpy.geomspace(0.3, 30, 25)])


class QuestionClassifier:
    """Ridge regression on the questions' vectors, with every question left out of its own prediction.

    The leaving-out has a closed form, so that all of it is two matrix products a fit: the classifier is
    fitted a hundred times over.

    Args:
        vectors: one a question (n, d), of length 1.
    """

    def __init__(self, vectors: Reals) -> None:
        centred = vectors - vectors.mean(0)
        self._vectors = numpy.column_stack([centred, numpy.ones(len(vectors))])
        penalty = numpy.full(self._vectors.shape[1], _RIDGE)
        penalty[-1] = 1e-6
        square = self._vectors.T @ self._vectors + numpy.diag(penalty)
        self._solved = numpy.linalg.solve(square, self._vectors.T)
        self._own = numpy.einsum("ij,ji->i", self._vectors, self._solved)[:, None]

    def predict(self, right: Reals) -> Reals:
        """Return each question's probabilities (n, classes), from all other questions' (n, classes)."""
        fitted = self._vectors @ (self._solved @ right)
        scores = (fitted - self._own * right) / (1 - self._own)
        share = (right.sum(0) + 1) / (len(right) + right.shape[1])
        # Scores shrink towards the shares, the more the less the questions tell: they are stretched to fit.
        candidates = (_softmax(numpy.log(share) + sharp * (scores - share)) for sharp in _SHARPNESS)
        return max(candidates, key=lambda likely: float((right * numpy.log(likely + 1e-12)).sum()))


def _softmax(scores: Reals) -> Reals:
    powers = numpy.exp(scores - scores.max(1, keepdims=True))
    likely: Reals = powers / powers.sum(1, keepdims=True)
    return likely
