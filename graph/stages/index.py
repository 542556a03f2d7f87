"""The stage that makes the clean samples findable. Most of it is done while detection still asks.

Clean samples are taken in the dataset's order, as far as every sample before them has a verdict. So the store
comes out the same whatever order the verdicts come in.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from graph.stages.calibrate import measure
from graph.stages.stage import Workspace, open_stage
from graph.stages.threads import POLL_SECONDS, in_thread
from graph.state import RunState, SampleState
from stores.examples import Example, ExampleStore
from training.calibration.label_space import is_free


async def index(state: RunState) -> dict[str, Any]:
    """Put the clean samples into the example store, where detection has not and some are noisy."""
    async with open_stage(state.directory, "index") as work:
        counts = await asyncio.to_thread(work.journal.count_status)
        clean = counts.get("clean", 0)
        if not counts.get("noisy") or not clean or not work.config.agents.relabeler.neighbours:
            return {}
        if state.indexed:
            work.report(clean, clean)
            return {}
        # They were made while detection asked. What was damaged since is made here, as it was there.
        total = await asyncio.to_thread(work.journal.count_samples, "train")
        vectors = work.encoder.make(partial(work.journal.samples, "train"), total)
        while await asyncio.to_thread(next, vectors, 0):
            pass
        async with in_thread(open_examples(work, anew=True)) as store:
            progress = store.fill(_examples(work))
            # Batch by batch, so that a run that is stopped here stops soon.
            while done := await asyncio.to_thread(next, progress, 0):
                work.report(done, max(done, clean))
    return {}


def _examples(work: Workspace) -> Iterator[Example]:
    """Yield the trusted samples, then the other clean ones: of one prompt's samples, the first is kept."""
    yield from _trusted_examples(work)
    for sample, entry in work.journal.entries("clean"):
        if sample.trusted is None:
            yield Example(sample, SampleState.from_entry(sample, entry).trust)


def _trusted_examples(work: Workspace) -> Iterator[Example]:
    return (
        Example.of_trusted(sample) for sample in work.journal.samples("train") if sample.trusted is not None
    )


@contextmanager
def open_examples(work: Workspace, *, anew: bool = False) -> Iterator[ExampleStore]:
    """Open a run's example store for a block.

    Args:
        work: the run.
        anew: begin with an empty one.

    Raises:
        StorageError: the store is damaged or cannot be written.
    """
    make = ExampleStore.anew if anew else ExampleStore
    store = make(work.files.chroma, work.encoder)
    try:
        yield store
    finally:
        store.close()


def encode(work: Workspace, total: int, ended: threading.Event, failed: threading.Event) -> None:
    """Encode all prompts of a run while its agents are asked; the arguments are those of `prepare`."""
    with closing(work.encoder.make(partial(work.journal.samples, "train"), total)) as progress:
        for done in progress:
            if failed.is_set():
                return
            if ended.is_set():
                work.report(done, total)


def prepare(
    work: Workspace, total: int, follows: bool, ended: threading.Event, failed: threading.Event
) -> None:
    """Work ahead of the next stages while responses are judged, so that no endpoint has to wait for it.

    All prompts are encoded. Then the clean samples are indexed. Where verdicts rest on the similarity of free
    text, that is measured instead.

    Args:
        work: the run.
        total: the size of the dataset.
        follows: whether a verdict says at once that a sample is clean.
        ended: set when no more verdicts will come.
        failed: set when nothing of this is needed any more.
    """
    encode(work, total, ended, failed)
    if failed.is_set():
        return
    if follows:
        _index_as_judged(work, ended, failed)
    elif any(map(is_free, work.journal.samples("train"))):
        measure(work, total, ended, failed)


def _index_as_judged(work: Workspace, ended: threading.Event, failed: threading.Event) -> None:
    position = -1
    with open_examples(work, anew=True) as store:
        for _ in store.fill(_trusted_examples(work)):
            if failed.is_set():
                return
        while not failed.is_set():
            last = ended.is_set()
            samples, reached = work.journal.clean_after(position)
            if others := [sample for sample in samples if sample.trusted is None]:
                store.add([Example(sample) for sample in others])
            if reached == position:
                if last:
                    return
                ended.wait(POLL_SECONDS)
            position = reached
