"""The label model: each sample's right response and each given one's noise probability, from all sources.

No gold is needed: how far a source can be trusted shows in how it fits the others. The model is Dawid and
Skene's (1979). A classifier of the prompts is its prior, as in Raykar et al. (2010, "Learning from Crowds").
It is fitted by expectation-maximisation (`em.py`). In the end a slower classifier learns what was found,
across folds. Given responses and agents have taught it already, and count for less beside it.

crowd-kit has Dawid and Skene's model without the classifier, snorkel's label model is not maintained, and
cleanlab's CROWDLAB takes a classifier to be better than chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy

from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, normalised, one_hot, softmax
from training.calibration.em import Fit, fit_sources
from training.calibration.label_matrix import LabelMatrix
from training.calibration.many_classes import Candidates, ManyClasses, open_candidates
from training.calibration.prompt_classifier import FoldModels, drawn_folds
from training.calibration.sources import apply_sources

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
        numbers: the response of each candidate in the label space (n, candidates), where samples have
            candidates of their own among many classes; None where a candidate's place is its number.
    """

    posterior: Reals
    noise: Reals
    weights: Mapping[str, Reals]
    reliability: Mapping[str, float]
    noise_interval: tuple[float, float] = (0.0, 1.0)
    numbers: Numbers | None = None


@dataclass(frozen=True)
class LabelModel:
    """What was learned of a group's sources and prompts: tells the right responses of any of its samples.

    Args:
        learned: by source, what was learned of it (`FittedSource.learned`).
        confusion: whether it was learned which response is taken for which.
        classes: how many classes there are, where they are too many to weigh all; else 0.
        prompts: what prompts tell; None where they tell nothing.
        noise_interval: the lowest and the highest noise rate that the data allow.
        annotators: the people of whom something was learned, in alphabetical order.
    """

    learned: Mapping[str, Mapping[str, Reals]]
    confusion: bool
    classes: int
    prompts: FoldModels | ManyClasses | None
    noise_interval: tuple[float, float] = (0.0, 1.0)
    annotators: tuple[str, ...] = ()

    @classmethod
    def learn(cls, matrix: LabelMatrix, classes: int = 0) -> "LabelModel":
        """Calibrate all sources of some samples against each other.

        Args:
            matrix: at least one sample. Where there are many classes, in numbers of the label space.
            classes: how many classes there are, where they are too many to weigh all.
        """
        model = _learn_many(matrix, classes) if classes else cls._learn(matrix)
        return model if matrix.annotations is None else replace(model, annotators=matrix.annotations.names)

    @classmethod
    def _learn(cls, matrix: LabelMatrix) -> "LabelModel":
        rows = _some(len(matrix))
        fit = fit_sources(matrix, rows)
        prompts = None
        if fit.by_prompts and matrix.prompts is not None:
            prompts = FoldModels.learn(matrix.prompts[rows], fit.posterior, _folds(matrix)[rows])
        return cls(_learned(fit, rows), fit.rates is None, 0, prompts, fit.noise_interval)

    @property
    def by_prompts(self) -> bool:
        """Whether prompts tell anything."""
        return self.prompts is not None

    def estimate(self, matrix: LabelMatrix, more: Numbers | None = None) -> Estimate:
        """Return what the model makes of samples.

        Args:
            matrix: of any samples of the group, with the annotations of `annotators` alone, and with their
                prompts' vectors where prompts tell anything.
            more: further responses that were named (n), which are candidates too; -1 for none.

        Raises:
            ValueError: the model was learned of other sources.
            KeyError: what was learned is not all there.
        """
        numbers = None
        if self.classes:
            matrix, numbers = self._candidates(matrix, more)
        parts: dict[str, Reals] = {}
        if matrix.told is not None:
            parts[PROMPTS] = numpy.log(numpy.maximum(matrix.told, priors.RARE**2))
        elif isinstance(self.prompts, FoldModels) and matrix.prompts is not None:
            parts[PROMPTS] = numpy.log(self.prompts.predict(matrix.prompts, _folds(matrix)))
        for source, part in apply_sources(matrix, self.learned, confusion=self.confusion):
            parts[source.name] = source.share * part if self.by_prompts else part
        return replace(_report(matrix, parts), numbers=numbers, noise_interval=self.noise_interval)

    def _candidates(self, matrix: LabelMatrix, more: Numbers | None) -> Candidates:
        if isinstance(self.prompts, ManyClasses) and matrix.prompts is not None:
            return self.prompts.candidates(matrix, matrix.prompts, more)
        return open_candidates(matrix, more)


def estimate(matrix: LabelMatrix) -> Estimate:
    """Calibrate all sources of a dataset against each other.

    Args:
        matrix: at least one sample.
    """
    return LabelModel.learn(matrix).estimate(matrix)


def _learn_many(matrix: LabelMatrix, classes: int) -> LabelModel:
    """Learn where there are many classes: by turns what prompts tell, and what is right."""
    rows, folds, vectors = numpy.arange(len(matrix)), _folds(matrix), matrix.prompts
    prompts = None
    if vectors is not None:
        given = _believed(matrix)[:, None]
        prompts = ManyClasses.learn(vectors, given, numpy.ones(given.shape), folds, classes)
        if prompts.tells(vectors, folds, matrix.given) <= priors.PROMPTS_TELL:
            prompts = None
    if prompts is None or vectors is None:
        fit = fit_sources(open_candidates(matrix).matrix, rows)
        return LabelModel(_learned(fit, rows), False, classes, None, fit.noise_interval)
    for _ in range(priors.MANY_ROUNDS):
        known, numbers = prompts.candidates(matrix, vectors)
        fit = fit_sources(known, rows)
        prompts = ManyClasses.learn(vectors, numbers, fit.posterior, folds, classes)
    return LabelModel(_learned(fit, rows), False, classes, prompts, fit.noise_interval)


def _believed(matrix: LabelMatrix) -> Numbers:
    """Return the trusted responses, and the given ones where there is none (n)."""
    if matrix.trusted is None:
        return matrix.given
    return numpy.where(matrix.trusted >= 0, matrix.trusted, matrix.given)


def _learned(fit: Fit, rows: Numbers) -> Mapping[str, Mapping[str, Reals]]:
    return {source.name: source.fit(fit.posterior, rows).learned for source in fit.sources}


def _folds(matrix: LabelMatrix) -> Numbers:
    return drawn_folds(len(matrix)) if matrix.folds is None else matrix.folds


def update(matrix: LabelMatrix, found: Estimate, answers: Numbers, repeats: Bools) -> Reals:
    """Return each response's probability to be right after one more answer (n, candidates).

    Args:
        matrix: what was estimated from.
        found: the estimate.
        answers: of an agent that was asked later (n), -1 where it was not, or its answer is no candidate.
        repeats: whether an answer is of a model that has answered before, and errs where that did (n).
    """
    return reviewed(found.posterior, reviews_of(matrix, found, answers, repeats))


@dataclass(frozen=True)
class Reviews:
    """One more answer to some samples (m).

    Args:
        rows: which samples (m).
        answers: what was answered (m).
        before: how likely each answer was to be right without it (m).
        others: how many other responses it could have been (m).
        share: how much of its evidence counts (m).
    """

    rows: Numbers
    answers: Numbers
    before: Reals
    others: Reals
    share: Reals

    def after(self, reliability: float) -> Reals:
        """Return how likely each answer is to be right (m), where that share of all answers is."""
        right, wrong = (
            numpy.asarray(chance**self.share, dtype=numpy.float64)
            for chance in (numpy.full(len(self.rows), reliability), (1 - reliability) / self.others)
        )
        return self.before * right / (self.before * right + (1 - self.before) * wrong)


def reviews_of(matrix: LabelMatrix, found: Estimate, answers: Numbers, repeats: Bools) -> Reviews:
    """Return what is known of one more answer to each sample; see `update`."""
    rows = numpy.flatnonzero(answers >= 0)
    knows_more = ~repeats[rows] & (PROMPTS not in found.weights)
    share = numpy.where(knows_more, 1.0, priors.VERDICT_SHARE)
    others = numpy.maximum(_choices(matrix, found)[rows] - 1, 1).astype(numpy.float64)
    return Reviews(rows, answers[rows], found.posterior[rows, answers[rows]], others, share)


def learn_reliability(before: Reals, others: Reals, share: Reals) -> float:
    """Return the share of the reviewer's answers that are right, told from how well they fit what is known.

    Args:
        before: how likely each answer was to be right before it was given (m).
        others: how many other responses each could have been (m).
        share: how much of its evidence counts (m).
    """
    nothing = numpy.zeros(len(before), dtype=numpy.int64)
    reviews = Reviews(nothing, nothing, before, others, share)
    after = before
    for _ in range(priors.REVIEW_ITERATIONS):
        # One answer in two is right, were there nothing to tell by.
        reliable = (float(after.sum()) + 1) / (len(after) + 2)
        after = reviews.after(reliable)
    return reliable


def reviewed(posterior: Reals, reviews: Reviews, reliability: float | None = None) -> Reals:
    """Return each response's probability to be right after a review (n, candidates).

    Args:
        posterior: before it (n, candidates).
        reviews: what was answered.
        reliability: the share of the reviewer's answers that are right; learned from these where it is None.
    """
    if reliability is None:
        reliability = learn_reliability(reviews.before, reviews.others, reviews.share)
    said = one_hot(reviews.answers, posterior.shape[1])
    wrong = (1 - reliability) / reviews.others[:, None]
    likely = numpy.where(said > 0, reliability, wrong) ** reviews.share[:, None]
    after = posterior.copy()
    after[reviews.rows] = normalised(posterior[reviews.rows] * likely)
    return after


def _choices(matrix: LabelMatrix, found: Estimate) -> Numbers:
    """Return how many responses there are to choose from in each sample (n)."""
    if found.numbers is None:
        return matrix.choices
    # Where prompts tell nothing, many classes are weighed as open prompts are.
    candidates = numpy.count_nonzero(found.numbers != -1, axis=1)
    return matrix.sizes if PROMPTS in found.weights else candidates


def _some(size: int) -> Numbers:
    """Return the rows to learn from: all, or as many as are enough."""
    if size <= priors.LEARNED_FROM:
        return numpy.arange(size)
    return numpy.sort(numpy.random.default_rng(0).choice(size, priors.LEARNED_FROM, replace=False))


def _report(matrix: LabelMatrix, parts: Mapping[str, Reals]) -> Estimate:
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
    return Estimate(posterior, noise, weights, reliability)
