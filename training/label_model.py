"""What each sample's right response is, and how likely its given one is wrong, told from all views at once.

No gold is needed: how far a view can be trusted shows in how it fits the others. The model is Dawid and
Skene's (1979) with a classifier of the questions for the prior, as in Raykar et al. (2010, "Learning from
Crowds"), fitted by expectation-maximisation. Three things are ours. The agents' answers are one view,
whatever they have in common: experts of one model err together, and as two they would outvote the label. The
fit begins from the agents' answers as well as from the given labels, and the likelier end is taken: at more
than half noise only the agents know which way round the labels are. And what the agents say has taught the
classifier already, so that it counts for little beside it in the end.

crowd-kit has Dawid and Skene's model without the classifier, snorkel's label model is not kept up, and
cleanlab's CROWDLAB takes a classifier's view to be better than chance; none gives these three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from training.classifier import QuestionClassifier, Vectors

Numbers = NDArray[numpy.int64]
Reals = NDArray[numpy.float64]

# Prior beliefs, each worth so many samples. A label is right more often than not, and an agent's answer is
# half as likely again where it is right: weak enough to be overruled by a hundred samples.
_WEIGHT = 10.0
_NOISE = 0.3
_LIFT = 3.0
_ALONE = 5.0
_ITERATIONS = 120
_UPDATES = 20
# Samples that are learned from; what is learned is then said of all.
_ENOUGH = 20_000
_STILL = 1e-3
# How much of its evidence the classifier and the agents keep in the end; see the module's text.
_CLASSIFIER_SHARE = 0.75
_AGENTS_SHARE = 0.25


@dataclass(frozen=True)
class Evidence:
    """What is known of n samples. Responses are numbers from 0; -1 is one that is none of them, or missing.

    Args:
        given: the responses as given (n).
        answers: by agent, its answers (n each).
        verdicts: a judge's: 1 reliable, 0 noisy, -1 not asked (n).
        sizes: how many responses each sample can have (n); its candidates are 0 up to that.
        questions: one vector a question (n, d) where a number means the same response in every sample, so
            that questions can tell; else None. They are read in blocks, and may lie on disk.
    """

    given: Numbers
    answers: Mapping[str, Numbers]
    verdicts: Numbers
    sizes: Numbers
    questions: Vectors | None = None


@dataclass(frozen=True)
class Estimate:
    """What a label model makes of the evidence.

    Args:
        right: the probability of each response to be right (n, candidates).
        noise: the probability that the given one is wrong (n).
        weights: by view, how much it speaks for the given response (n), in nats: the logarithm of how much
            likelier it is where that response is right than where it is wrong. They add up, with `prior`.
        rate: the share of wrong responses, 0 to 1.
        reliability: by agent, the share of its answers that are right as far as this tells; and by
            `questions`, where there are any, that of what similar questions alone would answer.
    """

    right: Reals
    noise: Reals
    weights: Mapping[str, Reals]
    rate: float
    reliability: Mapping[str, float]


def estimate(evidence: Evidence) -> Estimate:
    """Weigh all views of a dataset against each other.

    Args:
        evidence: at least one sample.
    """
    views = [_labels_of(evidence), *_agents_of(evidence), *_judge_of(evidence)]
    rows = _some(len(evidence.given))
    classifier = None if evidence.questions is None else QuestionClassifier(evidence.questions[rows])
    allowed = _allowed(evidence)
    fits = [_fit(allowed[rows], rows, views, classifier, start[rows]) for start in _starts(evidence)]
    right = max(fits, key=lambda fit: fit.score).right
    prior = numpy.log(allowed / allowed.sum(1, keepdims=True) + 1e-12)
    if classifier is not None and evidence.questions is not None:
        others = numpy.setdiff1d(numpy.arange(len(allowed)), rows)
        prior[rows] = numpy.log(classifier.predict(right) + 1e-12)
        prior[others] = numpy.log(classifier.predict_others(evidence.questions[others], right) + 1e-12)
    likelihoods = {view.name: view.learn(right, rows)[0][view.patterns] - view.alternatives for view in views}
    return _report(evidence, prior, likelihoods)


def update(evidence: Evidence, found: Estimate, answers: Numbers) -> Reals:
    """Return each response's probability to be right after one more answer (n, candidates).

    Args:
        evidence: what was estimated from.
        found: the estimate.
        answers: of an agent that was asked later (n), -1 where it was not, or its answer is no candidate.
    """
    share = 1.0 if evidence.questions is None else _AGENTS_SHARE
    rows = numpy.flatnonzero(answers >= 0)
    given = _one_hot(answers[rows], found.right.shape[1])
    others = numpy.maximum(evidence.sizes[rows] - 1, 1)[:, None]
    right = found.right.copy()
    for _ in range(_UPDATES):
        # One answer in two, were there nothing to tell by.
        reliable = ((right[rows] * given).sum() + 1) / (len(rows) + 2)
        likely = numpy.where(given > 0, reliable, (1 - reliable) / others) ** share
        after = found.right[rows] * likely
        right[rows] = after / after.sum(1, keepdims=True)
    return right


@dataclass(frozen=True)
class _View:
    """What a view's observation is, were a candidate the right one: a pattern's number (n, candidates).

    A pattern belongs to a group (patterns' groups), and a group's patterns exclude each other. `alternatives`
    is the logarithm of how many observations a pattern stands for.
    """

    name: str
    patterns: Numbers
    alternatives: Reals
    groups: Numbers
    prior: Reals

    def learn(self, right: Reals, rows: Numbers) -> tuple[Reals, float]:
        """Return each pattern's log-probability in its group, and the logarithm of its prior belief.

        Args:
            right: how likely each candidate is to be right (m, candidates).
            rows: the samples that this is about (m).
        """
        seen = self.patterns[rows].ravel()
        counts = numpy.bincount(seen, right.ravel(), minlength=len(self.prior)) + self.prior
        shares = numpy.log(counts / numpy.bincount(self.groups, counts)[self.groups])
        return shares, float(self.prior @ shares)


@dataclass(frozen=True)
class _Fit:
    right: Reals
    score: float


def _fit(
    allowed: NDArray[numpy.bool_],
    rows: Numbers,
    views: Sequence[_View],
    classifier: QuestionClassifier | None,
    start: Reals,
) -> _Fit:
    """Alternate between what is right, given how far each view can be trusted, and the other way round."""
    right = start
    patterns = [view.patterns[rows] for view in views]
    alternatives = sum((view.alternatives[rows] for view in views), numpy.zeros(allowed.shape))
    for _ in range(_ITERATIONS):
        prior = allowed / allowed.sum(1, keepdims=True) if classifier is None else classifier.predict(right)
        learned = [view.learn(right, rows) for view in views]
        joint = numpy.log(prior + 1e-12) - alternatives
        for (shares, _), seen in zip(learned, patterns, strict=True):
            joint += shares[seen]
        joint[~allowed] = -numpy.inf
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


def _starts(evidence: Evidence) -> list[Reals]:
    """Return where to begin: with trust in the given responses, and in the agents' answers."""
    allowed = _allowed(evidence)
    size = allowed.shape[1]
    trusting = _NOISE / size + (1 - _NOISE) * _one_hot(evidence.given, size)
    voted = numpy.full(allowed.shape, 1e-6)
    for answers in evidence.answers.values():
        # An answer that an agent gives to everything says little.
        share = numpy.bincount(answers[answers >= 0], minlength=size) / len(answers)
        voted += _one_hot(answers, size) / numpy.maximum(share, 0.05)
    starts = [trusting, voted] if evidence.answers else [trusting]
    return [start * allowed / (start * allowed).sum(1, keepdims=True) for start in starts]


def _report(evidence: Evidence, prior: Reals, likelihoods: Mapping[str, Reals]) -> Estimate:
    allowed = _allowed(evidence)
    shares = {"questions": _CLASSIFIER_SHARE, "agents": _AGENTS_SHARE, "judge": _AGENTS_SHARE}
    parts = {"questions": prior, **likelihoods}
    if evidence.questions is not None:
        parts = {name: shares.get(name, 1.0) * part for name, part in parts.items()}
    joint = sum(parts.values(), numpy.zeros(allowed.shape))
    joint[~allowed] = -numpy.inf
    right = numpy.exp(joint - joint.max(1, keepdims=True))
    right /= right.sum(1, keepdims=True)
    rows = numpy.arange(len(right))
    inside = evidence.given >= 0
    noise = numpy.where(inside, 1 - right[rows, evidence.given], 1.0)
    given = _one_hot(evidence.given, right.shape[1])
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
    return Estimate(right, noise, weights, float(noise.mean()), reliability)


def _labels_of(evidence: Evidence) -> _View:
    """Return the view of the given responses: which is mistaken for which, or only how often one is."""
    size = int(evidence.sizes.max())
    given = numpy.where(evidence.given < 0, size, evidence.given)[:, None]
    candidates = numpy.arange(size)[None]
    if evidence.questions is not None:
        prior = numpy.full((size, size + 1), _WEIGHT * _NOISE / max(size - 1, 1))
        prior[:, size] = 1e-3
        prior[numpy.arange(size), numpy.arange(size)] = _WEIGHT * (1 - _NOISE)
        groups = numpy.repeat(numpy.arange(size), size + 1)
        patterns = candidates * (size + 1) + given
        return _View("label", patterns, numpy.zeros(patterns.shape), groups, prior.ravel())
    patterns = (given != candidates).astype(numpy.int64)
    others = numpy.log(numpy.maximum(evidence.sizes - 1, 1))[:, None]
    # Two views alone cannot tell which of them is wrong: this belief does.
    beliefs = _ALONE * _WEIGHT * numpy.array([1 - _NOISE, _NOISE])
    return _View("label", patterns, others * patterns, numpy.zeros(2, dtype=numpy.int64), beliefs)


def _agents_of(evidence: Evidence) -> list[_View]:
    """Return the agents' answers as one view: a pattern is all they say together."""
    if not evidence.answers:
        return []
    size = int(evidence.sizes.max())
    said = [numpy.where(answers < 0, size, answers) for answers in evidence.answers.values()]
    if evidence.questions is not None:
        return [_shared_answers(said, size)]
    return [_own_answers(said, size, evidence.sizes)]


def _shared_answers(said: Sequence[Numbers], size: int) -> _View:
    """Return a view whose patterns are the answers themselves, for each response that may be right."""
    _, together, times = numpy.unique(numpy.stack(said), axis=1, return_inverse=True, return_counts=True)
    together = together.ravel()
    known = len(times)
    named = numpy.zeros((size, known))
    for answers in said:
        # The first of a pattern's samples tells what the pattern says.
        first = answers[numpy.unique(together, return_index=True)[1]]
        for candidate in range(size):
            named[candidate] += first == candidate
    prior = times / times.sum() * _LIFT**named
    prior = _WEIGHT * (1 + size) * prior / prior.sum(1, keepdims=True)
    patterns = numpy.arange(size)[None] * known + together[:, None]
    groups = numpy.repeat(numpy.arange(size), known)
    return _View("agents", patterns, numpy.zeros(patterns.shape), groups, prior.ravel())


def _own_answers(said: Sequence[Numbers], size: int, sizes: Numbers) -> _View:
    """Return a view whose patterns say which agents are right, and which make the same mistake."""
    candidates = numpy.arange(size)[None]
    pattern = numpy.zeros((len(sizes), size), dtype=numpy.int64)
    alternatives = numpy.zeros(pattern.shape)
    for number, answers in enumerate(said):
        own = answers[:, None]
        missing = own == size
        correct = own == candidates
        repeats = numpy.zeros(pattern.shape, dtype=bool)
        for earlier in said[:number]:
            repeats |= (earlier[:, None] == own) & ~correct & ~missing
        kind = numpy.select([missing, correct, repeats], [0, 1, 2], 3)
        alternatives += numpy.where(kind == 3, numpy.log(numpy.maximum(sizes - 1 - number, 1))[:, None], 0.0)
        pattern = pattern * 4 + kind
    shape = 4 ** len(said)
    prior = numpy.full(shape, _WEIGHT / shape)
    return _View("agents", pattern, alternatives, numpy.zeros(shape, dtype=numpy.int64), prior)


def _judge_of(evidence: Evidence) -> list[_View]:
    """Return the view of a judge, who speaks of the given response alone."""
    asked = evidence.verdicts >= 0
    if not asked.any():
        return []
    size = int(evidence.sizes.max())
    is_given = evidence.given[:, None] == numpy.arange(size)[None]
    # Whether it was asked says what the agents' view says already: that is no evidence, but what it said is.
    patterns = numpy.where(asked[:, None], is_given * 2 + evidence.verdicts[:, None], 4)
    share = float(evidence.verdicts[asked].mean())
    prior = [(1 - share) * _LIFT, share, 1 - share, share * _LIFT, 1.0]
    groups = numpy.array([0, 0, 1, 1, 2])
    return [
        _View("judge", patterns, numpy.zeros(patterns.shape), groups, _WEIGHT * numpy.array(prior) + 1e-3)
    ]


def _allowed(evidence: Evidence) -> NDArray[numpy.bool_]:
    return numpy.arange(int(evidence.sizes.max()))[None] < evidence.sizes[:, None]


def _one_hot(numbers: Numbers, size: int) -> Reals:
    return numpy.asarray(numbers[:, None] == numpy.arange(size)[None], dtype=numpy.float64)
