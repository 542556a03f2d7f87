"""The label sources: given responses, agents, people, a judge, and whether a response is valid at all.

A new source is a file with one function, as below, and its entry in `SOURCES`. The function gets the label
matrix, and whether confusion is learned. It returns a source, or None where nothing was observed. `em.py`
learns how far the source can be trusted, together with all others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

import numpy

from training.calibration import priors
from training.calibration.agent_answers import agents
from training.calibration.arrays import Numbers, Reals
from training.calibration.categorical import CategoricalSource
from training.calibration.crowd import CrowdSource, crowd
from training.calibration.label_matrix import LabelMatrix


class FittedSource(Protocol):
    """A source, with what was learned of how far it can be trusted."""

    @property
    def log_prior(self) -> float:
        """The logarithm of the prior belief in what was learned."""

    @property
    def learned(self) -> Mapping[str, Reals]:
        """What was learned, by name: all that `LabelSource.apply` needs to say the same of other samples."""

    def log_likelihood(self, rows: Numbers) -> Reals:
        """Return the log-probability of what was observed, were each candidate right (m, candidates)."""


class LabelSource(Protocol):
    """What is observed of each sample from one side."""

    @property
    def name(self) -> str:
        """What the source is called in `check.weights`."""

    @property
    def share(self) -> float:
        """How much of its evidence counts beside the last classifier, which has learned from it (0 to 1)."""

    @property
    def observed(self) -> bool:
        """Whether anything was observed. Of samples that are judged later, that nothing was may say much."""

    def fit(self, posterior: Reals, rows: Numbers) -> FittedSource:
        """Return how far the source can be trusted.

        Args:
            posterior: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """

    def apply(self, learned: Mapping[str, Reals]) -> FittedSource:
        """Return this source, which observed other samples, with what was learned before.

        Args:
            learned: as `FittedSource.learned` returns it.

        Raises:
            ValueError: that was learned of a source of another shape.
            KeyError: it is not all there.
        """


def given_responses(matrix: LabelMatrix, noise: float | None) -> CategoricalSource:
    """Return the given responses as a source.

    With a noise rate: patterns 0 (right) and 1 (wrong), where a wrong one stands for all other candidates.
    How often responses are wrong is not learned then (`em.py`). Without, it is learned which response is
    given for which: a group for each right response, with one pattern for each given one. Two kinds have a
    pattern of their own, which says nothing: a missing response, and the commonest of several annotations,
    which are a source themselves (`crowd.py`).

    Args:
        matrix: of the samples.
        noise: the share of wrong responses; None to learn which response is given for which.
    """
    size, candidates = matrix.width, numpy.arange(matrix.width)[None]
    given, silent = matrix.given[:, None], (matrix.missing() | matrix.annotated())[:, None]
    if noise is None:
        prior = numpy.full((size, size + 1), priors.SOURCE_WEIGHT * priors.NOISE / max(size - 1, 1))
        prior[:, size] = priors.RAREST_PATTERN
        prior[numpy.arange(size), numpy.arange(size)] = priors.SOURCE_WEIGHT * (1 - priors.NOISE)
        groups = numpy.append(numpy.repeat(numpy.arange(size), size + 1), size)
        known = candidates * (size + 1) + numpy.where(given < 0, size, given)
        patterns = numpy.where(silent, size * (size + 1), known)
        beliefs = numpy.append(prior.ravel(), 1.0)
        return CategoricalSource("label", patterns, groups, beliefs, share=priors.LABEL_SHARE)
    patterns = numpy.where(silent, 2, given != candidates).astype(numpy.int64)
    alternatives = numpy.log(numpy.maximum(matrix.choices - 1, 1))[:, None] * (patterns == 1)
    return CategoricalSource(
        "label",
        patterns,
        groups=numpy.array([0, 0, 1]),
        prior=numpy.array([1 - noise, noise, 1.0]),
        alternatives=alternatives,
        share=priors.LABEL_SHARE,
        fixed=True,
    )


def judge(matrix: LabelMatrix, confusion: bool) -> CategoricalSource | None:
    """Return the judge's verdicts as a source; None where it was never asked.

    A judge speaks of the given response alone, and was shown what the agents say. Often it repeats the
    first of them. So its verdicts are learned apart, by whether that one matches the given response. Patterns
    of each part are noisy and reliable where the response is wrong, and the same where it is right: 0 to 3
    where the first agent does not match, 4 to 7 where it does. 8 is not asked. That a judge was asked at
    all is no evidence: it only repeats that the agents disagree, which their own source says.
    """
    asked = matrix.verdicts >= 0
    if not asked.any():
        return None
    is_given = matrix.given[:, None] == numpy.arange(matrix.width)[None]
    first = next(iter(matrix.answers.values()), numpy.full(len(matrix), -1))
    matches = first == matrix.given
    said = 4 * matches[:, None] + 2 * is_given + matrix.verdicts[:, None]
    prior: list[float] = []
    for part in (~matches, matches):
        verdicts = matrix.verdicts[asked & part]
        share = float(verdicts.mean()) if len(verdicts) else 0.5
        lift = priors.VERDICT_LIFT
        prior += [(1 - share) * lift, share, 1 - share, share * lift]
    groups = numpy.array([0, 0, 1, 1, 2, 2, 3, 3, 4])
    beliefs = priors.SOURCE_WEIGHT * numpy.array([*prior, 1.0]) + priors.RAREST_PATTERN
    patterns = numpy.where(asked[:, None], said, 8)
    return CategoricalSource("judge", patterns, groups, beliefs, share=priors.VERDICT_SHARE)


def validity(matrix: LabelMatrix, confusion: bool) -> CategoricalSource | None:
    """Return the source of which responses are invalid. It observed nothing where all are valid.

    An invalid response is wrong for certain. How often a wrong response shows itself in that way is learned:
    where most of them do, the valid ones are trusted the more. Patterns: 0 wrong and invalid, 1 wrong and
    valid, 2 right, or of an open prompt. With `confusion` an invalid response is one more that can be given,
    which the given responses' own source counts.
    """
    if confusion:
        return None
    invalid = matrix.given[:, None] < 0
    wrong = matrix.given[:, None] != numpy.arange(matrix.width)[None]
    closed = True if matrix.closed is None else matrix.closed[:, None]
    patterns = numpy.where(closed & wrong, numpy.where(invalid, 0, 1), 2)
    groups, observed = numpy.array([0, 0, 1]), bool(invalid.any())
    return CategoricalSource("valid", patterns, groups, numpy.ones(3), observed=observed)


SOURCES: tuple[Callable[[LabelMatrix, bool], LabelSource | None], ...] = (agents, crowd, judge, validity)
"""All sources but the given responses."""


def sources_of(matrix: LabelMatrix, noise: float | None) -> list[LabelSource]:
    """Return every source that observed something.

    Args:
        matrix: of the samples.
        noise: the share of given responses that are taken to be wrong; None to learn of responses and
            agents which response is taken for which.
    """
    return [source for source in _built(matrix, noise) if source.observed]


def of_noise_rate(
    sources: Iterable[LabelSource], matrix: LabelMatrix, noise: float, annotations: float | None
) -> list[LabelSource]:
    """Return sources for another noise rate: that of the given responses and that of the people depend on it.

    Args:
        sources: as `sources_of` returns them.
        matrix: of the samples.
        noise: the share of given responses that are taken to be wrong, of samples without annotations.
        annotations: the same of annotations; None where it is to be learned.
    """
    given = given_responses(matrix, noise)
    told = [given if source.name == given.name else source for source in sources]
    return [replace(one, wrong=annotations) if isinstance(one, CrowdSource) else one for one in told]


def apply_sources(
    matrix: LabelMatrix, learned: Mapping[str, Mapping[str, Reals]], *, confusion: bool
) -> Iterator[tuple[LabelSource, Reals]]:
    """Yield each source that was learned of, with its log-probabilities of other samples.

    Args:
        matrix: of the samples to be judged.
        learned: by source, what was learned of it (`FittedSource.learned`).
        confusion: whether it was learned which response is taken for which.

    Raises:
        ValueError: something else was learned than these sources.
        KeyError: it is not all there.
    """
    rows = numpy.arange(len(matrix))
    # What was learned has the noise rate, too.
    for source in _built(matrix, None if confusion else 0.5):
        if source.name in learned:
            yield source, source.apply(learned[source.name]).log_likelihood(rows)


def _built(matrix: LabelMatrix, noise: float | None) -> list[LabelSource]:
    others = (build(matrix, noise is None) for build in SOURCES)
    return [given_responses(matrix, noise), *(source for source in others if source is not None)]
