"""The calibrated checker: how likely each given response is wrong, told from all samples at once.

1. Several views say something of every sample: its given response, two agents, and sometimes a judge.
2. A file may be a mixture. Samples whose responses compare are a group (`groups.py`), and each group has all
   that follows for itself.
3. Responses become numbers of a label space (`label_space.py`), and the views a label matrix
   (`label_matrix.py`).
4. Nobody knows how far a view can be trusted, and there is no gold to learn it from.
5. If the right responses were known, each view's errors could be counted.
6. If the errors were known, Bayes' rule would tell the right responses.
7. Expectation-maximisation repeats both until nothing changes (`em.py`; Dawid & Skene 1979).
8. Where a number means the same response everywhere, a classifier of the prompts is the prior
   (`prompt_classifier.py`; Raykar et al. 2010, "Learning from Crowds"). It is learned with the rest, and a
   prompt never teaches its own prediction. Of many classes it suggests a few (`many_classes.py`).
9. Agents of one model err together, so all agents are one source (`agent_answers.py`). The other sources are
   the given responses, the people who gave several of them (`crowd.py`), the judge, and which responses are
   invalid (`sources.py`).
10. A last classifier is fitted across folds. The sources that it learned from count for less beside it
    (`label_model.py`).
11. The posterior of each response follows. The noise probability is 1 less the given response's posterior.
12. Free text never repeats: its similarity to the agents' answers is measured instead (`free_text.py`).
    How plausible it is counts where turned facts show that this tells a wrong fact (`facts.py`).
    Where there is too little of it, or nothing tells, the judge decides alone (`judge_alone.py`).
13. Responses of a noise probability of a third and more are noisy: to train on a wrong one costs more than
    to lose a right one.
14. All that was learned is a `FittedCalibration` (`fitted.py`). It decides the samples of the run block by
    block, and any other sample in the same way.
15. When the noisy samples have new answers, the reviewer's counts as one more view. The likeliest response is
    the consensus where it is sure. Elsewhere the given one stays, and selection leaves it out. New free text
    has rules of its own (`new_texts.py`).

What is learned follows from at most so many samples of a group (`priors.LEARNED_FROM`). Which ones, and their
folds, follows from the hashes of their ids: no verdict depends on the order of the samples. Samples come in
as a stream that can be started anew, and go out as one. Nothing here reads or writes a file, but
`fitted_files.py`, which keeps what was learned.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy
from numpy.typing import NDArray

from agents.record import SampleRecord
from training.calibration import priors
from training.calibration.arrays import Numbers, Reals, Vectors
from training.calibration.copies import copy_key, first_of_copies, without_near_copies
from training.calibration.facts import FactSight, Plausibility
from training.calibration.fitted import FittedCalibration
from training.calibration.free_text import plausibility_of
from training.calibration.group_model import GroupModel, learn_label_model, learn_similarity
from training.calibration.groups import Group, Groups
from training.calibration.hashes import hash_of, share_of
from training.calibration.label_matrix import LabelMatrixBuilder, verdict_of
from training.calibration.label_model import learn_reliability
from training.calibration.measures import Measures

Records = Callable[[], Iterable[SampleRecord]]
"""Starts the samples' stream anew, always in the same order: a million samples are never held."""


def calibrate(
    records: Records,
    measures: Measures,
    views: Sequence[str],
    *,
    threshold: float | None = None,
    groups: Groups | None = None,
    sight: FactSight | None = None,
) -> FittedCalibration:
    """Learn from samples how far each source can be trusted, what prompts tell, and how many are wrong.

    Args:
        records: the samples with what the agents and the judge said of them; at least one.
        measures: the vectors of their prompts, and the similarities of their free text.
        views: whose answers count, "base" and "reasoning".
        threshold: responses of at least this noise probability are noisy; by default `priors.DOUBTFUL`.
        groups: the groups of the samples, where they are known already.
        sight: how far the plausibility of free text tells a wrong fact; None where that was not tried.

    Example:
        With the records of a run in memory:

            measures = Measures(encoder)
            fitted = calibrate(lambda: records, measures, ("base", "reasoning"))
            judged = calibrated(lambda: records, measures, fitted)
            noisy = [record for record in judged if not record.check.clean]
    """
    groups = groups or Groups.of(record.sample for record in records())
    evidence = [_Evidence(group, views, measures) for group in groups.groups]
    for places, block in _blocks(records):
        of_group: dict[int, list[int]] = defaultdict(list)
        for row, record in enumerate(block):
            place = groups.place_of(record.sample)
            if place is None:
                continue
            # Which samples are learned from follows from their ids. Trusted ones teach the most.
            if record.sample.trusted is not None or share_of(record.sample.id) < evidence[place].share:
                of_group[place].append(row)
        for place, rows in of_group.items():
            evidence[place].add([block[row] for row in rows], places[rows])
    return FittedCalibration(tuple(views), groups, tuple(one.learn(threshold, sight) for one in evidence))


def calibrated(records: Records, measures: Measures, fitted: FittedCalibration) -> Iterator[SampleRecord]:
    """Yield every judged sample with its calibrated verdict, its noise probability and its weights."""
    for places, block in _blocks(records):
        vectors = _vectors(fitted, measures, places, block)
        similar = measures.similar(places, block, fitted.views) if fitted.uses_similarities else None
        for record in fitted.judge(block, vectors, similar):
            if record.check is not None:
                yield record


def learn_reviewer(
    records: Records,
    measures: Measures,
    fitted: FittedCalibration,
    repeats: Callable[[SampleRecord], bool],
) -> FittedCalibration:
    """Return the calibration, once it has learned how reliable the reviewer is, a number a group.

    Args:
        records: all samples of a run, with their verdicts and with what was answered since.
        measures: as for `calibrate`.
        fitted: the calibration of these samples.
        repeats: whether a sample's review is by a model that is a view already, and errs where that did.
    """
    found: dict[int, list[Reals]] = defaultdict(list)
    seen: set[int] = set()
    for places, every in _blocks(records):
        # The reviews of copies are one review.
        keys = [copy_key(record.sample) if record.review is not None else None for record in every]
        first = {
            key: row for row, key in reversed(list(enumerate(keys))) if key is not None and key not in seen
        }
        seen.update(first)
        rows = sorted(first.values())
        block = [every[row] for row in rows]
        vectors = _vectors(fitted, measures, places[rows], block)
        for place, known in fitted.reviews(block, vectors, list(map(repeats, block))):
            found[place].append(known)
    reliable = {}
    for place, blocks in found.items():
        known = numpy.concatenate(blocks)
        # In an order of its own: sums depend on the order in their last digits.
        before, others, share = known[numpy.lexsort(known.T)].T
        reliable[place] = learn_reliability(before, others, share)
    return fitted.with_reviewers(reliable)


def conclude(
    records: Records,
    measures: Measures,
    fitted: FittedCalibration,
    repeats: Callable[[SampleRecord], bool],
) -> Iterator[SampleRecord]:
    """Yield every sample that did not fail with its consensus, in the light of the new answers.

    Args:
        records: samples with their verdicts and with what was answered since.
        measures: as for `calibrate`.
        fitted: the calibration, which has learned how reliable the reviewer is.
        repeats: as for `learn_reviewer`.
    """
    for places, every in _blocks(records):
        rows = [row for row, record in enumerate(every) if record.status != "failed"]
        block = [every[row] for row in rows]
        vectors = _vectors(fitted, measures, places[rows], block)
        similar = measures.similar_answers(block, fitted.views) if fitted.uses_similarities else None
        yield from fitted.conclude(block, vectors, similar, list(map(repeats, block)))


class _Evidence:
    """What is known of the samples of a group that are learned from; no record is kept.

    Args:
        group: the group.
        views: whose answers count.
        measures: the vectors of the prompts, and the similarities of free text.
    """

    def __init__(self, group: Group, views: Sequence[str], measures: Measures) -> None:
        self._group = group
        self._views = views
        self._measures = measures
        self._matrix = LabelMatrixBuilder(group.space, views) if group.space is not None else None
        self._hashes: list[int] = []
        self._keys: list[int] = []
        self._vectors: list[Vectors] = []
        self._similar: list[Reals] = []
        self._verdicts: list[int] = []
        self._empty: list[bool] = []
        self._plausible: list[list[float]] = []
        self.share = priors.LEARNED_FROM / max(group.size, 1)
        """The share of the group's samples that are learned from, above 1 where all are."""

    def add(self, records: Sequence[SampleRecord], places: Numbers) -> None:
        """Add samples.

        Args:
            records: some samples of the group (m).
            places: where they stand in the stream (m).
        """
        self._hashes += [hash_of(record.sample.id) for record in records]
        self._keys += [copy_key(record.sample) for record in records]
        if self._matrix is None:
            self._similar.append(self._measures.similar(places, records, self._views))
            self._verdicts += [verdict_of(record.check) for record in records]
            self._empty += [not record.sample.says_something for record in records]
            self._plausible += map(plausibility_of, records)
            return
        for record in records:
            self._matrix.add(record)
        if self._group.space is not None and self._group.space.shared:
            self._vectors.append(self._measures.vectors(places, [one.sample.prompt for one in records]))

    def learn(self, threshold: float | None, sight: FactSight | None) -> GroupModel:
        """Return what is learned of the group, in an order that follows from the ids; copies teach once."""
        space = self._group.space
        if not self._hashes:
            return GroupModel(space)
        every = numpy.argsort(numpy.array(self._hashes, dtype=numpy.int64), kind="stable")
        distinct = first_of_copies(numpy.array(self._keys, dtype=numpy.int64)[every])
        order = every[distinct.places]
        if space is None or self._matrix is None:
            similar, verdicts = numpy.concatenate(self._similar)[order], numpy.array(self._verdicts)[order]
            empty, given = numpy.array(self._empty)[order], numpy.array(self._plausible)[order]
            plausible = Plausibility.of(given)
            return learn_similarity(similar, verdicts, empty, threshold, plausible, sight, distinct.counts)
        counts = distinct.counts
        if self._vectors:
            vectors = _in_order(self._vectors, order)
            given = self._matrix.build(order).given
            kept = without_near_copies(vectors, given)
            order, counts, vectors = order[kept], counts[kept], vectors[kept]
            matrix = replace(self._matrix.build(order), prompts=vectors)
        else:
            matrix = self._matrix.build(order)
        return learn_label_model(matrix, space, self._group.size, threshold, counts)


def _in_order(blocks: Sequence[Vectors], order: Numbers) -> Vectors:
    joined: NDArray[Any] = numpy.concatenate(blocks)
    vectors: Vectors = joined[order]
    return vectors


def _blocks(records: Records) -> Iterator[tuple[Numbers, list[SampleRecord]]]:
    """Yield samples with their places in the stream, as many at once as are to be judged at once."""
    stream, start = iter(records()), 0
    while block := list(islice(stream, priors.JUDGED_AT_ONCE)):
        yield numpy.arange(start, start + len(block)), block
        start += len(block)


def _vectors(
    fitted: FittedCalibration, measures: Measures, places: Numbers, records: Sequence[SampleRecord]
) -> Vectors | None:
    if not fitted.uses_prompts or not records:
        return None
    return measures.vectors(places, [record.sample.prompt for record in records])
