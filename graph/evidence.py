"""What a run knows of all its samples, as numbers to be weighed: answers that compare, and free text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy
from langchain_core.embeddings import Embeddings

from agents.answers import kind_of
from agents.checker import Check
from agents.reasoner import final_answer
from graph.decision import read_state
from graph.numbering import Numbering
from graph.state import SampleState
from graph.workspace import Workspace
from stores.encoder import load_encoder
from stores.vectors import question_vectors
from training.label_model import Evidence, Numbers
from training.similarity_model import Reals, cosines

_BATCH = 500


@dataclass(frozen=True)
class Collected:
    """The evidence of a run, its samples parted by whether their responses compare.

    Args:
        numbering: the numbers of the responses that compare.
        compared: the places in the dataset of the samples whose responses compare.
        evidence: about those; None where there are none.
        free: the places of the samples whose responses are free text.
        similarities: of those responses to each agent's answer and to the question; NaN where it is missing.
    """

    numbering: Numbering
    compared: Numbers
    evidence: Evidence | None
    free: Numbers
    similarities: Reals


def states_of(work: Workspace) -> Iterator[SampleState]:
    """Yield every sample in the dataset's order; each has a decision by now."""
    for sample, entry in work.journal.entries():
        yield read_state(sample, entry)


def is_free(state: SampleState) -> bool:
    """Return whether a sample's response is free text, which nothing else ever equals."""
    return kind_of(state.sample.response, state.sample.options) == "free"


def collect(work: Workspace) -> Collected:
    """Read the evidence of all samples.

    Raises:
        WeightsError: the encoder cannot be loaded.
    """
    numbering = Numbering.of(state.sample for state in states_of(work) if not is_free(state))
    views = work.config.agents.checker.views
    kinds = numpy.array([is_free(state) for state in states_of(work)], dtype=bool)
    compared, free = numpy.flatnonzero(~kinds), numpy.flatnonzero(kinds)
    given, sizes, verdicts = [], [], []
    answers: dict[str, list[int]] = {view: [] for view in views}
    for state in states_of(work):
        if is_free(state):
            continue
        given.append(numbering.number(state, state.sample.response))
        said = answers_of(state)
        for view, numbers in answers.items():
            numbers.append(numbering.number(state, said[view]))
        verdicts.append(_verdict(state.check))
        sizes.append(numbering.size(state))
    evidence = None
    if given:
        evidence = Evidence(
            numpy.array(given),
            {view: numpy.array(numbers) for view, numbers in answers.items()},
            numpy.array(verdicts),
            numpy.array(sizes),
            _questions(work, len(kinds), compared) if numbering.shared else None,
        )
    return Collected(numbering, compared, evidence, free, _similarities(work, views, len(free)))


def answers_of(state: SampleState) -> dict[str, str | None]:
    """Return what the views say."""
    return {"base": state.base.answer if state.base else None, "reasoning": final_answer(state.turns)}


def others_of(state: SampleState, views: Sequence[str]) -> list[str | None]:
    """Return the texts that a free-text response is measured by: what the views say, and the question."""
    said = answers_of(state)
    return [*(said[view] for view in views), state.sample.prompt]


def measure(encoder: Embeddings, responses: Sequence[str], others: Sequence[Sequence[str | None]]) -> Reals:
    """Return each response's similarity to each of its other texts (n, others); NaN where one is missing."""
    vectors = encoder.embed_documents(list(responses))
    columns = []
    for texts in zip(*others, strict=True):
        column = cosines(vectors, encoder.embed_documents([text or "" for text in texts]))
        columns.append(numpy.where([text is None for text in texts], numpy.nan, column))
    return numpy.column_stack(columns)


def _similarities(work: Workspace, views: Sequence[str], count: int) -> Reals:
    if not count:
        return numpy.zeros((0, len(views) + 1))
    encoder = load_encoder(work.config.encoder)
    states = filter(is_free, states_of(work))
    parts = []
    while batch := list(islice(states, _BATCH)):
        said = [others_of(state, views) for state in batch]
        parts.append(measure(encoder, [state.sample.response for state in batch], said))
        work.report(sum(map(len, parts)), count)
    return numpy.concatenate(parts)


def _questions(work: Workspace, total: int, rows: Numbers) -> "numpy.typing.NDArray[numpy.float32]":
    samples = work.journal.samples("train")
    vectors = question_vectors(
        work.files.path, samples, total, work.config.encoder, lambda done: work.report(done, total)
    )
    # A copy only where some are left out.
    return vectors if len(rows) == total else vectors[rows]


def _verdict(check: Check | None) -> int:
    """Return what the judge said: 1 reliable, 0 noisy, -1 nothing."""
    if check is None or check.judged is None:
        return -1
    return int(check.judged == "reliable")
