"""What is known of a dataset's samples, as views that a label model weighs: labels, agents, a judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy

from training.calibration.annotators import AnswersView
from training.calibration.question_classifier import Bools, Numbers, Reals, Vectors

# Prior beliefs, each worth so many samples. A label is right more often than not, which a hundred samples
# overrule; an agent's answer is three times as likely where it is right, which takes some hundred a response:
# else the questions' main groups explain the answers of a weak agent better than the responses do.
_WEIGHT = 10.0
_PATTERNS = 100.0
LIFT = 3.0
NOISE = 0.3
# Where no question tells, labels that are no better than chance are less likely by so many nats.
_CHANCE = 4.5


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
        placed: whether a number is a place that an agent may favour, as with options; not for an open
            question, whose candidates are numbered as they were named.
        closed: whether a response could be none of the candidates (n), as with options; not to an open
            question. None where it could be everywhere.
    """

    given: Numbers
    answers: Mapping[str, Numbers]
    verdicts: Numbers
    sizes: Numbers
    questions: Vectors | None = None
    placed: bool = False
    closed: Bools | None = None


class Learned(Protocol):
    """A view, with what was learned of how far it can be trusted."""

    @property
    def belief(self) -> float:
        """The logarithm of the prior belief in what was learned."""

    def likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of what was observed, were each candidate right (m, candidates)."""


class View(Protocol):
    """What is observed of each sample from one side."""

    @property
    def name(self) -> str:
        """What the view is called."""

    def learn(self, right: Reals, rows: Numbers) -> Learned:
        """Return how far the view can be trusted.

        Args:
            right: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """


@dataclass(frozen=True)
class PatternView:
    """A view whose observation is, were a candidate the right one, a pattern's number (n, candidates).

    A pattern belongs to a group (patterns' groups), and a group's patterns exclude each other. `alternatives`
    is the logarithm of how many observations one stands for (n, candidates); None where it is one.
    """

    name: str
    patterns: Numbers
    groups: Numbers
    prior: Reals
    alternatives: Reals | None = None

    def learn(self, right: Reals, rows: Numbers) -> "LearnedPatterns":
        """Return each pattern's share of its group, told from what is believed to be right."""
        seen = self.patterns[rows].ravel()
        counts = numpy.bincount(seen, right.ravel(), minlength=len(self.prior)) + self.prior
        return LearnedPatterns(self, numpy.log(counts / numpy.bincount(self.groups, counts)[self.groups]))


@dataclass(frozen=True)
class LearnedPatterns:
    """The view, with the logarithm of each pattern's share of its group."""

    view: PatternView
    shares: Reals

    def likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of what was observed, were each candidate right (m, candidates)."""
        likely: Reals = self.shares[self.view.patterns[rows]]
        return likely if self.view.alternatives is None else likely - self.view.alternatives[rows]

    @property
    def belief(self) -> float:
        """The logarithm of the prior belief in what was learned."""
        return float(self.view.prior @ self.shares)


def views_of(evidence: Evidence, *, confused: bool) -> list[View]:
    """Return all views that there are of the samples.

    Args:
        evidence: about them.
        confused: learn which response is taken for which; else only how often one is wrong.
    """
    views = [_labels_of(evidence, confused), *_agents_of(evidence, confused), *_judge_of(evidence)]
    # Where it is learned which response is taken for which, none of them is one more.
    return views if confused else [*views, *_validity_of(evidence)]


def _labels_of(evidence: Evidence, confused: bool) -> View:
    size = int(evidence.sizes.max())
    given = numpy.where(evidence.given < 0, size, evidence.given)[:, None]
    candidates = numpy.arange(size)[None]
    if confused:
        prior = numpy.full((size, size + 1), _WEIGHT * NOISE / max(size - 1, 1))
        prior[:, size] = 1e-3
        prior[numpy.arange(size), numpy.arange(size)] = _WEIGHT * (1 - NOISE)
        groups = numpy.repeat(numpy.arange(size), size + 1)
        patterns = candidates * (size + 1) + given
        return PatternView("label", patterns, groups, prior.ravel())
    patterns = (given != candidates).astype(numpy.int64)
    others = numpy.log(numpy.maximum(evidence.sizes - 1, 1))[:, None]
    # Two views alone cannot tell which of them is wrong: this belief does.
    chance = 1 / max(float(evidence.sizes.mean()), 2.0)
    share = numpy.array([1 - NOISE, NOISE])
    beliefs = _CHANCE * share / (share @ numpy.log(share / numpy.array([chance, 1 - chance])))
    return PatternView("label", patterns, numpy.zeros(2, dtype=numpy.int64), beliefs, others * patterns)


def _validity_of(evidence: Evidence) -> list[View]:
    """Return the view of which labels are candidates at all, where some are not.

    How often a wrong label shows in that way is learned: where most do, those that do not are right.
    """
    stray = evidence.given[:, None] < 0
    if not stray.any():
        return []
    wrong = evidence.given[:, None] != numpy.arange(int(evidence.sizes.max()))[None]
    closed = True if evidence.closed is None else evidence.closed[:, None]
    patterns = numpy.where(closed & wrong, numpy.where(stray, 0, 1), 2)
    return [PatternView("valid", patterns, numpy.array([0, 0, 1]), numpy.ones(3))]


def _agents_of(evidence: Evidence, confused: bool) -> list[View]:
    """Return the agents' answers as one view."""
    if not evidence.answers:
        return []
    answers = numpy.stack(list(evidence.answers.values()))
    if confused:
        return [_shared_answers(answers, int(evidence.sizes.max()))]
    return [AnswersView("agents", answers, evidence.sizes, evidence.placed or evidence.questions is not None)]


def _shared_answers(answers: Numbers, size: int) -> View:
    """Return a view whose patterns are all that agents say together, for each response that may be right."""
    said = numpy.where(answers < 0, size, answers)
    patterns, seen, times = numpy.unique(said, axis=1, return_inverse=True, return_counts=True)
    candidates = numpy.arange(size)
    # How many of the agents name a candidate (candidates, patterns).
    named = (patterns[:, None] == candidates[None, :, None]).sum(0)
    prior = times / times.sum() * LIFT**named
    prior = _PATTERNS * (1 + size) * prior / prior.sum(1, keepdims=True)
    numbers = candidates[None] * len(times) + seen.ravel()[:, None]
    groups = numpy.repeat(candidates, len(times))
    return PatternView("agents", numbers, groups, prior.ravel())


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
    prior = [(1 - share) * LIFT, share, 1 - share, share * LIFT, 1.0]
    groups = numpy.array([0, 0, 1, 1, 2])
    return [PatternView("judge", patterns, groups, _WEIGHT * numpy.array(prior) + 1e-3)]


def allowed(evidence: Evidence) -> Bools:
    """Return which candidates each sample has (n, candidates)."""
    return numpy.arange(int(evidence.sizes.max()))[None] < evidence.sizes[:, None]


def one_hot(numbers: Numbers, size: int) -> Reals:
    """Return a 1 where each number is, among zeros (n, size); no 1 for -1."""
    return numpy.asarray(numbers[:, None] == numpy.arange(size)[None], dtype=numpy.float64)
