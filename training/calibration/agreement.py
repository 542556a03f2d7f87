"""Whether a model knows anything about the responses that it is to check, told without gold.

Noise makes right answers disagree with given responses. But a model that knows something still agrees with
them more often than one that guesses. Where it does not, no verdict can rest on that model alone.
"""

import math

from stores.records import Agreement
from training.calibration import priors


class AgreementTally:
    """Counts agreement, one sample at a time, of those whose answers can be compared."""

    def __init__(self) -> None:
        self._n = 0
        self._agreed = 0
        self._expected = 0.0
        self._variance = 0.0

    def add(self, *, agreed: bool, options: int) -> None:
        """Count one sample.

        Args:
            agreed: whether the view's answer agrees with the given response.
            options: how many options or classes there are to choose from; 0 where the prompt is open, whose
                answer nobody guesses.
        """
        chance = 1 / options if options else 0.0
        self._n += 1
        self._agreed += agreed
        self._expected += chance
        self._variance += chance * (1 - chance)

    def report(self) -> Agreement | None:
        """Return how often they agreed; None where too few were counted."""
        if self._n < priors.FEWEST_COMPARED:
            return None
        more = self._agreed - self._expected
        return Agreement(
            n=self._n,
            agreed=self._agreed / self._n,
            by_chance=self._expected / self._n,
            above_chance=more > priors.DEVIATIONS * math.sqrt(self._variance),
        )
