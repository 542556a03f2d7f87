"""What a run knows of all its samples, as numbers to be weighed: answers that compare, and free text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy

from agents.checker import Check
from graph.numbering import Numbering
from graph.similarities import measured, said_in
from graph.stages.stage import Workspace
from graph.state import SampleState
from training.calibration.question_classifier import Numbers, Reals, Vectors
from training.calibration.sources import Evidence


@dataclass(frozen=True)
class Collected:
    """The evidence of a run, its samples parted by whether their responses compare.

    Args:
        numbering: the numbers of the responses that compare.
        compared: the places in the dataset of the samples whose responses compare.
        evidence: about those; None where there are none.
        free: the places of the samples whose responses are free text.
        similarities: of those responses to each agent's answer and to the question; NaN where it is missing.
        verdicts: the judge's of those: 1 reliable, 0 noisy, -1 not asked.
    """

    numbering: Numbering
    compared: Numbers
    evidence: Evidence | None
    free: Numbers
    similarities: Reals
    verdicts: Numbers


def states_of(work: Workspace) -> Iterator[SampleState]:
    """Yield every sample in the dataset's order; each has a decision by now."""
    for sample, entry in work.journal.entries():
        yield SampleState.from_entry(sample, entry)


def numbering_of(work: Workspace) -> Numbering:
    """Return the numbers of a run's responses that compare."""
    return Numbering.of(work.journal.samples("train"))


def collect(work: Workspace) -> Collected:
    """Read the evidence of all samples.

    Raises:
        WeightsError: the encoder cannot be loaded.
    """
    numbering = numbering_of(work)
    views = work.config.agents.checker.views
    compared, free, verdicts = [], [], []

    def comparing() -> Iterator[SampleState]:
        for place, state in enumerate(states_of(work)):
            if numbering.compares(state.sample):
                compared.append(place)
                yield state
            else:
                free.append(place)
                verdicts.append(_verdict(state.check))

    evidence = evidence_of(comparing(), numbering, views)
    if compared and numbering.shared:
        evidence = replace(evidence, questions=_questions(work, len(compared) + len(free), compared))
    return Collected(
        numbering,
        numpy.array(compared, dtype=numpy.int64),
        evidence if compared else None,
        numpy.array(free, dtype=numpy.int64),
        measured(work, len(compared) + len(free))[free] if free else numpy.zeros((0, len(views) + 1)),
        numpy.array(verdicts, dtype=numpy.int64),
    )


def evidence_of(states: Iterable[SampleState], numbering: Numbering, views: Sequence[str]) -> Evidence:
    """Return what is known of samples whose responses compare, but for their questions.

    Args:
        states: the samples, with what was said of them.
        numbering: of their responses.
        views: whose answers count.
    """
    given, sizes, verdicts, closed = [], [], [], []
    answers: dict[str, list[int]] = {view: [] for view in views}
    placed = True
    for state in states:
        given.append(numbering.number(state, state.sample.response))
        for view, answer in zip(views, said_in(state, views), strict=True):
            answers[view].append(numbering.number(state, answer))
        verdicts.append(_verdict(state.check))
        sizes.append(numbering.size(state))
        closed.append(numbering.shared or bool(state.sample.options))
        placed &= bool(state.sample.options)
    return Evidence(
        numpy.array(given),
        {view: numpy.array(numbers) for view, numbers in answers.items()},
        numpy.array(verdicts),
        numpy.array(sizes),
        placed=placed,
        closed=numpy.array(closed),
    )


def _questions(work: Workspace, total: int, rows: Sequence[int]) -> Vectors:
    for done in work.encoder.make(work.journal.samples("train"), total):
        work.report(done, total)
    vectors = work.encoder.all()
    # A copy only where some are left out.
    return vectors if len(rows) == total else vectors[rows]


def _verdict(check: Check | None) -> int:
    """Return what the judge said: 1 reliable, 0 noisy, -1 nothing."""
    if check is None or check.judged in (None, "unreadable"):
        return -1
    return int(check.judged == "reliable")
