"""Expectation-maximisation: finds what is right and how far each source can be trusted, by turns.

A step has two halves. Each source is fitted to what is believed to be right. Then the fitted sources and a
prior say anew what is right. The steps are repeated until the beliefs no longer change.

Where the steps begin decides where they end. Where prompts tell what annotators say, the annotators are
fitted first, without the given responses and however often annotators are wrong. A fit that begins with the
given responses mistakes noise that follows a rule for the truth. With more than half of the responses wrong,
it calls right ones wrong and wrong ones right.

Elsewhere less is learned, so that guesses do not pass for knowledge. Annotators who guess leave the responses
as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy

from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, Vectors, normalised, one_hot
from training.calibration.label_matrix import LabelMatrix
from training.calibration.prompt_classifier import PromptClassifier
from training.calibration.sources import LabelSource, sources_of

# What is believed of each response (m, candidates) before sources are looked at, told from what is right.
_Prior = Callable[[Reals], Reals]


@dataclass(frozen=True)
class Fit:
    """What a fit came to.

    Args:
        posterior: each response's probability to be right, of the samples learned from (m, candidates).
        sources: what was learned from.
        by_prompts: whether prompts tell anything.
    """

    posterior: Reals
    sources: Sequence[LabelSource]
    by_prompts: bool


def fit_sources(matrix: LabelMatrix, rows: Numbers) -> Fit:
    """Fit the sources of a dataset.

    | prompts tell              | learned                                | begun from                    |
    | ------------------------- | -------------------------------------- | ----------------------------- |
    | what annotators say       | which response is taken for which      | votes, by leading sources     |
    | the given responses alone | how often each source is wrong         | votes, and given responses    |
    | neither                   | the same, and prompts are no source    | votes, and given responses    |

    In the second case confusion is not learned: it would find groups of prompts that are nobody's responses.
    Where there are two beginnings, the likelier end is taken.

    Args:
        matrix: of all samples.
        rows: the samples to learn from (m).
    """
    candidates = matrix.candidates()[rows]
    given = one_hot(matrix.given[rows], candidates.shape[1])
    trusting = normalised(candidates * (priors.NOISE / candidates.shape[1] + (1 - priors.NOISE) * given))
    said = [answers[rows] for answers in matrix.answers.values()]
    voted = _votes(said, candidates)
    classifier = None if matrix.prompts is None else PromptClassifier(matrix.prompts[rows])
    if classifier is not None and _tells_annotators(classifier, said, voted):
        sources = sources_of(matrix, confusion=True)
        problem = _Problem(candidates, rows, sources, classifier.predict)
        leading = replace(problem, sources=[source for source in sources if source.leads])
        return Fit(problem.solve(leading.solve(voted).posterior).posterior, sources, True)
    by_prompts = matrix.prompts is not None and _tells_given(matrix.prompts[rows], given)
    prior = _shares if classifier is not None else _evenly(candidates)
    if classifier is not None and by_prompts:
        prior = classifier.predict
    sources = sources_of(matrix, confusion=False)
    problem = _Problem(candidates, rows, sources, prior)
    found = max(map(problem.solve, (trusting, voted)), key=lambda solution: solution.score)
    return Fit(found.posterior, sources, by_prompts)


def _shares(posterior: Reals) -> Reals:
    """Return how often each response is right, the same for all samples (m, candidates)."""
    return numpy.broadcast_to((posterior.sum(0) + 1) / (len(posterior) + posterior.shape[1]), posterior.shape)


def _evenly(candidates: Bools) -> _Prior:
    even = normalised(candidates)
    return lambda posterior: even


def _votes(said: Sequence[Numbers], candidates: Bools) -> Reals:
    """Return how annotators vote (m, candidates)."""
    votes = numpy.full(candidates.shape, 1e-6)
    for answers in said:
        # An answer that an annotator gives to everything says little.
        share = numpy.bincount(answers[answers >= 0], minlength=candidates.shape[1]) / len(answers)
        votes += one_hot(answers, candidates.shape[1]) / numpy.maximum(share, priors.RAREST_VOTE)
    return normalised(votes * candidates)


def _tells_annotators(classifier: PromptClassifier, said: Sequence[Numbers], voted: Reals) -> bool:
    """Return whether prompts tell what annotators say, alone or together."""
    size = voted.shape[1]
    alone = [one_hot(numpy.where(answers < 0, size, answers), size + 1) for answers in said]
    return max(map(classifier.tells, [voted, *alone])) > priors.PROMPTS_TELL


def _tells_given(prompts: Vectors, given: Reals) -> bool:
    """Return whether prompts tell the given responses, of those that are valid."""
    valid = given.any(1)
    if not valid.any():
        return False
    return PromptClassifier(prompts[valid]).tells(given[valid]) > priors.PROMPTS_TELL


@dataclass(frozen=True)
class _Solution:
    posterior: Reals
    score: float


@dataclass(frozen=True)
class _Problem:
    candidates: Bools
    rows: Numbers
    sources: Sequence[LabelSource]
    prior: _Prior

    def solve(self, posterior: Reals) -> _Solution:
        """Return what is right, and how likely all of it is, from what is believed to be right at first."""
        for _ in range(priors.EM_ITERATIONS):
            fitted = [source.fit(posterior, self.rows) for source in self.sources]
            joint = numpy.log(self.prior(posterior) + 1e-12)
            for source in fitted:
                joint += source.log_likelihood(self.rows)
            joint[~self.candidates] = -numpy.inf
            highest = joint.max(1, keepdims=True)
            total = numpy.exp(joint - highest).sum(1, keepdims=True)
            before, posterior = posterior, numpy.exp(joint - highest) / total
            if numpy.abs(posterior - before).max() < priors.EM_CHANGE:
                break
        score = float((numpy.log(total) + highest).sum()) + sum(source.log_prior for source in fitted)
        return _Solution(posterior, score)
