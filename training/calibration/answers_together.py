"""The agents' answers as one source, where it is learned which of them they give together.

It is learned where prompts tell what agents say, and little of the given responses (`em.py`). Elsewhere
there is too little to learn so much from, and `agent_answers.py` has fewer things to learn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy

from training.calibration import priors
from training.calibration.arrays import Numbers, Reals
from training.calibration.categorical import CategoricalSource, FittedCategorical

NAME = "agents"
"""What the source is called in `check.weights`, however its answers are learned from."""


@dataclass(frozen=True)
class AnswersTogether(CategoricalSource):
    """All that agents say together, as patterns.

    Args:
        said: what each agent says, by pattern (agents, patterns).
    """

    said: Numbers = field(default_factory=lambda: numpy.zeros((0, 0), dtype=numpy.int64))

    def fit(self, posterior: Reals, rows: Numbers) -> "FittedTogether":
        """Return each pattern's probability for each response that may be right."""
        return FittedTogether(self, super().fit(posterior, rows).logarithms)

    def apply(self, learned: Mapping[str, Reals]) -> "FittedTogether":
        """Return the source with what was learned of other samples; see `LabelSource`.

        A pattern that was never seen says what is believed of agents at first.
        """
        size = len(self.prior) // max(self.said.shape[1], 1)
        known = {tuple(pattern): number for number, pattern in enumerate(learned["said"].T.tolist())}
        table = learned["logarithms"].reshape(size, len(known))
        named = (self.said[None] == numpy.arange(size)[:, None, None]).sum(1)
        logarithms = numpy.log(priors.LIFT) * named
        for number, pattern in enumerate(self.said.T.tolist()):
            if tuple(pattern) in known:
                logarithms[:, number] = table[:, known[tuple(pattern)]]
        return FittedTogether(self, logarithms.ravel())


@dataclass(frozen=True)
class FittedTogether(FittedCategorical):
    """The source, with each pattern's logarithm for each response that may be right."""

    source: AnswersTogether

    @property
    def learned(self) -> Mapping[str, Reals]:
        """What was learned, and of which patterns."""
        return {"said": self.source.said.astype(numpy.float64), "logarithms": self.logarithms}


def answers_together(answers: Numbers, size: int) -> AnswersTogether:
    """Return a source whose patterns are all that agents say together, a group for each response.

    An example with two classes: ("0", "0") and ("0", "1") are two patterns of what two agents say. Each
    has one probability where response 0 is right and another where response 1 is.
    """
    said = numpy.where(answers < 0, size, answers)
    patterns, seen, times = numpy.unique(said, axis=1, return_inverse=True, return_counts=True)
    candidates = numpy.arange(size)
    # How many agents name a candidate (candidates, patterns).
    named = (patterns[:, None] == candidates[None, :, None]).sum(0)
    prior = times / times.sum() * priors.LIFT**named
    prior = priors.CONFUSION_WEIGHT * (1 + size) * prior / prior.sum(1, keepdims=True)
    numbers = candidates[None] * len(times) + seen.ravel()[:, None]
    groups = numpy.repeat(candidates, len(times))
    beliefs = prior.ravel()
    share = priors.AGENTS_SHARE
    return AnswersTogether(NAME, numbers, groups, beliefs, share=share, said=patterns)
