"""What was learned of one group of samples, and what it says of any sample of that group.

A group whose responses compare has a label model (`label_model.py`), one of free text has a model of
similarities (`free_text.py`). Where neither tells anything, the judge decides alone (`judge_alone.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy

from agents.record import Consensus, SampleRecord
from stores.counts import counted
from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, Vectors, places_of
from training.calibration.facts import FactSight, Plausibility
from training.calibration.free_text import (
    SimilarityModel,
    explain_silence,
    fit_similarities,
    plausibility_of,
)
from training.calibration.label_matrix import LabelMatrix, label_matrix, verdict_of
from training.calibration.label_model import PROMPTS, Estimate, LabelModel, Reviews, reviewed, reviews_of
from training.calibration.label_space import LabelSpace

_UNREAD = "no agent and no judge gave a readable answer to {}: what was given stays"


class Judged(NamedTuple):
    """What a group's model says of n given responses.

    Args:
        noise: the probability that each is wrong (n), to six digits: a verdict does not hang on the last.
        weights: by source, how much it speaks for each (n), in nats.
    """

    noise: Reals
    weights: Mapping[str, Reals]


@dataclass(frozen=True)
class GroupModel:
    """What was learned of a group.

    Args:
        space: the numbers of its responses; None of free text.
        label: the label model; None of free text, and where nobody says anything readable.
        similarity: tells right free text from wrong; None of others, and where nothing tells.
        noise_rate: the share of the given responses that seem to be wrong; None where nothing tells. None too
            where only plausibility does: how common wrong facts are is believed there, not estimated.
        threshold: responses of at least this noise probability are noisy.
        reliability: by view and by `prompts`, the estimated share of answers that are right.
        reviewer: the share of the reviewer's answers that are right; one in two until it is learned.
        silence: why nothing tells how likely responses are wrong; empty where something does.
        replaces: how likely right a new response must be before it takes the place of the given one.
        left_out: how many annotators say nothing, since there are more than can be known.
    """

    space: LabelSpace | None
    label: LabelModel | None = None
    similarity: SimilarityModel | None = None
    noise_rate: float | None = None
    threshold: float = 1.0
    reliability: Mapping[str, float] = field(default_factory=dict)
    reviewer: float = 0.5
    silence: str = ""
    replaces: float = priors.REPLACES
    left_out: int = 0

    @property
    def noise_interval(self) -> tuple[float, float] | None:
        """The lowest and the highest noise rate that the data allow; None of free text."""
        if self.label is None or self.noise_rate is None:
            return None
        least, most = self.label.noise_interval
        # The last classifier, which no rate was gone through with, may move the estimate a little.
        return min(least, self.noise_rate), max(most, self.noise_rate)

    @property
    def tells(self) -> bool:
        """Whether anything tells how likely a response is wrong; elsewhere the judge decides alone."""
        return self.label is not None or self.similarity is not None

    @property
    def by_prompts(self) -> bool:
        """Whether prompts tell anything, so that their vectors are needed."""
        return self.label is not None and self.label.by_prompts

    def judge(
        self,
        records: Sequence[SampleRecord],
        views: Sequence[str],
        vectors: Vectors | None,
        similarities: Reals | None,
    ) -> Judged | None:
        """Return what is known of some of the group's responses; None where the judge decides alone.

        Args:
            records: the samples (n), at least one.
            views: whose answers count.
            vectors: one a prompt (n, d); needed where prompts tell anything.
            similarities: of each text to the answers and the prompt (n, views + 1); needed of free text.
        """
        empty = [not record.sample.says_something for record in records]
        if self.label is not None:
            found = self.estimate(records, views, vectors)[1]
            noise, weights = found.noise, found.weights
        elif self.similarity is not None:
            measured = similarities_of(records, views, similarities)
            verdicts = numpy.array([verdict_of(record.check) for record in records])
            given = Plausibility.of(list(map(plausibility_of, records)))
            noise, weights = _measured(self.similarity, measured, verdicts, given, views)
        else:
            return None
        return Judged(_rounded(numpy.where(empty, 1.0, noise)), weights)

    def estimate(
        self,
        records: Sequence[SampleRecord],
        views: Sequence[str],
        vectors: Vectors | None,
        more: Numbers | None = None,
    ) -> tuple[LabelMatrix, Estimate]:
        """Return the label matrix of some comparable samples, and what the label model makes of it."""
        if self.space is None or self.label is None:
            raise ValueError("the group has no label model")
        matrix = label_matrix(records, self.space, views, self.label.annotators)
        if self.label.by_prompts:
            if vectors is None:
                raise ValueError("the prompts' vectors are needed")
            matrix = replace(matrix, prompts=vectors)
        return matrix, self.label.estimate(matrix, more)

    def reviews(
        self,
        records: Sequence[SampleRecord],
        views: Sequence[str],
        vectors: Vectors | None,
        repeats: Sequence[bool],
    ) -> tuple[LabelMatrix, Estimate, Reviews]:
        """Return the label matrix of comparable samples, what is made of it, and one more answer to each.

        Args:
            records: the samples (n).
            views: whose answers count.
            vectors: one a prompt (n, d).
            repeats: whether each review is by a model that is a view already (n).
        """
        space = self.space or LabelSpace()
        said = [space.encode(record, record.review.answer if record.review else None) for record in records]
        answers = numpy.array(said, dtype=numpy.int64)
        matrix, found = self.estimate(records, views, vectors, answers)
        if found.numbers is not None:
            answers = places_of(found.numbers, answers)
        return matrix, found, reviews_of(matrix, found, answers, numpy.array(repeats, dtype=bool))

    def conclude(
        self,
        records: Sequence[SampleRecord],
        views: Sequence[str],
        vectors: Vectors | None,
        repeats: Sequence[bool],
    ) -> list[Consensus | None]:
        """Return each comparable sample's response to keep, the reviewer's answer taken into account.

        A new response takes the place of the given one where it is likely enough to be right (`replaces`).
        Elsewhere the given one stays, in its own words and with its own confidence, which selection judges.
        One that is no response of the space is always replaced.
        """
        matrix, found, reviews = self.reviews(records, views, vectors, repeats)
        posterior = reviewed(found.posterior, reviews, self.reviewer)
        space = self.space or LabelSpace()
        given_at = matrix.given if found.numbers is None else places_of(found.numbers, matrix.given)
        concluded = []
        for row, record in enumerate(records):
            # A response that nobody named may be the likeliest, but there is nothing to train on in it.
            named = posterior[row, : space.named_count(record)] if found.numbers is None else posterior[row]
            if found.numbers is not None:
                named = numpy.where(found.numbers[row] >= 0, named, -1.0)
            best = int(named.argmax())
            given = int(given_at[row])
            if given >= 0 and named[best] < self.replaces:
                best = given
            number = best if found.numbers is None else int(found.numbers[row, best])
            # Of several wordings another may be shorter, but what is not replaced is not reworded either.
            stays = given >= 0 and best == given
            answer = record.sample.response if stays else space.decode(record, number)
            concluded.append(consensus_of(answer, named[best]))
        return concluded


def learn_label_model(
    matrix: LabelMatrix,
    space: LabelSpace,
    size: int,
    threshold: float | None,
    counts: Numbers | None = None,
) -> GroupModel:
    """Learn of a group whose responses compare.

    Args:
        matrix: of the samples to learn from, with their prompts' vectors where a number means the same
            response in every sample.
        space: the numbers of the group's responses.
        size: how many samples the group has.
        threshold: responses of at least this noise probability are noisy; by default `priors.DOUBTFUL`.
        counts: how many copies each of them stands for (n); None where that is one.
    """
    model = LabelModel.learn(matrix, len(space.classes) if space.many else 0)
    if _is_silent(matrix) and not model.by_prompts:
        return GroupModel(space, silence=_UNREAD.format(counted(size, "sample")))
    found = model.estimate(matrix)
    noise = _rounded(found.noise)
    least = priors.DOUBTFUL if threshold is None else threshold
    rate = float(numpy.average(noise, weights=counts))
    left_out = 0 if matrix.annotations is None else matrix.annotations.left_out
    return GroupModel(
        space,
        model,
        None,
        rate,
        least,
        found.reliability,
        replaces=replaces_from(matrix),
        left_out=left_out,
    )


def replaces_from(matrix: LabelMatrix) -> float:
    """Return how likely right a new response must be before it takes the place of the given one."""
    trusted = 0 if matrix.trusted is None else int((matrix.trusted >= 0).sum())
    return priors.REPLACES if trusted < priors.ENOUGH_TRUSTED else priors.REPLACES_BESIDE_TRUSTED


def learn_similarity(
    similarities: Reals,
    verdicts: Numbers,
    empty: Bools,
    threshold: float | None,
    given: Plausibility | None = None,
    sight: FactSight | None = None,
    counts: Numbers | None = None,
) -> GroupModel:
    """Learn of a group of free text.

    Args:
        similarities: of each text to what each view says, and last to its prompt (n, views + 1).
        verdicts: the judge's: 1 reliable, 0 noisy, -1 not asked (n).
        empty: which texts are empty (n): they say nothing of what wrong texts are like.
        threshold: see `learn_label_model`.
        given: how plausible each text is (n).
        sight: how far that tells a wrong fact; None where it was not tried.
        counts: see `learn_label_model`.
    """
    measured = numpy.where(empty[:, None], numpy.nan, similarities)
    model = fit_similarities(measured, verdicts, given, sight)
    if model is None:
        return GroupModel(None, silence=f"{explain_silence(measured)}: the judge decides")
    least = priors.DOUBTFUL if threshold is None else threshold
    if not model.groups:
        return GroupModel(None, None, model, None, least)
    noise = _rounded(numpy.where(empty, 1.0, model.noise(measured, verdicts, given)))
    return GroupModel(None, None, model, float(numpy.average(noise, weights=counts)), least)


def consensus_of(answer: str | None, confidence: float) -> Consensus | None:
    """Return a response with its confidence; None where there is no response."""
    return Consensus(answer=answer, confidence=round(float(confidence), 6)) if answer else None


def similarities_of(
    records: Sequence[SampleRecord], views: Sequence[str], similarities: Reals | None
) -> Reals:
    """Return similarities as they are, an empty text's as unknown (n, views + 1).

    Raises:
        ValueError: there are none, or not as many as texts and views.
    """
    if similarities is None or similarities.shape != (len(records), len(views) + 1):
        raise ValueError("the similarities of free text are needed, a row a sample and a column a view more")
    empty = numpy.array([not record.sample.says_something for record in records])
    return numpy.where(empty[:, None], numpy.nan, similarities)


def _rounded(noise: Reals) -> Reals:
    return numpy.asarray(numpy.round(noise, 6), dtype=numpy.float64)


def _measured(
    model: SimilarityModel, measured: Reals, verdicts: Numbers, given: Plausibility, views: Sequence[str]
) -> tuple[Reals, Mapping[str, Reals]]:
    parts = dict(zip((*views, PROMPTS), model.weights(measured).T, strict=True))
    parts |= {"judge": model.judged(verdicts), "plausibility": model.plausibility(given)}
    parts["prior"] = numpy.full(len(measured), model.prior)
    return model.noise(measured, verdicts, given), parts


def _is_silent(matrix: LabelMatrix) -> bool:
    """Say whether no view and no judge says anything readable of any sample, and no two people do."""
    if matrix.annotations is not None and matrix.annotations.annotated_twice():
        return False
    return not ((matrix.verdicts >= 0).any() or any((said >= 0).any() for said in matrix.answers.values()))
