"""The agents' answers as a source: agents that copy, know or guess.

In crowdsourcing's words each agent is an annotator, and how far it can be trusted is its skill. Agents of one
model err together: as two sources they would outvote the given response. So all of them are one source.

An agent copies the one before it, or knows the right response, or guesses. A guess is judged by how often
its place is guessed at all, as in Zhao et al. (2021, "Calibrate Before Use"): that agents agree says
little where their guesses favour the same place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy

from training.calibration import priors
from training.calibration.answers_together import NAME, AnswersTogether, answers_together
from training.calibration.arrays import Numbers, Reals
from training.calibration.label_matrix import LabelMatrix


class AgentSkill(NamedTuple):
    """How often an agent copies, knows where it does not copy, and guesses each place (k) otherwise."""

    copies: float
    knows: float
    places: Reals


@dataclass(frozen=True)
class AgentSource:
    """Answers of agents that were asked one after the other, about n samples.

    Args:
        answers: by agent, the number of the candidate that it names, -1 for none (agents, n).
        sizes: how many responses each sample has to choose from (n).
        placed: whether a number is a place that guesses may favour; else all places are alike.
        candidates: how many the widest sample has, where that is not the largest size; else 0.
        observed: see `LabelSource`.
    """

    answers: Numbers
    sizes: Numbers
    placed: bool
    candidates: int = 0
    observed: bool = True
    name: str = NAME
    share: float = priors.AGENTS_SHARE

    def fit(self, posterior: Reals, rows: Numbers) -> "FittedAgents":
        """Return each agent's skill, told from what is believed to be right.

        Args:
            posterior: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """
        skills = []
        for answers, before in zip(self.answers[:, rows], self._before[:, rows], strict=True):
            said = answers >= 0
            cell = _context(answers, before)[said], answers[said]
            hits, misses = numpy.zeros((2, 3, posterior.shape[1]))
            numpy.add.at(hits, cell, posterior[said, answers[said]])
            numpy.add.at(misses, cell, 1 - posterior[said, answers[said]])
            alike = None if self.placed else float((1 / self.sizes[rows]).mean())
            skills.append(_fit_skill(hits, misses, alike))
        return FittedAgents(self, skills)

    def apply(self, learned: Mapping[str, Reals]) -> "FittedAgents":
        """Return the source with what was learned of other samples; see `LabelSource`."""
        copies, knows, places = learned["copies"], learned["knows"], learned["places"]
        if not len(copies) == len(knows) == len(places) == len(self.answers) or places.ndim != 2:
            raise ValueError(f"there are {len(self.answers)} agents, not {len(copies)}")
        # A place that no sample had before is guessed as seldom as any.
        more = numpy.repeat(places.min(1, keepdims=True), max(self.width - places.shape[1], 0), 1)
        known = zip(copies, knows, numpy.hstack([places, more]), strict=True)
        return FittedAgents(self, [AgentSkill(float(one), float(two), at) for one, two, at in known])

    def log_likelihood(self, skills: list[AgentSkill], rows: Numbers) -> Reals:
        """Return the log-probability of the answers, were each candidate right (m, candidates)."""
        joint = numpy.zeros((len(rows), self.width))
        candidates = numpy.arange(joint.shape[1])
        for answers, before, skill in zip(self.answers[:, rows], self._before[:, rows], skills, strict=True):
            copied = numpy.array([0.0, skill.copies, skill.copies])[_context(answers, before)]
            guess = skill.places[answers] if self.placed else 1 / self.sizes[rows]
            own = (1 - skill.knows) * guess[:, None] + skill.knows * (answers[:, None] == candidates)
            likely = (1 - copied)[:, None] * own + (copied * (answers == before))[:, None]
            joint += numpy.where(answers[:, None] >= 0, numpy.log(likely + 1e-12), 0.0)
        return joint

    @property
    def width(self) -> int:
        """How many candidates the sample with the most of them has."""
        return self.candidates or int(self.sizes.max())

    @cached_property
    def _before(self) -> Numbers:
        """What each agent may have copied: the last answer before its own, or -1 (agents, n)."""
        before = numpy.full(self.answers.shape, -1)
        for agent in range(1, len(before)):
            earlier = self.answers[agent - 1]
            before[agent] = numpy.where(earlier >= 0, earlier, before[agent - 1])
        return before


@dataclass(frozen=True)
class FittedAgents:
    """The source, with each agent's skill."""

    source: AgentSource
    skills: list[AgentSkill]

    def log_likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of the answers, were each candidate right (m, candidates)."""
        return self.source.log_likelihood(self.skills, rows)

    @property
    def learned(self) -> Mapping[str, Reals]:
        """What was learned: by agent, how often it copies and knows, and which places it guesses."""
        return {
            "copies": numpy.array([skill.copies for skill in self.skills]),
            "knows": numpy.array([skill.knows for skill in self.skills]),
            "places": numpy.stack([skill.places for skill in self.skills]),
        }

    @property
    def log_prior(self) -> float:
        """The logarithm of the prior belief in what was learned."""
        total = 0.0
        for skill in self.skills:
            for share, prior in ((skill.copies, priors.COPIES), (skill.knows, priors.KNOWS)):
                total += float(numpy.array(prior) @ numpy.log(numpy.array([share, 1 - share]) + 1e-12))
            if self.source.placed:
                total += priors.PLACE * float(numpy.log(skill.places).sum())
        return total


def agents(matrix: LabelMatrix, confusion: bool) -> AgentSource | AnswersTogether | None:
    """Return the agents' answers as a source; None where no agent was asked."""
    if not matrix.answers:
        return None
    answers = numpy.stack(list(matrix.answers.values()))
    if confusion:
        return answers_together(answers, matrix.width)
    return AgentSource(answers, matrix.choices, matrix.has_places, matrix.width)


def _context(answers: Numbers, before: Numbers) -> Numbers:
    """Return 0 where there was nothing to copy, 1 where something else was, 2 where the same was."""
    return numpy.where(before < 0, 0, 1 + (answers == before))


def _fit_skill(hits: Reals, misses: Reals, alike: float | None) -> AgentSkill:
    """Return an agent's likeliest skill, by expectation-maximisation.

    Args:
        hits: how many of its answers are right, by context and place (3, k).
        misses: how many are wrong.
        alike: the probability of a guess; None to learn that of each place.
    """
    size = hits.shape[1]
    places = numpy.full(size, 1 / size if alike is None else alike)
    skill = AgentSkill(priors.FIRST_COPIES, priors.FIRST_KNOWS, places)
    could_copy = hits[1:].sum() + misses[1:].sum()
    for _ in range(priors.SKILL_ITERATIONS):
        copied = numpy.array([0.0, 0.0, skill.copies])[:, None]
        own = numpy.array([1.0, 1 - skill.copies, 1 - skill.copies])[:, None]
        guessed = own * (1 - skill.knows) * skill.places
        known = own * skill.knows
        right = hits / (known + guessed + copied + 1e-12)
        wrong = misses / (guessed + copied + 1e-12)
        knew = float((right * known).sum())
        guesses = ((right + wrong) * guessed).sum(0)
        copies = float(((right + wrong) * copied).sum())
        before = skill
        if alike is None:
            places = (guesses + priors.PLACE) / (guesses.sum() + priors.PLACE * size)
        skill = AgentSkill(
            (copies + priors.COPIES[0]) / (could_copy + sum(priors.COPIES)),
            (knew + priors.KNOWS[0]) / (knew + float(guesses.sum()) + sum(priors.KNOWS)),
            places,
        )
        if abs(skill.knows - before.knows) + abs(skill.copies - before.copies) < priors.SKILL_CHANGE:
            break
    return skill
