"""The array types of the calibrated checker, and the operations that its modules share."""

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


def places_of(numbers: Numbers, said: Numbers) -> Numbers:
    """Return where each number stands in a row of numbers; -1 where it is not there, or says nothing.

    Args:
        numbers: a row for each (n, candidates).
        said: one for each row (n); negative ones say nothing.
    """
    same = numbers == said[:, None]
    return numpy.where((said >= 0) & same.any(1), same.argmax(1), -1)


def robust_deviation(median_deviation: Reals) -> Reals:
    """Return the standard deviation of a normal distribution, from the median distance to its median."""
    return 1.4826 * median_deviation
