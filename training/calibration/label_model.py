"""What each sample's right response is, and how likely its given one is wrong, told from all views at once.

No gold is needed: how far a view can be trusted shows in how it fits the others. The model is Dawid and
Skene's (1979) with a classifier of the questions for the prior, as in Raykar et al. (2010, "Learning from
Crowds"), fitted by expectation-maximisation (`em.py`). In the end a slower classifier learns what was found,
across folds; labels and agents have taught it already, and count for less beside it.

crowd-kit has Dawid and Skene's model without the classifier, snorkel's label model is not kept up, and
cleanlab's CROWDLAB takes a classifier's view to be better than chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from training.calibration.em import fit_views
from training.calibration.question_classifier import (
    Bools,
    Numbers,
    Reals,
    normalised,
    predict_crossed,
    predict_others,
    softmax,
)
from training.calibration.sources import Evidence, allowed, one_hot

_UPDATES = 20
# Samples that are learned from; what is learned is then said of all.
_ENOUGH = 20_000
# How much of their evidence views keep in the end; see the module's text.
_LABEL_SHARE = 0.75
_AGENTS_SHARE = 0.5
# The judge and the reviewer were shown what the agents say, and repeat much of it; a model repeats itself.
_VERDICT_SHARE = 0.25


@dataclass(frozen=True)
class Estimate:
    """What a label model makes of the evidence.

    Args:
        right: the probability of each response to be right (n, candidates).
        noise: the probability that the given one is wrong (n).
        weights: by view, how much it speaks for the given response (n), in nats: the logarithm of how much
            likelier it is where that response is right than where it is wrong. `questions` comes before all
            others, where they tell anything. With two candidates, all add up to the logarithm of right
            against wrong.
        reliability: by agent, the share of its answers that are right as far as this tells; and by
            `questions`, where there are any, that of what similar questions alone would answer.
    """

    right: Reals
    noise: Reals
    weights: Mapping[str, Reals]
    reliability: Mapping[str, float]


def estimate(evidence: Evidence) -> Estimate:
    """Weigh all views of a dataset against each other.

    Args:
        evidence: at least one sample.
    """
    rows = _some(len(evidence.given))
    can_be = allowed(evidence)
    fit = fit_views(evidence, rows)
    prior = None
    if fit.by_questions and evidence.questions is not None:
        vectors = evidence.questions[rows]
        others = numpy.setdiff1d(numpy.arange(len(can_be)), rows)
        prior = numpy.zeros(can_be.shape)
        prior[rows] = numpy.log(predict_crossed(vectors, fit.right))
        prior[others] = numpy.log(predict_others(vectors, fit.right, evidence.questions, others))
    every = numpy.arange(len(can_be))
    likelihoods = {view.name: view.learn(fit.right, rows).likelihood(every) for view in fit.views}
    return _report(evidence, prior, likelihoods)


def update(evidence: Evidence, found: Estimate, answers: Numbers, repeats: Bools) -> Reals:
    """Return each response's probability to be right after one more answer (n, candidates).

    Args:
        evidence: what was estimated from.
        found: the estimate.
        answers: of an agent that was asked later (n), -1 where it was not, or its answer is no candidate.
        repeats: whether an answer is of a model that has answered before, and errs where that did (n).
    """
    rows = numpy.flatnonzero(answers >= 0)
    knows_more = ~repeats[rows] & ("questions" not in found.weights)
    share = numpy.where(knows_more, 1.0, _VERDICT_SHARE)[:, None]
    given = one_hot(answers[rows], found.right.shape[1])
    others = numpy.maximum(evidence.sizes[rows] - 1, 1)[:, None]
    right = found.right.copy()
    for _ in range(_UPDATES):
        # One answer in two, were there nothing to tell by.
        reliable = ((right[rows] * given).sum() + 1) / (len(rows) + 2)
        likely = numpy.where(given > 0, reliable, (1 - reliable) / others) ** share
        right[rows] = normalised(found.right[rows] * likely)
    return right


def _some(size: int) -> Numbers:
    """Return the rows to learn from: all, or as many as are enough."""
    if size <= _ENOUGH:
        return numpy.arange(size)
    return numpy.sort(numpy.random.default_rng(0).choice(size, _ENOUGH, replace=False))


def _report(evidence: Evidence, prior: Reals | None, likelihoods: Mapping[str, Reals]) -> Estimate:
    can_be = allowed(evidence)
    shares = {"label": _LABEL_SHARE, "agents": _AGENTS_SHARE, "judge": _VERDICT_SHARE}
    parts = dict(likelihoods)
    if prior is not None:
        parts = {"questions": prior}
        parts |= {name: shares.get(name, 1.0) * part for name, part in likelihoods.items()}
    joint = sum(parts.values(), numpy.zeros(can_be.shape))
    joint[~can_be] = -numpy.inf
    right = softmax(joint)
    rows = numpy.arange(len(right))
    inside = evidence.given >= 0
    noise = numpy.where(inside, 1 - right[rows, evidence.given], 1.0)
    given = one_hot(evidence.given, right.shape[1])
    others = right * (1 - given)
    others /= numpy.maximum(others.sum(1, keepdims=True), 1e-12)
    weights = {
        name: numpy.where(inside, part[rows, evidence.given] - (others * part).sum(1), 0.0)
        for name, part in parts.items()
    }
    reliability = {
        name: float(right[rows, answers][answers >= 0].mean())
        for name, answers in evidence.answers.items()
        if (answers >= 0).any()
    }
    if prior is not None:
        reliability["questions"] = float(right[rows, prior.argmax(1)].mean())
    return Estimate(right, noise, weights, reliability)
