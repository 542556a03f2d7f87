"""What a question tells about its right response, learned from what is believed of all other questions."""

import numpy
from numpy.typing import NDArray

Numbers = NDArray[numpy.int64]
Reals = NDArray[numpy.float64]
Vectors = NDArray[numpy.float32] | NDArray[numpy.float64]

# Of the squared weights. Vectors have length 1, so that it stands for so many samples against a weight of 1.
_RIDGE = 1.0
_BLOCK = 10_000
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
        scores, share, sharp = self._left_out(right)
        return softmax(numpy.log(share) + sharp * (scores - share))

    def predict_others(self, vectors: Vectors, rows: Numbers, right: Reals) -> Reals:
        """Return the probabilities of questions that it was not made of (m, classes).

        Args:
            vectors: one a question; read in blocks, so that they may lie on disk.
            rows: which of them to look at (m).
            right: what is believed of the questions it was made of (n, classes).
        """
        _, share, sharp = self._left_out(right)
        weights = self._solved @ right
        found = [numpy.zeros((0, right.shape[1]))]
        for start in range(0, len(rows), _BLOCK):
            scores = self._prepare(vectors[rows[start : start + _BLOCK]]) @ weights
            found.append(softmax(numpy.log(share) + sharp * (scores - share)))
        return numpy.concatenate(found)

    def _left_out(self, right: Reals) -> tuple[Reals, Reals, float]:
        """Return the scores without each question's own part, the classes' shares, and how far to stretch.

        Scores shrink towards the shares, the more the less the questions tell: they are stretched away.
        """
        scores = (self._vectors @ (self._solved @ right) - self._own * right) / (1 - self._own)
        share = (right.sum(0) + 1) / (len(right) + right.shape[1])

        def fit(sharp: float) -> float:
            likely = softmax(numpy.log(share) + sharp * (scores - share))
            return float((right * numpy.log(likely + 1e-12)).sum())

        return scores, share, max(_SHARPNESS, key=fit)

    def _prepare(self, vectors: Vectors) -> Reals:
        return numpy.column_stack([vectors - self._mean, numpy.ones(len(vectors))])


def softmax(scores: Reals) -> Reals:
    """Return probabilities (n, classes) from their logarithms, which may lack a constant a row."""
    powers = numpy.exp(scores - scores.max(1, keepdims=True))
    likely: Reals = powers / powers.sum(1, keepdims=True)
    return likely
