"""Whether a model knows anything about the labels it is to check, told without gold.

Noise takes labels away from a model's answers, but a model that knows something still meets them more often
than one that guesses. Where it does not, no verdict of its own can be relied on.
"""

import math

from stores.records import Agreement

_FEWEST = 30
_DEVIATIONS = 2.0


class AgreementTally:
    """Counts one sample at a time, of those whose answers can be compared."""

    def __init__(self) -> None:
        self._n = 0
        self._agreed = 0
        self._expected = 0.0
        self._variance = 0.0

    def add(self, *, agreed: bool, options: int) -> None:
        """Count one sample.

        Args:
            agreed: whether the view says what was given.
            options: how many there are to choose from, classes as well; 0 where the answer is open, which
                nobody guesses.
        """
        chance = 1 / options if options else 0.0
        self._n += 1
        self._agreed += agreed
        self._expected += chance
        self._variance += chance * (1 - chance)

    def report(self) -> Agreement | None:
        """Return what was counted; None where it is too little to tell."""
        if self._n < _FEWEST:
            return None
        more = self._agreed - self._expected
        return Agreement(
            n=self._n,
            agreed=self._agreed / self._n,
            by_chance=self._expected / self._n,
            above_chance=more > _DEVIATIONS * math.sqrt(self._variance),
        )
