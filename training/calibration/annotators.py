"""What agents' answers tell: an agent copies the one before it, or knows the right response, or guesses.

That agents agree says little where they copy, or where their guesses favour the same place among the options.
A guess is judged by how often its place is guessed at all, as in Zhao et al. (2021, "Calibrate Before Use").
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy

from training.calibration.question_classifier import Numbers, Reals

_ITERATIONS = 50
_STILL = 1e-4
# Prior beliefs, in samples. An agent may know nothing, and seldom copies most of its answers.
_KNOWS = (0.2, 0.1)
_COPIES = (0.5, 3.0)
_PLACE = 1.0


class _Habits(NamedTuple):
    """How often an agent copies, knows where it does not copy, and guesses each place (k) where neither."""

    copies: float
    knows: float
    places: Reals


@dataclass(frozen=True)
class AnswersView:
    """Answers of agents that were asked one after the other, about n samples.

    Args:
        name: of the view.
        answers: by agent, the number of the candidate that it names, -1 for none of them (agents, n).
        sizes: how many candidates each sample has (n).
        placed: whether a number is a place that guesses may favour; else they are all alike.
    """

    name: str
    answers: Numbers
    sizes: Numbers
    placed: bool

    def learn(self, right: Reals, rows: Numbers) -> "LearnedAnswers":
        """Return how far each agent is to be trusted, told from what is believed to be right.

        Args:
            right: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """
        habits = []
        for answers, before in zip(self.answers[:, rows], self._before[:, rows], strict=True):
            said = answers >= 0
            cell = _context(answers, before)[said], answers[said]
            hits, misses = numpy.zeros((2, 3, right.shape[1]))
            numpy.add.at(hits, cell, right[said, answers[said]])
            numpy.add.at(misses, cell, 1 - right[said, answers[said]])
            alike = None if self.placed else float((1 / self.sizes[rows]).mean())
            habits.append(_learn_habits(hits, misses, alike))
        return LearnedAnswers(self, habits)

    def likelihood(self, habits: list[_Habits], rows: Numbers) -> Reals:
        """Return the log-probability of the answers, were each candidate right (m, candidates)."""
        joint = numpy.zeros((len(rows), int(self.sizes.max())))
        candidates = numpy.arange(joint.shape[1])
        for answers, before, habit in zip(self.answers[:, rows], self._before[:, rows], habits, strict=True):
            copied = numpy.array([0.0, habit.copies, habit.copies])[_context(answers, before)]
            guess = habit.places[answers] if self.placed else 1 / self.sizes[rows]
            own = (1 - habit.knows) * guess[:, None] + habit.knows * (answers[:, None] == candidates)
            likely = (1 - copied)[:, None] * own + (copied * (answers == before))[:, None]
            joint += numpy.where(answers[:, None] >= 0, numpy.log(likely + 1e-12), 0.0)
        return joint

    @cached_property
    def _before(self) -> Numbers:
        """What each agent may have copied: the last answer before its own, -1 for none (agents, n)."""
        before = numpy.full(self.answers.shape, -1)
        for agent in range(1, len(before)):
            earlier = self.answers[agent - 1]
            before[agent] = numpy.where(earlier >= 0, earlier, before[agent - 1])
        return before


@dataclass(frozen=True)
class LearnedAnswers:
    """The view, with what was learned of each agent."""

    view: AnswersView
    habits: list[_Habits]

    def likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of the answers, were each candidate right (m, candidates)."""
        return self.view.likelihood(self.habits, rows)

    @property
    def belief(self) -> float:
        """The logarithm of the prior belief in what was learned."""
        total = 0.0
        for habit in self.habits:
            for share, prior in ((habit.copies, _COPIES), (habit.knows, _KNOWS)):
                total += float(numpy.array(prior) @ numpy.log(numpy.array([share, 1 - share]) + 1e-12))
            if self.view.placed:
                total += _PLACE * float(numpy.log(habit.places).sum())
        return total


def _context(answers: Numbers, before: Numbers) -> Numbers:
    """Return 0 where there was nothing to copy, 1 where something else was, 2 where the same was."""
    return numpy.where(before < 0, 0, 1 + (answers == before))


def _learn_habits(hits: Reals, misses: Reals, alike: float | None) -> _Habits:
    """Return an agent's likeliest habits, by expectation-maximisation.

    Args:
        hits: how many of its answers are right, by context and place (3, k).
        misses: how many are wrong.
        alike: the probability of a guess; None to learn that of each place.
    """
    size = hits.shape[1]
    habits = _Habits(0.2, 0.5, numpy.full(size, 1 / size if alike is None else alike))
    could_copy = hits[1:].sum() + misses[1:].sum()
    for _ in range(_ITERATIONS):
        copied = numpy.array([0.0, 0.0, habits.copies])[:, None]
        own = numpy.array([1.0, 1 - habits.copies, 1 - habits.copies])[:, None]
        guessed = own * (1 - habits.knows) * habits.places
        known = own * habits.knows
        right = hits / (known + guessed + copied + 1e-12)
        wrong = misses / (guessed + copied + 1e-12)
        knew = float((right * known).sum())
        guesses = ((right + wrong) * guessed).sum(0)
        copies = float(((right + wrong) * copied).sum())
        before = habits
        places = (guesses + _PLACE) / (guesses.sum() + _PLACE * size) if alike is None else habits.places
        habits = _Habits(
            (copies + _COPIES[0]) / (could_copy + sum(_COPIES)),
            (knew + _KNOWS[0]) / (knew + float(guesses.sum()) + sum(_KNOWS)),
            places,
        )
        if abs(habits.knows - before.knows) + abs(habits.copies - before.copies) < _STILL:
            break
    return habits
