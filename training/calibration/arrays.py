"""The array types of the calibrated checker, and the three operations that its modules share."""

import numpy
from numpy.typing import NDArray

Bools = NDArray[numpy.bool_]
Numbers = NDArray[numpy.int64]
Reals = NDArray[numpy.float64]
Vectors = NDArray[numpy.float32] | NDArray[numpy.float64]


def one_hot(numbers: Numbers, size: int) -> Reals:
    """Return a row of zeros for each number, with a 1 at its place (n, size); -1 has no 1."""
    return numpy.asarray(numbers[:, None] == numpy.arange(size)[None], dtype=numpy.float64)


def normalised(likely: Reals | Bools) -> Reals:
    """Return rows that sum up to 1 (n, classes)."""
    shares: Reals = likely / likely.sum(1, keepdims=True)
    return shares


def softmax(scores: Reals) -> Reals:
    """Return probabilities (n, classes) from their logarithms, which may lack a constant a row."""
    powers = numpy.exp(scores - scores.max(1, keepdims=True))
    likely: Reals = powers / powers.sum(1, keepdims=True)
    return likely
