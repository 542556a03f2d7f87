"""The label model: each sample's right response and each given one's noise probability, from all sources.

No gold is needed: how far a source can be trusted shows in how it fits the others. The model is Dawid and
Skene's (1979). A classifier of the prompts is its prior, as in Raykar et al. (2010, "Learning from Crowds").
It is fitted by expectation-maximisation (`em.py`). In the end a slower classifier learns what was found,
across folds. Given responses and annotators have taught it already, and count for less beside it.

crowd-kit has Dawid and Skene's model without the classifier, snorkel's label model is not maintained, and
cleanlab's CROWDLAB takes a classifier to be better than chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, normalised, one_hot, softmax
from training.calibration.em import fit_sources
from training.calibration.label_matrix import LabelMatrix
from training.calibration.prompt_classifier import predict_crossed, predict_others

PROMPTS = "prompts"
"""What prompts tell, as `check.weights` and the reliability call it."""


@dataclass(frozen=True)
class Estimate:
    """What the label model makes of a label matrix.

    Args:
        posterior: the probability of each response to be right (n, candidates).
        noise: the probability that the given one is wrong (n).
        weights: by source, how much it speaks for the given response (n), in nats: the logarithm of how much
            likelier its observation is where that response is right than where it is wrong. `prompts` comes
            before all others, where prompts tell anything. With two candidates, all of them add up to the
            logarithm of right against wrong.
        reliability: by view, the share of its answers that are right, as far as this tells; and by
            `prompts`, where prompts tell anything, that of what similar prompts alone would answer.
        noise_interval: the lowest and the highest noise rate that the data allow.
    """

    posterior: Reals
    noise: Reals
    weights: Mapping[str, Reals]
    reliability: Mapping[str, float]
    noise_interval: tuple[float, float]


def estimate(matrix: LabelMatrix) -> Estimate:
    """Calibrate all sources of a dataset against each other.

    Args:
        matrix: at least one sample.
    """
    rows = _some(len(matrix))
    candidates = matrix.candidates()
    fit = fit_sources(matrix, rows)
    prior = None
    if fit.by_prompts and matrix.prompts is not None:
        vectors = matrix.prompts[rows]
        others = numpy.setdiff1d(numpy.arange(len(matrix)), rows)
        prior = numpy.zeros(candidates.shape)
        prior[rows] = numpy.log(predict_crossed(vectors, fit.posterior))
        prior[others] = numpy.log(predict_others(vectors, fit.posterior, matrix.prompts, others))
    every = numpy.arange(len(matrix))
    parts = {}
    if prior is not None:
        parts[PROMPTS] = prior
    for source in fit.sources:
        part = source.fit(fit.posterior, rows).log_likelihood(every)
        parts[source.name] = part if prior is None else source.share * part
    return _report(matrix, parts, fit.noise_interval)


def update(matrix: LabelMatrix, found: Estimate, answers: Numbers, repeats: Bools) -> Reals:
    """Return each response's probability to be right after one more answer (n, candidates).

    Args:
        matrix: what was estimated from.
        found: the estimate.
        answers: of an agent that was asked later (n), -1 where it was not, or its answer is no candidate.
        repeats: whether an answer is of a model that has answered before, and errs where that did (n).
    """
    rows = numpy.flatnonzero(answers >= 0)
    knows_more = ~repeats[rows] & (PROMPTS not in found.weights)
    share = numpy.where(knows_more, 1.0, priors.VERDICT_SHARE)[:, None]
    said = one_hot(answers[rows], found.posterior.shape[1])
    others = numpy.maximum(matrix.sizes[rows] - 1, 1)[:, None]
    posterior = found.posterior.copy()
    for _ in range(priors.REVIEW_ITERATIONS):
        # One answer in two is right, were there nothing to tell by.
        reliable = ((posterior[rows] * said).sum() + 1) / (len(rows) + 2)
        likely = numpy.where(said > 0, reliable, (1 - reliable) / others) ** share
        posterior[rows] = normalised(found.posterior[rows] * likely)
    return posterior


def _some(size: int) -> Numbers:
    """Return the rows to learn from: all, or as many as are enough."""
    if size <= priors.LEARNED_FROM:
        return numpy.arange(size)
    return numpy.sort(numpy.random.default_rng(0).choice(size, priors.LEARNED_FROM, replace=False))


def _report(matrix: LabelMatrix, parts: Mapping[str, Reals], interval: tuple[float, float]) -> Estimate:
    candidates = matrix.candidates()
    joint = sum(parts.values(), numpy.zeros(candidates.shape))
    joint[~candidates] = -numpy.inf
    posterior = softmax(joint)
    if matrix.trusted is not None:
        known = matrix.trusted >= 0
        posterior[known] = one_hot(matrix.trusted[known], posterior.shape[1])
    rows = numpy.arange(len(posterior))
    valid = matrix.given >= 0
    noise = numpy.where(valid, 1 - posterior[rows, matrix.given], 1.0)
    given = one_hot(matrix.given, posterior.shape[1])
    others = posterior * (1 - given)
    others /= numpy.maximum(others.sum(1, keepdims=True), 1e-12)
    weights = {
        name: numpy.where(valid, part[rows, matrix.given] - (others * part).sum(1), 0.0)
        for name, part in parts.items()
    }
    reliability = {
        name: float(posterior[rows, answers][answers >= 0].mean())
        for name, answers in matrix.answers.items()
        if (answers >= 0).any()
    }
    if PROMPTS in parts:
        reliability[PROMPTS] = float(posterior[rows, parts[PROMPTS].argmax(1)].mean())
    return Estimate(posterior, noise, weights, reliability, interval)
