"""What several people gave as responses, as a source: annotators who err each in a way of their own.

This is Dawid and Skene's (1979) own case. Annotators are taken to be independent of each other, given what is
right: they have not seen each other's responses, and no sample is hard for all of them. Where they copy, or
err together, they are believed too much. Agents are not taken for independent (`agent_answers.py`).

Where a number means the same response everywhere, an annotator has a confusion: how often it says each class
where each is right. The confusion of few annotations shrinks to one accuracy, and the accuracy of an
annotator to that of all. Elsewhere there is an accuracy alone: the annotator is right, or says any other.

The given response is no more than what most annotators say. So where there are annotations, the source of
given responses says nothing. What cannot be learned of given responses cannot be learned of the people
either: how often all of them err. So `em.py` takes each noise rate for the true one here as well. All
annotators are then shifted alike, until so many of their annotations are wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from training.calibration import priors
from training.calibration.annotations import Annotations
from training.calibration.arrays import Numbers, Reals
from training.calibration.label_matrix import LabelMatrix

NAME = "annotators"
"""All annotators together, as `check.weights` calls them. Their own names are text of the data."""


@dataclass(frozen=True)
class CrowdSource:
    """Annotations of n samples.

    Args:
        annotations: of the samples.
        choices: how many responses each sample has to choose from (n).
        width: how many candidates the sample with the most of them has.
        shared: whether a number means the same response in every sample.
        wrong: the share of annotations that are taken to be wrong; None to learn it.
    """

    annotations: Annotations
    choices: Numbers
    width: int
    shared: bool
    wrong: float | None = None
    observed: bool = True
    name: str = NAME
    # They are the given responses, and have taught the last classifier as much.
    share: float = priors.LABEL_SHARE

    def fit(self, posterior: Reals, rows: Numbers) -> "FittedCrowd":
        """Return how often each annotator is right, and what it says where it is not.

        Args:
            posterior: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """
        some = self.annotations.of(rows)
        counts = self._counts(some, posterior)
        if counts is None:
            known = posterior[some.rows, some.said]
            hits, totals = (self._per_annotator(some, seen)[:, None] for seen in (known, 0 * known + 1))
        else:
            hits, totals = numpy.einsum("ajj->aj", counts), counts.sum(2)
        wrong, typical = self.wrong, 1 - _share(totals.sum() - hits.sum(), hits.sum(), priors.CROWD_WRONG)
        if wrong is not None:
            # All together, people are no worse than guessing. Else each of two classes could as well be
            # taken for the other.
            wrong = min(wrong, 1 - float((1 / numpy.maximum(self.choices[rows], 2)).mean()))
            typical = 1 - wrong
        prior = priors.CROWD_ACCURACY
        accuracy = (hits.sum(1) + prior * typical) / (totals.sum(1) + prior)
        belief = prior * _nearness(accuracy, typical)
        right, wrongly = accuracy[:, None], None
        if counts is not None:
            row = priors.CROWD_CONFUSION
            right = (hits + row * right) / (totals + row)
            wrongly = _errors(counts, row * (1 - accuracy))
            belief += row * _nearness(right, accuracy[:, None])
            belief += row * float(((1 - accuracy) * _evenness(wrongly)).sum())
        if wrong is not None:
            right = _shifted(right, totals + prior, wrong)
        return FittedCrowd(self, right, wrongly, belief)

    def apply(self, learned: Mapping[str, Reals]) -> "FittedCrowd":
        """Return the source with what was learned of other samples; see `LabelSource`."""
        right, wrongly = learned["right"], learned.get("wrongly")
        count, width = len(self.annotations.names), self.width
        if right.shape != (count, 1 if wrongly is None else width):
            raise ValueError(f"there are {count} annotators of {width} responses, not {right.shape}")
        if wrongly is not None and wrongly.shape != (count, width, width):
            raise ValueError(f"there are {count} annotators of {width} responses, not {wrongly.shape}")
        if right.min() <= 0 or right.max() >= 1 or (wrongly is not None and wrongly.min() < 0):
            raise ValueError("what annotators say has no probabilities")
        return FittedCrowd(self, right, wrongly, 0.0)

    def _counts(self, some: Annotations, posterior: Reals) -> Reals | None:
        """Return how often each annotator says what where what is right (annotators, width, width).

        None where a number means another response in each sample.
        """
        if not self.shared:
            return None
        size = len(some.names) * self.width
        cells = some.who * self.width + some.said
        counts: list[Reals] = [
            numpy.bincount(cells, likely[some.rows], size).astype(numpy.float64)
            for likely in numpy.ascontiguousarray(posterior.T)
        ]
        found: Reals = numpy.stack(counts, axis=1).reshape(len(some.names), self.width, -1).swapaxes(1, 2)
        return found

    @staticmethod
    def _per_annotator(some: Annotations, seen: Reals) -> Reals:
        return numpy.asarray(numpy.bincount(some.who, seen, len(some.names)), dtype=numpy.float64)


@dataclass(frozen=True)
class FittedCrowd:
    """The source, with what was learned of each annotator.

    Args:
        source: the source.
        right: how often it is right (annotators, 1), or that for each right response (annotators, width).
        wrongly: what it says in place of each right response where it is wrong (annotators, width, width).
            None where it may be any other.
        log_prior: the logarithm of the prior belief in that, beside the likeliest.
    """

    source: CrowdSource
    right: Reals
    wrongly: Reals | None
    log_prior: float

    def log_likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of the annotations, were each candidate right (m, candidates)."""
        some = self.source.annotations.of(rows)
        width = self.source.width
        if self.wrongly is None:
            right = self.right[some.who]
            others = numpy.maximum(self.source.choices[rows][some.rows] - 1, 1)[:, None]
            is_said = some.said[:, None] == numpy.arange(width)
            said = numpy.log(numpy.where(is_said, right, (1 - right) / others))
        else:
            errors = (1 - self.right)[:, :, None] * self.wrongly
            likely = errors + self.right[:, :, None] * numpy.eye(width)
            # A table of what each could say, so that a logarithm is taken once.
            said = numpy.log(likely + 1e-12).swapaxes(1, 2)[some.who, some.said]
        joint = numpy.zeros((len(rows), width))
        if len(some.rows):
            starts = numpy.flatnonzero(numpy.diff(some.rows, prepend=-1))
            joint[some.rows[starts]] = numpy.add.reduceat(said, starts)
        return joint

    @property
    def learned(self) -> Mapping[str, Reals]:
        """What was learned: how often annotators are right, and what they say elsewhere."""
        return {"right": self.right, **({} if self.wrongly is None else {"wrongly": self.wrongly})}


def crowd(matrix: LabelMatrix, confusion: bool) -> CrowdSource | None:
    """Return the people's annotations as a source; None where there are none."""
    if confusion or matrix.annotations is None:
        return None
    return CrowdSource(matrix.annotations, matrix.choices, matrix.width, matrix.prompts is not None)


def _share(seen: float, others: float, prior: tuple[float, float]) -> float:
    return float((seen + prior[0]) / (seen + others + sum(prior)))


def _errors(counts: Reals, prior: Reals) -> Reals:
    """Return what annotators say where they are wrong (annotators, width, width), 0 for what is right.

    Args:
        counts: how often each says what where what is right (annotators, width, width).
        prior: how many errors of each annotator are believed to be seen already, alike (annotators).
    """
    other = 1 - numpy.eye(counts.shape[1])
    errors = (counts + prior[:, None, None] / max(counts.shape[1] - 1, 1)) * other
    shares: Reals = errors / errors.sum(2, keepdims=True)
    return shares


def _shifted(right: Reals, totals: Reals, wrong: float) -> Reals:
    """Return how often annotators are right, once the odds of all are shifted alike to a share of errors.

    Args:
        right: how often they are right, as counted (annotators, k).
        totals: how many annotations that is about (annotators, k).
        wrong: the share of errors among all annotations.
    """
    for _ in range(priors.CROWD_SHIFTS):
        now = float((totals * (1 - right)).sum() / totals.sum())
        odds = wrong / (1 - wrong) * (1 - now) / now
        right = right / (right + odds * (1 - right))
    return right


def _nearness(shares: Reals, expected: Reals | float) -> float:
    """Return how near shares are to those expected, in nats: 0 where they are the same, else below.

    It is a beta prior beside its peak, which would else be the higher, the surer it is.
    """
    agree = expected * numpy.log(shares / expected)
    return float((agree + (1 - expected) * numpy.log((1 - shares) / (1 - expected))).sum())


def _evenness(wrongly: Reals) -> Reals:
    """Return how near errors are to being alike, in nats (annotators); see `_nearness`."""
    others = max(wrongly.shape[1] - 1, 1)
    shares = numpy.where(wrongly > 0, wrongly, 1 / others)
    return numpy.asarray(numpy.log(shares * others).sum((1, 2)) / others, dtype=numpy.float64)
