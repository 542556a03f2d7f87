"""A source that says one of a few things about each sample, each with a probability that is learned."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from training.calibration.arrays import Numbers, Reals


@dataclass(frozen=True)
class CategoricalSource:
    """A source whose observation is a pattern, which depends on the candidate that is taken to be right.

    Of a judge, say: pattern 0 is "noisy, where the given response is wrong", pattern 2 "noisy, where it is
    right". Those two are not alternatives to each other, so that they belong to different groups. The
    patterns of a group exclude each other, and their probabilities sum up to 1.

    Args:
        name: of the source.
        patterns: the number of the pattern that was observed, were each candidate right (n, candidates).
        groups: the group of each pattern (patterns).
        prior: how many samples of each pattern are believed to be seen already (patterns).
        alternatives: the logarithm of how many observations a pattern stands for (n, candidates). None where
            each stands for one.
        share: see `LabelSource`.
        leads: see `LabelSource`.
        observed: whether anything was observed; a source that observed nothing is not learned from.
    """

    name: str
    patterns: Numbers
    groups: Numbers
    prior: Reals
    alternatives: Reals | None = None
    share: float = 1.0
    leads: bool = False
    observed: bool = True

    def fit(self, posterior: Reals, rows: Numbers) -> "FittedCategorical":
        """Return each pattern's probability in its group, counted where candidates are believed to be right.

        Args:
            posterior: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """
        seen = self.patterns[rows].ravel()
        counts = numpy.bincount(seen, posterior.ravel(), minlength=len(self.prior)) + self.prior
        return FittedCategorical(self, numpy.log(counts / numpy.bincount(self.groups, counts)[self.groups]))

    def apply(self, learned: Mapping[str, Reals]) -> "FittedCategorical":
        """Return the source with what was learned from other samples; see `LabelSource`."""
        logarithms = learned["logarithms"]
        if logarithms.shape != self.prior.shape:
            raise ValueError(f"{self.name} has {len(self.prior)} patterns, not {logarithms.shape}")
        return FittedCategorical(self, logarithms)


@dataclass(frozen=True)
class FittedCategorical:
    """The source, with the logarithm of each pattern's probability in its group (patterns)."""

    source: CategoricalSource
    logarithms: Reals

    def log_likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of what was observed, were each candidate right (m, candidates)."""
        likely: Reals = self.logarithms[self.source.patterns[rows]]
        return likely if self.source.alternatives is None else likely - self.source.alternatives[rows]

    @property
    def learned(self) -> Mapping[str, Reals]:
        """What was learned: the logarithms."""
        return {"logarithms": self.logarithms}

    @property
    def log_prior(self) -> float:
        """The logarithm of the prior belief in what was learned."""
        return float(self.source.prior @ self.logarithms)
