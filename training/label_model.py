"""What each sample's right response is, and how likely its given one is wrong, told from all views at once.

No gold is needed: how far a view can be trusted shows in how it fits the others. The model is Dawid and
Skene's (1979) with a classifier of the questions for the prior, as in Raykar et al. (2010, "Learning from
Crowds"), fitted by expectation-maximisation. Three things are ours. The agents' answers are one view,
whatever they have in common: experts of one model err together, and as two they would outvote the label. The
fit begins from the agents' answers, wrong as they may be: begun from the labels it takes noise that follows
a rule for the truth, and at more than half noise ends the wrong way round. And in the end a slower classifier
learns what was found, across folds; labels and agents have taught it already, and count for less beside it.

crowd-kit has Dawid and Skene's model without the classifier, snorkel's label model is not kept up, and
cleanlab's CROWDLAB takes a classifier's view to be better than chance; none gives these three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from training.classifier import (
    Numbers,
    QuestionClassifier,
    Reals,
    predict_crossed,
    predict_others,
    softmax,
)
from training.views import NOISE, Evidence, View, allowed, one_hot, views_of

_ITERATIONS = 120
_UPDATES = 20
# Samples that are learned from; what is learned is then said of all.
_ENOUGH = 20_000
_STILL = 1e-3
# In nats. Answers that have nothing to do with the questions are told better than this once in twenty times
# (a likelihood ratio's chi-squared test), and are no place to begin.
_TOLD = 2.0
# A response that is right less often than this share of the times it is given.
_LOST = 0.3
# How much of their evidence views keep in the end; see the module's text.
_LABEL_SHARE = 0.75
_AGENTS_SHARE = 0.5
# The judge and the reviewer were shown what the agents say, and repeat much of it.
_VERDICT_SHARE = 0.25


@dataclass(frozen=True)
class Estimate:
    """What a label model makes of the evidence.

    Args:
        right: the probability of each response to be right (n, candidates).
        noise: the probability that the given one is wrong (n).
        weights: by view, how much it speaks for the given response (n), in nats: the logarithm of how much
            likelier it is where that response is right than where it is wrong. `questions` comes before all
            others. With two candidates they add up to the logarithm of right against wrong.
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
    views = views_of(evidence)
    rows = _some(len(evidence.given))
    classifier = None if evidence.questions is None else QuestionClassifier(evidence.questions[rows])
    can_be = allowed(evidence)
    right = _believed(evidence, views, rows, classifier)
    prior = numpy.log(_normalised(can_be) + 1e-12)
    if evidence.questions is not None:
        vectors, found, size = evidence.questions[rows], right.argmax(1), right.shape[1]
        others = numpy.setdiff1d(numpy.arange(len(can_be)), rows)
        prior[rows] = numpy.log(predict_crossed(vectors, found, size))
        prior[others] = numpy.log(predict_others(vectors, found, size, evidence.questions, others))
    likelihoods = {view.name: view.learn(right, rows)[0][view.patterns] - view.alternatives for view in views}
    return _report(evidence, prior, likelihoods)


def update(evidence: Evidence, found: Estimate, answers: Numbers) -> Reals:
    """Return each response's probability to be right after one more answer (n, candidates).

    Args:
        evidence: what was estimated from.
        found: the estimate.
        answers: of an agent that was asked later (n), -1 where it was not, or its answer is no candidate.
    """
    share = 1.0 if evidence.questions is None else _VERDICT_SHARE
    rows = numpy.flatnonzero(answers >= 0)
    given = one_hot(answers[rows], found.right.shape[1])
    others = numpy.maximum(evidence.sizes[rows] - 1, 1)[:, None]
    right = found.right.copy()
    for _ in range(_UPDATES):
        # One answer in two, were there nothing to tell by.
        reliable = ((right[rows] * given).sum() + 1) / (len(rows) + 2)
        likely = numpy.where(given > 0, reliable, (1 - reliable) / others) ** share
        right[rows] = _normalised(found.right[rows] * likely)
    return right


def _believed(
    evidence: Evidence, views: Sequence[View], rows: Numbers, classifier: QuestionClassifier | None
) -> Reals:
    """Return each response's probability to be right, from where the fit had best begin (m, candidates)."""
    can_be = allowed(evidence)[rows]
    size = can_be.shape[1]
    given = one_hot(evidence.given[rows], size)
    trusting = _normalised(can_be * (NOISE / size + (1 - NOISE) * given))
    voted = numpy.full(can_be.shape, 1e-6)
    for answers in evidence.answers.values():
        # An answer that an agent gives to everything says little.
        share = numpy.bincount(answers[answers >= 0], minlength=size) / len(answers)
        voted += one_hot(answers[rows], size) / numpy.maximum(share, 0.05)
    voted = _normalised(voted * can_be)

    def fit(start: Reals) -> _Fit:
        return _fit(can_be, rows, views, classifier, start)

    if classifier is None or classifier.tells(voted) <= _TOLD:
        starts = [trusting, voted] if evidence.answers else [trusting]
        return max(map(fit, starts), key=lambda found: found.score).right
    first = right = fit(voted).right
    for start in (_normalised(trusting * voted), trusting):
        if not _loses(right, given):
            break
        right = fit(start).right
    return first if _loses(right, given) else right


def _loses(right: Reals, given: Reals) -> bool:
    """Return whether a response that is given seems to be hardly ever right: two were taken for one."""
    return bool((right.sum(0) < _LOST * given.sum(0)).any())


@dataclass(frozen=True)
class _Fit:
    right: Reals
    score: float


def _fit(
    can_be: NDArray[numpy.bool_],
    rows: Numbers,
    views: Sequence[View],
    classifier: QuestionClassifier | None,
    start: Reals,
) -> _Fit:
    """Alternate between what is right, given how far each view can be trusted, and the other way round."""
    right = start
    patterns = [view.patterns[rows] for view in views]
    alternatives = sum((view.alternatives[rows] for view in views), numpy.zeros(can_be.shape))
    for _ in range(_ITERATIONS):
        prior = _normalised(can_be) if classifier is None else classifier.predict(right)
        learned = [view.learn(right, rows) for view in views]
        joint = numpy.log(prior + 1e-12) - alternatives
        for (shares, _), seen in zip(learned, patterns, strict=True):
            joint += shares[seen]
        joint[~can_be] = -numpy.inf
        highest = joint.max(1, keepdims=True)
        total = numpy.exp(joint - highest).sum(1, keepdims=True)
        before, right = right, numpy.exp(joint - highest) / total
        if numpy.abs(right - before).max() < _STILL:
            break
    score = float((numpy.log(total) + highest).sum()) + sum(belief for _, belief in learned)
    return _Fit(right, score)


def _some(size: int) -> Numbers:
    """Return the rows to learn from: all, or as many as are enough."""
    if size <= _ENOUGH:
        return numpy.arange(size)
    return numpy.sort(numpy.random.default_rng(0).choice(size, _ENOUGH, replace=False))


def _normalised(likely: Reals | NDArray[numpy.bool_]) -> Reals:
    shares: Reals = likely / likely.sum(1, keepdims=True)
    return shares


def _report(evidence: Evidence, prior: Reals, likelihoods: Mapping[str, Reals]) -> Estimate:
    can_be = allowed(evidence)
    shares = {"label": _LABEL_SHARE, "agents": _AGENTS_SHARE, "judge": _VERDICT_SHARE}
    parts = {"questions": prior, **likelihoods}
    if evidence.questions is not None:
        parts = {name: shares.get(name, 1.0) * part for name, part in parts.items()}
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
    if evidence.questions is not None:
        reliability["questions"] = float(right[rows, prior.argmax(1)].mean())
    return Estimate(right, noise, weights, reliability)
