"""What a question tells about its right response, learned from what is believed of all other questions."""

import numpy
from numpy.typing import NDArray

Reals = NDArray[numpy.float64]
Vectors = NDArray[numpy.float32] | NDArray[numpy.float64]

# Of the squared weights. Vectors have length 1, so that it stands for so many samples against a weight of 1.
_RIDGE = 1.0
_BLOCK = 10_000
_SHARPNESS = numpy.concatenate([[0.0], numpy.geomspace(0.3, 30, 25)])


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
        scores = (self._vectors @ (self._solved @ right) - self._own * right) / (1 - self._own)
        share, sharp = _sharpness(scores, right)
        return _softmax(numpy.log(share) + sharp * (scores - share))

    def predict_others(self, vectors: Vectors, right: Reals) -> Reals:
        """Return the probabilities of questions that it was not made of (m, classes).

        Args:
            vectors: theirs (m, d); read in blocks, so that they may lie on disk.
            right: what is believed of the questions it was made of (n, classes).
        """
        weights = self._solved @ right
        scores = (self._vectors @ weights - self._own * right) / (1 - self._own)
        share, sharp = _sharpness(scores, right)
        found = []
        for start in range(0, len(vectors), _BLOCK):
            block = self._prepare(vectors[start : start + _BLOCK]) @ weights
            found.append(_softmax(numpy.log(share) + sharp * (block - share)))
        return numpy.concatenate(found) if found else numpy.zeros((0, right.shape[1]))

    def _prepare(self, vectors: Vectors) -> Reals:
        return numpy.column_stack([vectors - self._mean, numpy.ones(len(vectors))])


def _sharpness(scores: Reals, right: Reals) -> tuple[Reals, float]:
    """Return the classes' shares, and how far scores are to be stretched away from them.

    Scores shrink towards the shares, the more the less the questions tell.
    """
    share = (right.sum(0) + 1) / (len(right) + right.shape[1])

    def fit(sharp: float) -> float:
        likely = _softmax(numpy.log(share) + sharp * (scores - share))
        return float((right * numpy.log(likely + 1e-12)).sum())

    return share, max(_SHARPNESS.tolist(), key=fit)


def _softmax(scores: Reals) -> Reals:
    powers = numpy.exp(scores - scores.max(1, keepdims=True))
    likely: Reals = powers / powers.sum(1, keepdims=True)
    return likely
