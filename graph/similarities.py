"""Free text measured: how similar each response is to what the agents say, and to its question.

Measured block by block in the dataset's order, as far as the labels have been looked at: the figures come out
the same whatever order the answers come in, and most are there when the last answer is.
"""

import threading
from collections.abc import Sequence

import numpy
from langchain_core.embeddings import Embeddings

from graph.numbering import is_free
from graph.stages.stage import Workspace
from graph.stages.threads import LOOK_AGAIN_SECONDS
from graph.state import SampleState
from stores.atomic import atomic_path
from training.calibration.free_text import cosines
from training.calibration.question_classifier import Reals

_BLOCK = 256
# Whose answer a view of the checker is.
_AGENTS = {"base": "base", "reasoning": "reasoner"}


def said_in(state: SampleState, views: Sequence[str]) -> list[str | None]:
    """Return what the checker's views say."""
    answers = state.answers()
    return [answers.get(_AGENTS[view]) for view in views]


def similarities_to(
    encoder: Embeddings, responses: Sequence[str], states: Sequence[SampleState], views: Sequence[str]
) -> Reals:
    """Return how similar texts are to what each view says of a sample, and to its question; NaN for nothing.

    Args:
        encoder: tells which texts are similar.
        responses: one text a sample.
        states: the samples.
        views: the checker's views.

    Returns:
        Cosines, one row a sample (n, views + 1).
    """
    vectors = encoder.embed_documents(list(responses))
    others = [[*said_in(state, views), state.sample.prompt] for state in states]
    columns = []
    for texts in zip(*others, strict=True):
        there = [row for row, text in enumerate(texts) if text is not None]
        column = numpy.full(len(texts), numpy.nan)
        if there:
            encoded = encoder.embed_documents([text for text in texts if text is not None])
            column[there] = cosines([vectors[row] for row in there], encoded)
        columns.append(column)
    return numpy.column_stack(columns)


def measure(work: Workspace, total: int, ended: threading.Event, failed: threading.Event) -> None:
    """Measure all free-text responses of a run, and keep that in its directory.

    Args:
        work: the run.
        total: the size of the dataset.
        ended: all labels have been looked at.
        failed: this is not needed any more.
    """
    views = work.config.agents.checker.views
    rows = numpy.full((total, len(views) + 1), numpy.nan)
    for start in range(0, total, _BLOCK):
        size = min(_BLOCK, total - start)
        while len(entries := work.journal.entries_from(start, size)) < size:
            if failed.is_set() or ended.is_set():
                return
            ended.wait(LOOK_AGAIN_SECONDS)
        states = [SampleState.from_entry(sample, entry) for sample, entry in entries]
        places = [place for place, state in enumerate(states) if is_free(state.sample)]
        if places:
            free = [states[place] for place in places]
            responses = [state.sample.response for state in free]
            rows[[start + place for place in places]] = similarities_to(work.encoder, responses, free, views)
        if failed.is_set():
            return
        if ended.is_set():
            work.report(start + size, total)
    with atomic_path(work.files.similarities) as part, part.open("xb") as file:
        numpy.save(file, rows, allow_pickle=False)


def measured(work: Workspace, total: int) -> Reals:
    """Return what `measure` found (n, views + 1), measuring first where that was not done."""
    if not work.files.similarities.is_file():
        ended = threading.Event()
        ended.set()
        measure(work, total, ended, threading.Event())
    rows: Reals = numpy.load(work.files.similarities, allow_pickle=False)
    return rows
