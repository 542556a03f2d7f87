"""What is known of a dataset's samples, as views that a label model weighs: labels, agents, a judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from training.classifier import Numbers, Reals, Vectors

# Prior beliefs, each worth so many samples. A label is right more often than not, and an agent's answer is
# three times as likely where it is right: weak enough to be overruled by a hundred samples.
_WEIGHT = 10.0
_LIFT = 3.0
NOISE = 0.3
# How much more the belief about labels is worth where no question tells.
_ALONE = 5.0


@dataclass(frozen=True)
class Evidence:
    """What is known of n samples. Responses are numbers from 0; -1 is one that is none of them, or missing.

    Args:
        given: the responses as given (n).
        answers: by agent, its answers (n each).
        verdicts: a judge's: 1 reliable, 0 noisy, -1 not asked (n).
        sizes: how many responses each sample can have (n); its candidates are 0 up to that.
        questions: one vector a question (n, d) where a number means the same response in every sample, so
            that questions can tell; else None. They are read in blocks, and may lie on disk.
    """

    given: Numbers
    answers: Mapping[str, Numbers]
    verdicts: Numbers
    sizes: Numbers
    questions: Vectors | None = None


@dataclass(frozen=True)
class View:
    """What a view's observation is, were a candidate the right one: a pattern's number (n, candidates).

    A pattern belongs to a group (patterns' groups), and a group's patterns exclude each other. `alternatives`
    is the logarithm of how many observations a pattern stands for.
    """

    name: str
    patterns: Numbers
    alternatives: Reals
    groups: Numbers
    prior: Reals

    def learn(self, right: Reals, rows: Numbers) -> tuple[Reals, float]:
        """Return each pattern's log-probability in its group, and the logarithm of its prior belief.

        Args:
            right: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """
        seen = self.patterns[rows].ravel()
        counts = numpy.bincount(seen, right.ravel(), minlength=len(self.prior)) + self.prior
        shares = numpy.log(counts / numpy.bincount(self.groups, counts)[self.groups])
        return shares, float(self.prior @ shares)


def views_of(evidence: Evidence) -> list[View]:
    """Return all views that there are of the samples."""
    return [_labels_of(evidence), *_agents_of(evidence), *_judge_of(evidence)]


def _labels_of(evidence: Evidence) -> View:
    """Return the view of the given responses: which is mistaken for which, or only how often one is."""
    size = int(evidence.sizes.max())
    given = numpy.where(evidence.given < 0, size, evidence.given)[:, None]
    candidates = numpy.arange(size)[None]
    if evidence.questions is not None:
        prior = numpy.full((size, size + 1), _WEIGHT * NOISE / max(size - 1, 1))
        prior[:, size] = 1e-3
        prior[numpy.arange(size), numpy.arange(size)] = _WEIGHT * (1 - NOISE)
        groups = numpy.repeat(numpy.arange(size), size + 1)
        patterns = candidates * (size + 1) + given
        return View("label", patterns, numpy.zeros(patterns.shape), groups, prior.ravel())
    patterns = (given != candidates).astype(numpy.int64)
    others = numpy.log(numpy.maximum(evidence.sizes - 1, 1))[:, None]
    # Two views alone cannot tell which of them is wrong: this belief does.
    beliefs = _ALONE * _WEIGHT * numpy.array([1 - NOISE, NOISE])
    return View("label", patterns, others * patterns, numpy.zeros(2, dtype=numpy.int64), beliefs)


def _agents_of(evidence: Evidence) -> list[View]:
    """Return the agents' answers as one view: a pattern is all they say together."""
    if not evidence.answers:
        return []
    size = int(evidence.sizes.max())
    said = [numpy.where(answers < 0, size, answers) for answers in evidence.answers.values()]
    if evidence.questions is not None:
        return [_shared_answers(said, size)]
    return [_own_answers(said, size, evidence.sizes)]


def _shared_answers(said: Sequence[Numbers], size: int) -> View:
    """Return a view whose patterns are the answers themselves, for each response that may be right."""
    patterns, seen, times = numpy.unique(numpy.stack(said), axis=1, return_inverse=True, return_counts=True)
    candidates = numpy.arange(size)
    # How many of the agents name a candidate (candidates, patterns).
    named = (patterns[:, None] == candidates[None, :, None]).sum(0)
    prior = times / times.sum() * _LIFT**named
    prior = _WEIGHT * (1 + size) * prior / prior.sum(1, keepdims=True)
    numbers = candidates[None] * len(times) + seen.ravel()[:, None]
    groups = numpy.repeat(candidates, len(times))
    return View("agents", numbers, numpy.zeros(numbers.shape), groups, prior.ravel())


def _own_answers(said: Sequence[Numbers], size: int, sizes: Numbers) -> View:
    """Return a view whose patterns say which agents are right, and which make the same mistake."""
    candidates = numpy.arange(size)[None]
    pattern = numpy.zeros((len(sizes), size), dtype=numpy.int64)
    alternatives = numpy.zeros(pattern.shape)
    for number, answers in enumerate(said):
        own = answers[:, None]
        missing = own == size
        correct = own == candidates
        repeats = numpy.zeros(pattern.shape, dtype=bool)
        for earlier in said[:number]:
            repeats |= (earlier[:, None] == own) & ~correct & ~missing
        kind = numpy.select([missing, correct, repeats], [0, 1, 2], 3)
        alternatives += numpy.where(kind == 3, numpy.log(numpy.maximum(sizes - 1 - number, 1))[:, None], 0.0)
        pattern = pattern * 4 + kind
    shape = 4 ** len(said)
    right = (numpy.indices((4,) * len(said)).reshape(len(said), shape) == 1).sum(0)
    prior = _WEIGHT * _LIFT**right / (_LIFT**right).sum()
    return View("agents", pattern, alternatives, numpy.zeros(shape, dtype=numpy.int64), prior)


def _judge_of(evidence: Evidence) -> list[View]:
    """Return the view of a judge, who speaks of the given response alone."""
    asked = evidence.verdicts >= 0
    if not asked.any():
        return []
    size = int(evidence.sizes.max())
    is_given = evidence.given[:, None] == numpy.arange(size)[None]
    # Whether it was asked says what the agents' view says already: that is no evidence, but what it said is.
    patterns = numpy.where(asked[:, None], is_given * 2 + evidence.verdicts[:, None], 4)
    share = float(evidence.verdicts[asked].mean())
    prior = [(1 - share) * _LIFT, share, 1 - share, share * _LIFT, 1.0]
    groups = numpy.array([0, 0, 1, 1, 2])
    return [View("judge", patterns, numpy.zeros(patterns.shape), groups, _WEIGHT * numpy.array(prior) + 1e-3)]


def allowed(evidence: Evidence) -> NDArray[numpy.bool_]:
    """Return which candidates each sample has (n, candidates)."""
    return numpy.arange(int(evidence.sizes.max()))[None] < evidence.sizes[:, None]


def one_hot(numbers: Numbers, size: int) -> Reals:
    """Return a 1 where each number is, among zeros (n, size); no 1 for -1."""
    return numpy.asarray(numbers[:, None] == numpy.arange(size)[None], dtype=numpy.float64)
