"""What prompts tell where there are hundreds or thousands of classes: a few candidates of each sample.

Weighing every class for every sample would take arrays of samples times classes. But only a few classes can
be right: what was named, and what similar prompts suggest. So each sample has candidates of its own, as with
open prompts. The last stands for any other response.

| 150 classes; "refund" given; agents say "lost card", "refund" | number | what prompts tell |
| -------------------------------------------------------------- | ------ | ----------------- |
| refund                                                         | 0      | .02               |
| lost card                                                      | 1      | .61               |
| stolen card, which similar prompts suggest                     | 2      | .22               |
| ... and so on, up to `priors.CANDIDATES_OF_MANY`               |        |                   |
| any other                                                      | 9      | .01               |

The classifier is ridge regression on one-hot responses, a linear discriminant, with a model a fold. It is
solved at once for all classes. Its scores shrink towards the classes' shares, and are stretched back as far
as is likeliest, as in `prompt_classifier.py`.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy

from training.calibration import priors
from training.calibration.arrays import Numbers, Reals, Vectors, places_of, softmax
from training.calibration.label_matrix import LabelMatrix

OTHER = -2
"""The number of the candidate that is any other response."""


class Candidates(NamedTuple):
    """The samples' own candidates.

    Args:
        matrix: the label matrix, a response's number being its place among the sample's candidates.
        numbers: the response of each candidate in the label space (n, candidates): `OTHER`, or -1 for none.
    """

    matrix: LabelMatrix
    numbers: Numbers


@dataclass(frozen=True)
class ManyClasses:
    """What prompts tell of many classes, and of a response that is none of them, which comes last.

    Args:
        weights: of a vector's numbers, and of the constant 1 (folds, d + 1, classes + 1), 4 bytes each.
        shares: how often each response is right (classes + 1).
        sharpness: how far predictions are stretched away from the shares.
    """

    weights: Vectors
    shares: Reals
    sharpness: float

    @classmethod
    def learn(
        cls, vectors: Vectors, numbers: Numbers, likely: Reals, folds: Numbers, classes: int
    ) -> "ManyClasses":
        """Learn from what is believed of each prompt.

        Args:
            vectors: one a prompt (n, d), of length 1.
            numbers: its candidates in the label space (n, k); negative ones teach nothing.
            likely: how likely each is to be right (n, k).
            folds: the fold of each prompt (n).
            classes: how many there are.
        """
        rows, places = numpy.nonzero((numbers >= 0) & (likely > priors.UNLIKELY))
        taught, counts = numpy.minimum(numbers[rows, places], classes), likely[rows, places]
        seen = numpy.bincount(taught, counts, minlength=classes + 1) + 1.0
        shares = numpy.asarray(seen / seen.sum(), dtype=numpy.float64)
        full = numpy.column_stack([vectors, numpy.ones(len(vectors), dtype=vectors.dtype)])
        penalty = numpy.full(full.shape[1], priors.RIDGE)
        penalty[-1] = priors.RIDGE_OF_INTERCEPT
        weights = []
        for fold in range(priors.FOLDS):
            inside = full[folds != fold].astype(numpy.float64)
            square = inside.T @ inside + numpy.diag(penalty)
            known = folds[rows] != fold
            sums = _summed(full, rows[known], taught[known], counts[known], classes + 1)
            weights.append(numpy.linalg.solve(square, sums.T).astype(numpy.float32))
        flat = cls(numpy.stack(weights), shares, 0.0)
        return replace(flat, sharpness=flat._likeliest(vectors, folds, rows, taught, counts))

    def predict(self, vectors: Vectors, folds: Numbers) -> Reals:
        """Return each prompt's probabilities (n, classes + 1), from the model of its own fold."""
        return softmax(self._stretched(self._scores(vectors, folds), self.sharpness))

    def tells(self, vectors: Vectors, folds: Numbers, given: Numbers) -> float:
        """Return by how many nats prompts predict responses (n) better than the shares do."""
        total = 0.0
        for block in _blocks(len(given), len(self.shares)):
            likely = self.predict(vectors[block], folds[block])
            said = numpy.minimum(given[block], len(self.shares) - 1)
            valid = numpy.flatnonzero(said >= 0)
            total += float((numpy.log(likely[valid, said[valid]] / self.shares[said[valid]])).sum())
        return total

    def candidates(self, matrix: LabelMatrix, vectors: Vectors, more: Numbers | None = None) -> Candidates:
        """Return the candidates of samples, with what prompts tell of each.

        Args:
            matrix: in numbers of the label space.
            vectors: one a prompt (n, d).
            more: further responses that were named (n); -1 for none.
        """
        named = named_candidates(matrix, more)
        most = max(priors.CANDIDATES_OF_MANY, named.shape[1] + 1)
        folds = _folds(matrix)
        numbers, told = numpy.full((len(matrix), most), -1), numpy.zeros((len(matrix), most))
        for block in _blocks(len(matrix), len(self.shares)):
            likely = self.predict(vectors[block], folds[block])
            numbers[block], told[block] = _suggested(named[block], likely, most)
        return _placed(matrix, numbers, told, len(self.shares) - 1)

    def _scores(self, vectors: Vectors, folds: Numbers) -> Vectors:
        scores = numpy.zeros((len(vectors), len(self.shares)), dtype=numpy.float32)
        for fold in range(priors.FOLDS):
            rows = numpy.flatnonzero(folds == fold)
            scores[rows] = vectors[rows] @ self.weights[fold][:-1] + self.weights[fold][-1]
        return scores

    def _stretched(self, scores: Vectors, sharp: float) -> Reals:
        stretched: Reals = numpy.log(self.shares) + sharp * (scores - self.shares)
        return stretched

    def _likeliest(
        self, vectors: Vectors, folds: Numbers, rows: Numbers, taught: Numbers, counts: Reals
    ) -> float:
        """Return the sharpness that makes what was taught likeliest, told from a few prompts."""
        few = rows < priors.SHARPENED_ON
        if not few.any():
            return 0.0
        size = int(rows[few].max()) + 1
        scores = self._scores(vectors[:size], folds[:size])

        def fit(sharp: float) -> float:
            likely = softmax(self._stretched(scores, sharp))
            return float((counts[few] * numpy.log(likely[rows[few], taught[few]] + 1e-12)).sum())

        return max(priors.SHARPNESS_OF_MANY, key=fit)


def named_candidates(matrix: LabelMatrix, more: Numbers | None = None) -> Numbers:
    """Return what was named of each sample, each response once and -1 for none (n, named)."""
    further = [column for column in (more, matrix.trusted) if column is not None]
    columns = [matrix.given, *matrix.answers.values(), *further]
    # As many of a sample whatever others are decided with it.
    most = max(priors.OPEN_CANDIDATES - 1, len(columns))
    if matrix.annotations is not None:
        columns += [*matrix.annotations.named(len(matrix)).T]
    named = numpy.column_stack(columns)
    for column in range(1, named.shape[1]):
        repeated = (named[:, :column] == named[:, column : column + 1]).any(1)
        named[repeated, column] = -1
    return _compact(named)[:, :most]


def open_candidates(matrix: LabelMatrix, more: Numbers | None = None) -> Candidates:
    """Return the candidates of samples whose prompts tell nothing: what was named, as with open prompts."""
    named = named_candidates(matrix, more)
    most = max(priors.OPEN_CANDIDATES, named.shape[1] + 1)
    numbers = numpy.full((len(matrix), most), OTHER)
    numbers[:, : named.shape[1]] = numpy.where(named < 0, OTHER, named)
    return _placed(matrix, numbers, None, 0)


def _summed(full: Vectors, rows: Numbers, taught: Numbers, counts: Reals, size: int) -> Reals:
    """Return the sums of the vectors that teach each response (size, d)."""
    order = numpy.argsort(taught, kind="stable")
    starts = numpy.flatnonzero(numpy.diff(taught[order], prepend=-1))
    sums = numpy.zeros((size, full.shape[1]))
    if len(order):
        weighed = full[rows[order]] * counts[order, None]
        sums[taught[order][starts]] = numpy.add.reduceat(weighed, starts)
    return sums


def _suggested(named: Numbers, likely: Reals, most: int) -> tuple[Numbers, Reals]:
    """Return candidates and what prompts tell of them (n, most each): named ones, likely ones, any other."""
    size = likely.shape[1] - 1
    every = numpy.arange(len(named))[:, None]
    classes = numpy.where((named >= 0) & (named < size), named, size)
    free = likely.copy()
    free[every, classes] = -1.0
    free[:, size] = -1.0
    count = min(most - 1, size)
    best = numpy.argpartition(-free, count - 1, axis=1)[:, :count]
    best = numpy.take_along_axis(best, numpy.argsort(-free[every, best], axis=1, kind="stable"), axis=1)
    best = numpy.where(free[every, best] < 0, -1, best)
    numbers = _compact(numpy.hstack([named, best]))[:, : most - 1]
    none = (named >= size).sum(1, keepdims=True) + 1
    told = numpy.where(numbers >= size, likely[:, size:] / none, likely[every, numpy.clip(numbers, 0, size)])
    told = numpy.where(numbers < 0, 0.0, numpy.maximum(told, priors.RAREST_OF_MANY))
    other = numpy.maximum(1 - told.sum(1, keepdims=True), priors.RAREST_OF_MANY)
    numbers, told = numpy.hstack([numbers, numpy.full_like(none, -1)]), numpy.hstack([told, 0 * other])
    last = (numbers >= 0).sum(1, keepdims=True)
    numpy.put_along_axis(numbers, last, OTHER, axis=1)
    numpy.put_along_axis(told, last, other, axis=1)
    return numbers, told / told.sum(1, keepdims=True)


def _placed(matrix: LabelMatrix, numbers: Numbers, told: Reals | None, classes: int) -> Candidates:
    """Return a label matrix whose numbers are places among the candidates (n, candidates)."""
    sizes = numpy.count_nonzero(numbers != -1, axis=1)
    answers = {name: places_of(numbers, said) for name, said in matrix.answers.items()}
    width = numbers.shape[1]
    placed = replace(
        matrix,
        given=places_of(numbers, matrix.given),
        answers=answers,
        sizes=sizes,
        prompts=None,
        told=told,
        trusted=None if matrix.trusted is None else places_of(numbers, matrix.trusted),
        classes=classes,
        placed=False,
        least_width=width,
        annotations=None if matrix.annotations is None else matrix.annotations.placed(numbers),
    )
    return Candidates(placed, numbers)


def _compact(numbers: Numbers) -> Numbers:
    """Return rows with their -1 at the end (n, k)."""
    order = numpy.argsort(numbers < 0, axis=1, kind="stable")
    return numpy.take_along_axis(numbers, order, axis=1)


def _folds(matrix: LabelMatrix) -> Numbers:
    if matrix.folds is None:
        raise ValueError("samples of many classes need their folds")
    return matrix.folds


def _blocks(size: int, classes: int) -> list[slice]:
    at_once = max(priors.PREDICTED_AT_ONCE // classes, 1)
    return [slice(start, start + at_once) for start in range(0, size, at_once)]
