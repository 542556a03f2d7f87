"""The fit of a label model: what is right told from how far views can be trusted, and the other way round.

The agents' answers are one view, whatever they have in common: experts of one model err together, and as two
they would outvote the label. Where questions tell what agents say, those are fitted without the labels first,
wrong as they may be: begun from the labels the fit takes noise that follows a rule for the truth, and at more
than half noise it ends the wrong way round. Where questions tell less, less is learned, so that nothing is
taken for knowledge that is not: agents who guess leave the labels as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy

from training.calibration.question_classifier import (
    Bools,
    Numbers,
    QuestionClassifier,
    Reals,
    Vectors,
    normalised,
)
from training.calibration.sources import NOISE, Evidence, View, allowed, one_hot, views_of

# What is believed of each response (m, candidates) before views are looked at, told from what is right.
_Prior = Callable[[Reals], Reals]

_ITERATIONS = 120
_STILL = 1e-3
# In nats. Answers that have nothing to do with the questions are told better than this once in twenty times
# (a likelihood ratio's chi-squared test), and are no place to begin.
_TOLD = 2.0


@dataclass(frozen=True)
class Fit:
    """What a fit came to.

    Args:
        right: each response's probability to be right, of the samples that were learned from (m, candidates).
        views: what was learned from.
        by_questions: whether questions tell anything.
    """

    right: Reals
    views: Sequence[View]
    by_questions: bool


def fit_views(evidence: Evidence, rows: Numbers) -> Fit:
    """Fit the views of a dataset.

    Where questions tell what agents say, it is learned which response each view takes for which, from agents
    alone at first, beginning with their votes. Where questions tell the labels alone, that would find groups
    of questions that are nobody's responses: only how often a view is wrong is learned. Where they tell
    neither, they are no view.

    Args:
        evidence: of all samples.
        rows: the samples to learn from (m).
    """
    can_be = allowed(evidence)[rows]
    given = one_hot(evidence.given[rows], can_be.shape[1])
    trusting = normalised(can_be * (NOISE / can_be.shape[1] + (1 - NOISE) * given))
    said = [answers[rows] for answers in evidence.answers.values()]
    voted = _votes(said, can_be)
    classifier = None if evidence.questions is None else QuestionClassifier(evidence.questions[rows])
    if classifier is not None and _tells_agents(classifier, said, voted):
        views = views_of(evidence, confused=True)
        problem = _Problem(can_be, rows, views, classifier.predict)
        agents = replace(problem, views=[view for view in views if view.name == "agents"])
        return Fit(problem.solve(agents.solve(voted).right).right, views, True)
    by_questions = evidence.questions is not None and _tells_labels(evidence.questions[rows], given)
    prior = _shares if classifier is not None else _evenly(can_be)
    if classifier is not None and by_questions:
        prior = classifier.predict
    views = views_of(evidence, confused=False)
    problem = _Problem(can_be, rows, views, prior)
    found = max(map(problem.solve, (trusting, voted)), key=lambda solution: solution.score)
    return Fit(found.right, views, by_questions)


def _shares(right: Reals) -> Reals:
    """Return how often each response is right, the same for all samples (m, candidates)."""
    return numpy.broadcast_to((right.sum(0) + 1) / (len(right) + right.shape[1]), right.shape)


def _evenly(can_be: Bools) -> _Prior:
    even = normalised(can_be)
    return lambda right: even


def _votes(said: Sequence[Numbers], can_be: Bools) -> Reals:
    """Return how agents vote (m, candidates)."""
    votes = numpy.full(can_be.shape, 1e-6)
    for answers in said:
        # An answer that an agent gives to everything says little.
        share = numpy.bincount(answers[answers >= 0], minlength=can_be.shape[1]) / len(answers)
        votes += one_hot(answers, can_be.shape[1]) / numpy.maximum(share, 0.05)
    return normalised(votes * can_be)


def _tells_agents(classifier: QuestionClassifier, said: Sequence[Numbers], voted: Reals) -> bool:
    """Return whether questions tell what agents say, alone or together."""
    size = voted.shape[1]
    alone = [one_hot(numpy.where(answers < 0, size, answers), size + 1) for answers in said]
    return max(map(classifier.tells, [voted, *alone])) > _TOLD


def _tells_labels(questions: Vectors, given: Reals) -> bool:
    """Return whether questions tell the labels, of those that are candidates."""
    labelled = given.any(1)
    if not labelled.any():
        return False
    return QuestionClassifier(questions[labelled]).tells(given[labelled]) > _TOLD


@dataclass(frozen=True)
class _Solution:
    right: Reals
    score: float


@dataclass(frozen=True)
class _Problem:
    can_be: Bools
    rows: Numbers
    views: Sequence[View]
    prior: _Prior

    def solve(self, right: Reals) -> _Solution:
        """Return what is right, and how likely all of it is, from what is believed to be at first."""
        for _ in range(_ITERATIONS):
            learned = [view.learn(right, self.rows) for view in self.views]
            joint = numpy.log(self.prior(right) + 1e-12)
            for view in learned:
                joint += view.likelihood(self.rows)
            joint[~self.can_be] = -numpy.inf
            highest = joint.max(1, keepdims=True)
            total = numpy.exp(joint - highest).sum(1, keepdims=True)
            before, right = right, numpy.exp(joint - highest) / total
            if numpy.abs(right - before).max() < _STILL:
                break
        score = float((numpy.log(total) + highest).sum()) + sum(view.belief for view in learned)
        return _Solution(right, score)
