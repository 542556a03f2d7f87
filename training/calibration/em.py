"""Expectation-maximisation: finds what is right and how far each source can be trusted, by turns.

A step has two halves. Each source is fitted to what is believed to be right. Then the fitted sources and a
prior say anew what is right. The steps are repeated until the beliefs no longer change.

Where the steps begin decides where they end. They begin with the given responses, and it is learned how often
each source is wrong, but not which response it takes for which. So annotators who guess, or who all err in
one way, leave right responses as they are. Open prompts begin with the votes as well.

There is one exception. Clean responses that prompts tell at all, they tell well. Where prompts tell little of
the given responses, and more than chance of what annotators say, most responses may be wrong. Then confusion
is learned too, and a second fit begins with the annotators alone. Where more than half of the responses are
wrong, a fit that begins with the responses takes noise that follows a rule for the truth.
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
        confusion: whether it was learned which response is taken for which.
    """

    posterior: Reals
    sources: Sequence[LabelSource]
    by_prompts: bool
    confusion: bool = False


def fit_sources(matrix: LabelMatrix, rows: Numbers) -> Fit:
    """Fit the sources of a dataset.

    | prompts tell                       | learned                                | begun from               |
    | ---------------------------------- | -------------------------------------- | ------------------------ |
    | the given responses                | how often each source is wrong         | given responses          |
    | little of them, but of annotators  | which response is taken for which      | votes, and given ones    |
    | neither                            | how often each; prompts are no source  | given responses          |

    Where there are two beginnings, the likelier end is taken.

    Args:
        matrix: of all samples.
        rows: the samples to learn from (m).
    """
    candidates = matrix.candidates()[rows]
    given = one_hot(matrix.given[rows], candidates.shape[1])
    noise = matrix.expected_noise
    trusting = normalised(candidates * (noise / candidates.shape[1] + (1 - noise) * given))
    said = [answers[rows] for answers in matrix.answers.values()]
    voted = _votes(said, candidates)
    sources = sources_of(matrix, confusion=False)
    if matrix.prompts is None:
        told = _fixed(normalised(candidates) if matrix.told is None else matrix.told[rows])
        problem = _Problem(candidates, rows, sources, told)
        by_prompts = matrix.told is not None
        return problem.fit([trusting] if matrix.of_few else [trusting, voted], by_prompts)
    vectors = matrix.prompts[rows]
    classifier = PromptClassifier(vectors)
    told_given = _tells_given(classifier, vectors, given)
    if told_given < priors.CONSISTENT * _entropy(given) and _tells_annotators(classifier, said, voted):
        problem = _Problem(candidates, rows, sources_of(matrix, confusion=True), classifier.predict)
        leading = replace(problem, sources=[source for source in problem.sources if source.leads])
        fit = problem.fit([trusting, leading.solve(voted).posterior], by_prompts=True)
        return replace(fit, confusion=True)
    by_prompts = told_given > priors.PROMPTS_TELL
    problem = _Problem(candidates, rows, sources, classifier.predict if by_prompts else _shares)
    return problem.fit([trusting], by_prompts)


def _entropy(given: Reals) -> float:
    """Return how many nats are needed to tell the given responses (m, candidates) without any prompt."""
    shares = given.mean(0)
    return -float((shares * numpy.log(shares + 1e-12)).sum()) * len(given)


def _shares(posterior: Reals) -> Reals:
    """Return how often each response is right, the same for all samples (m, candidates)."""
    return numpy.broadcast_to((posterior.sum(0) + 1) / (len(posterior) + posterior.shape[1]), posterior.shape)


def _fixed(prior: Reals) -> _Prior:
    return lambda posterior: prior


def _votes(said: Sequence[Numbers], candidates: Bools) -> Reals:
    """Return how annotators vote (m, candidates)."""
    votes = numpy.full(candidates.shape, 1e-6)
    for answers in said:
        # An answer that an annotator gives to everything says little.
        share = numpy.bincount(answers[answers >= 0], minlength=candidates.shape[1]) / len(answers)
        votes += one_hot(answers, candidates.shape[1]) / numpy.maximum(share, priors.RAREST_VOTE)
    return normalised(votes * candidates)


def _tells_annotators(classifier: PromptClassifier, said: Sequence[Numbers], voted: Reals) -> bool:
    """Say whether prompts tell what annotators say, alone or together."""
    size = voted.shape[1]
    alone = [one_hot(numpy.where(answers < 0, size, answers), size + 1) for answers in said]
    return max(map(classifier.tells, [voted, *alone])) > priors.PROMPTS_TELL


def _tells_given(classifier: PromptClassifier, prompts: Vectors, given: Reals) -> float:
    """Return by how many nats prompts tell the given responses, of those that are valid."""
    valid = given.any(1)
    if valid.all():
        return classifier.tells(given)
    return PromptClassifier(prompts[valid]).tells(given[valid]) if valid.any() else 0.0


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

    def fit(self, beginnings: Sequence[Reals], by_prompts: bool) -> Fit:
        """Return the likeliest end from some beginnings (m, candidates)."""
        found = max(map(self.solve, beginnings), key=lambda solution: solution.score)
        return Fit(found.posterior, self.sources, by_prompts)

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
