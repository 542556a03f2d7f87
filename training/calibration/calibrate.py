"""The calibrated checker: how likely each given response is wrong, told from all samples at once.

1. Several views say something of every sample: its given response, two agents, and sometimes a judge.
2. Responses become numbers of a label space (`label_space.py`), and the views a label matrix
   (`label_matrix.py`).
3. Nobody knows how far a view can be trusted, and there is no gold to learn it from.
4. If the right responses were known, each view's errors could be counted.
5. If the errors were known, Bayes' rule would tell the right responses.
6. Expectation-maximisation repeats both until nothing changes (`em.py`; Dawid & Skene 1979).
7. Where a number means the same response everywhere, a classifier of the prompts is the prior
   (`prompt_classifier.py`; Raykar et al. 2010, "Learning from Crowds").
8. It is learned with the rest, and a prompt never teaches its own prediction.
9. Agents of one model err together, so all agents are one source (`annotators.py`).
10. The other sources are the given responses, the judge, and which responses are invalid (`sources.py`).
11. A last classifier is fitted across folds. The sources that it learned from count for less beside it
    (`label_model.py`).
12. The posterior of each response follows. The noise probability is 1 less the given response's posterior.
13. Free text never repeats: its similarity to the agents' answers is measured instead (`free_text.py`).
    Where there is too little of it, or similarity tells nothing, the judge decides alone (`judge_alone.py`).
14. The noise probabilities add up to a number of responses. That many are noisy, the likeliest ones first.
    None is that is likelier right than wrong.
15. When the noisy samples have new answers, the reviewer's counts as one more view. The likeliest response is
    the consensus.

Nothing here reads or writes a file. Samples come in as a stream that can be started anew, and go out as one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat
from typing import Any, NamedTuple

import numpy
from langchain_core.embeddings import Embeddings

from agents.record import Consensus, SampleRecord
from training.calibration import priors
from training.calibration.arrays import Numbers, Reals, Vectors
from training.calibration.facts import FactSight, Plausibility, see_facts
from training.calibration.free_text import (
    SimilarityModel,
    explain_silence,
    fit_similarities,
    measure_similarities,
    plausibility_of,
)
from training.calibration.judge_alone import decide_alone
from training.calibration.label_matrix import LabelMatrix, label_matrix, verdict_of
from training.calibration.label_model import PROMPTS, Estimate, estimate, update
from training.calibration.label_space import LabelSpace

_BATCH = 500
_UNREAD = "no agent and no judge gave a readable answer to {:,} samples: their responses stay as they are"

Records = Callable[[], Iterable[SampleRecord]]
"""Starts the samples' stream anew, always in the same order: a million samples are never held."""


@dataclass(frozen=True)
class Calibration:
    """What is known of all n samples: of those whose responses compare, and of those with free text.

    Args:
        views: whose answers counted.
        space: the numbers of the responses that compare.
        covered: the places in the stream of the samples that the space covers (m).
        matrix: the label matrix of the covered samples; None where there are none.
        estimate: what the label model makes of the matrix; None where there is none.
        free: the places of the samples with free text (n - m).
        similarity: the model that tells right free text from wrong; None where there is no free text, or
            where similarity does not tell.
        noise: the probability that each given response is wrong (n); NaN where nothing tells it, and the
            judge decides alone.
        threshold: responses of at least this noise probability are noisy.
        weights: by source, how much it speaks for each given response (n), in nats.
        silence: why nothing tells how likely some responses are wrong; empty where all are calibrated.
        sight: how far wrong facts can be seen in free text; None where that was not tried.
    """

    views: Sequence[str]
    space: LabelSpace
    covered: Numbers
    matrix: LabelMatrix | None
    estimate: Estimate | None
    free: Numbers
    similarity: SimilarityModel | None
    noise: Reals
    threshold: float
    weights: Mapping[str, Reals]
    silence: Sequence[str] = ()
    sight: FactSight | None = None

    @property
    def noise_rate(self) -> float | None:
        """The estimated share of responses that are wrong, of the calibrated ones; None where none is."""
        known = self.noise.copy()
        if self.similarity is not None and not self.similarity.groups:
            # How common noise is was believed there, not estimated.
            known[self.free] = numpy.nan
        known = known[~numpy.isnan(known)]
        return float(known.mean()) if len(known) else None

    @property
    def judged_alone(self) -> int:
        """How many responses only the judge decides about."""
        return int(numpy.isnan(self.noise).sum())

    @property
    def reliability(self) -> Mapping[str, float]:
        """By view and by `prompts`, the estimated share of answers that are right."""
        return self.estimate.reliability if self.estimate is not None else {}


def calibrate(
    records: Records,
    encoder: Embeddings,
    views: Sequence[str],
    *,
    threshold: float | None = None,
    space: LabelSpace | None = None,
    prompts: Callable[[], Vectors] | None = None,
    similarities: Callable[[], Reals] | None = None,
    turned: tuple[Plausibility, Plausibility] | None = None,
) -> Calibration:
    """Return the noise probability of every sample's response.

    A caller can pass what it has already: the label space, and how to get vectors and similarities. Those two
    are called only where they are needed.

    Args:
        records: the samples with what the agents and the judge said of them; at least one.
        encoder: gives vectors of length 1, near to each other where texts are alike.
        views: whose answers count, "base" and "reasoning".
        threshold: responses of at least this noise probability are noisy. Without it, as many are as there
            seem to be.
        space: the label space of the samples.
        prompts: gives one vector a prompt (n, d) in the stream's order; it may lie on disk.
        similarities: gives what `measure_similarities` says of each sample (n, views + 1), where it is free
            text.
        turned: how plausible some of the free texts are as given, and with a fact turned.

    Example:
        With the records of a run in memory:

            found = calibrate(lambda: records, encoder, ("base", "reasoning"))
            noisy = [record for record in calibrated(lambda: records, found) if not record.check.clean]
    """
    space = space or LabelSpace.of(record.sample for record in records())
    gathered = _gather(records, space, views)
    covered, matrix, free, empty = gathered.covered, gathered.matrix, gathered.free, gathered.empty
    noise = numpy.full(len(covered) + len(free), numpy.nan)
    found = similarity = sight = None
    silence: list[str] = []
    weights: dict[str, Reals] = {}

    def add(rows: Numbers, parts: Mapping[str, Reals]) -> None:
        for name, part in parts.items():
            weights.setdefault(name, numpy.zeros(len(noise)))[rows] = part

    if matrix is not None:
        if space.shared:
            matrix = replace(matrix, prompts=_prompts(records, encoder, prompts, covered, len(noise)))
        found = estimate(matrix)
        if _is_silent(matrix) and PROMPTS not in found.weights:
            found = None
            silence.append(_UNREAD.format(len(covered)))
        else:
            noise[covered] = found.noise
            add(covered, found.weights)
    if len(free):
        measured = similarities()[free] if similarities else _similarities(records, encoder, space, views)
        # An empty text is similar to nothing: it says nothing of what wrong texts are like.
        measured = numpy.where(numpy.isin(free, empty)[:, None], numpy.nan, measured)
        sight = see_facts(gathered.plausible, *turned) if turned else None
        similarity = fit_similarities(measured, gathered.verdicts, gathered.plausible, sight)
        if similarity is None:
            silence.append(f"{explain_silence(measured)}: the judge decides")
        else:
            noise[free] = similarity.noise(measured, gathered.verdicts, gathered.plausible)
            parts = dict(zip((*views, PROMPTS), similarity.weights(measured).T, strict=True))
            add(free, {**parts, "judge": similarity.judged(gathered.verdicts)})
            add(free, {"plausibility": similarity.plausibility(gathered.plausible)})
            add(free, {"prior": numpy.full(len(free), similarity.prior)})
    noise[empty] = numpy.where(numpy.isnan(noise[empty]), numpy.nan, 1.0)
    known = noise[~numpy.isnan(noise)]
    if threshold is None:
        threshold = noise_threshold(known) if len(known) else 1.0
    return Calibration(
        views, space, covered, matrix, found, free, similarity, noise, threshold, weights, silence, sight
    )


def noise_threshold(noise: Reals) -> float:
    """Return the noise probability from which on responses are noisy: as many as their mean says, or nearly.

    A response that is likelier right than wrong is never noisy. Equal probabilities get equal verdicts,
    however many share one. Of 0.1, 0.2, 0.8 and 0.9, whose mean is a half, the two largest are noisy, and the
    threshold is 0.8. Where no noisy response at all comes nearest to the mean, the threshold is above all
    probabilities.

    Args:
        noise: each response's probability of being wrong (n); at least one.
    """
    values, counts = numpy.unique(noise, return_counts=True)
    values = numpy.append(values, numpy.nextafter(values[-1], 2.0))
    noisy = numpy.append(counts[::-1].cumsum()[::-1], 0) / len(noise)
    return max(float(values[numpy.abs(noisy - noise.mean()).argmin()]), priors.LIKELIER_WRONG)


def calibrated(records: Records, found: Calibration) -> Iterator[SampleRecord]:
    """Yield every judged sample with its calibrated verdict, its noise probability and its weights.

    What the relabeler and the reviewer said is left out, since their examples were clean by other verdicts.
    """
    for row, record in enumerate(records()):
        if record.check is None:
            continue
        noise = float(found.noise[row])
        changes: dict[str, Any] = decide_alone(record) if numpy.isnan(noise) else _weighed(found, row)
        check = record.check.model_copy(update=changes)
        yield record.before_relabeling().model_copy(update={"check": check})


def _weighed(found: Calibration, row: int) -> dict[str, Any]:
    """Return what the calibration changes in a sample's verdict."""
    noise = float(found.noise[row])
    return {
        "clean": noise < found.threshold,
        "noise": round(noise, 6),
        "weights": {name: round(float(part[row]), 4) for name, part in found.weights.items() if part[row]},
        "reason": f"noise probability {noise:.2f}, noisy from {found.threshold:.2f} on",
    }


def conclude(
    records: Records, encoder: Embeddings, found: Calibration, repeats: Callable[[SampleRecord], bool]
) -> Iterator[SampleRecord]:
    """Yield every sample that did not fail with its consensus, in the light of the new answers.

    A sample that the judge decided about alone has none. Its new response is the reviewer's, and it is
    selected by the entropy of the context answer (Eq. 8), as with the policy `hybrid`.

    Args:
        records: the same samples, with their verdicts and with what was answered since.
        encoder: as for `calibrate`.
        found: the calibration of these samples.
        repeats: whether a sample's review is by a model that is a view already, and errs where that did.
    """
    covered, free = _of_covered(records, found, repeats), _of_free(records, encoder, found)
    for record in records():
        consensus = next(covered if found.space.covers(record.sample) else free)
        if record.status != "failed":
            yield record.model_copy(update={"consensus": consensus})


class _Gathered(NamedTuple):
    """The places of covered samples and their label matrix; those of the others, with the judge's verdicts.

    `plausible` says how plausible the others' responses are (n - m).
    `empty` are the places of all samples with an empty response.
    """

    covered: Numbers
    matrix: LabelMatrix | None
    free: Numbers
    verdicts: Numbers
    plausible: Plausibility
    empty: Numbers


def _gather(records: Records, space: LabelSpace, views: Sequence[str]) -> _Gathered:
    """Read the samples once, and sort them by whether the label space covers them."""
    covered, free, verdicts, empty = [], [], [], []
    plausible: list[list[float]] = []

    def comparing() -> Iterator[SampleRecord]:
        for place, record in enumerate(records()):
            if not record.sample.says_something:
                empty.append(place)
            if space.covers(record.sample):
                covered.append(place)
                yield record
            else:
                free.append(place)
                verdicts.append(verdict_of(record.check))
                plausible.append(plausibility_of(record))

    matrix = label_matrix(comparing(), space, views)
    numbers = [numpy.array(column, dtype=numpy.int64) for column in (covered, free, verdicts, empty)]
    covers, texts, said, none = numbers
    return _Gathered(covers, matrix if covered else None, texts, said, Plausibility.of(plausible), none)


def _is_silent(matrix: LabelMatrix) -> bool:
    """Say whether no view and no judge says anything readable of any sample."""
    return not ((matrix.verdicts >= 0).any() or any((said >= 0).any() for said in matrix.answers.values()))


def _prompts(
    records: Records,
    encoder: Embeddings,
    made: Callable[[], Vectors] | None,
    covered: Numbers,
    total: int,
) -> Vectors:
    if made is not None:
        vectors = made()
        # A copy only where some are left out.
        return vectors if len(covered) == total else vectors[covered]
    prompts = [record.sample.prompt for record in records()]
    return numpy.array(encoder.embed_documents(prompts), dtype=numpy.float32)[covered]


def _similarities(records: Records, encoder: Embeddings, space: LabelSpace, views: Sequence[str]) -> Reals:
    texts = _free_records(records, space)
    blocks = []
    while batch := list(islice(texts, _BATCH)):
        responses = [record.sample.response for record in batch]
        blocks.append(measure_similarities(encoder, responses, batch, views))
    return numpy.concatenate(blocks)


def _free_records(records: Records, space: LabelSpace) -> Iterator[SampleRecord]:
    return (record for record in records() if not space.covers(record.sample))


def _of_covered(
    records: Records, found: Calibration, repeats: Callable[[SampleRecord], bool]
) -> Iterator[Consensus | None]:
    """Yield each covered sample's likeliest response, the reviewer's answers taken into account."""
    space = found.space
    if found.matrix is None or found.estimate is None:
        yield from repeat(None)
        return

    def comparing() -> Iterator[SampleRecord]:
        return (record for record in records() if space.covers(record.sample))

    reviewed, repeated = [], []
    for record in comparing():
        reviewed.append(space.encode(record, record.review.answer if record.review else None))
        repeated.append(repeats(record))
    posterior = update(found.matrix, found.estimate, numpy.array(reviewed), numpy.array(repeated))
    for likely, record in zip(posterior, comparing(), strict=True):
        answer: str | None = record.sample.response
        best = space.encode(record, answer)
        if record.status != "clean":
            # A response that nobody named may be the likeliest, but there is nothing to train on in it.
            best = int(likely[: space.named_count(record)].argmax())
            answer = space.decode(record, best)
        yield _consensus(answer, likely[best] if best >= 0 else 0.0)


def _of_free(records: Records, encoder: Embeddings, found: Calibration) -> Iterator[Consensus | None]:
    """Yield each free-text response, or the reviewer's in its place, with a confidence of the same model."""
    if found.similarity is None:
        yield from repeat(None)
        return
    doubts = iter(found.noise[found.free])
    texts = _free_records(records, found.space)
    while batch := list(islice(texts, _BATCH)):
        noise = numpy.fromiter(islice(doubts, len(batch)), dtype=numpy.float64)
        new = [record.review.answer if record.review else None for record in batch]
        changed = [row for row, record in enumerate(batch) if record.status != "clean" and new[row]]
        if changed:
            answers, asked = [new[row] or "" for row in changed], [batch[row] for row in changed]
            measured = measure_similarities(encoder, answers, asked, found.views)
            noise[changed] = found.similarity.noise(measured)
        for record, answer, doubt in zip(batch, new, noise, strict=True):
            yield _consensus(record.sample.response if record.status == "clean" else answer, 1 - doubt)


def _consensus(answer: str | None, confidence: float) -> Consensus | None:
    return Consensus(answer=answer, confidence=round(float(confidence), 6)) if answer else None
