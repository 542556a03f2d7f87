"""The stage that makes the clean samples findable; most of it is done while detection still asks.

Clean samples are taken in the dataset's order, as far as every sample before them has a verdict: the store
comes out the same whatever order the verdicts come in.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from graph.decision import read_state, trust_of
from graph.state import RunState
from graph.workspace import Workspace, in_thread, open_stage
from stores.encoder import load_encoder
from stores.examples import Example, ExampleStore

_LOOK_AGAIN_SECONDS = 0.5


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
        async with in_thread(open_examples(work, anew=True)) as store:
            progress = store.fill(
                Example(sample, trust_of(read_state(sample, entry)))
                for sample, entry in work.journal.entries("clean")
            )
            while done := await asyncio.to_thread(next, progress, 0):
                work.report(done, clean)
    return {}


@contextmanager
def open_examples(work: Workspace, *, anew: bool = False) -> Iterator[ExampleStore]:
    """Open a run's example store for a block.

    Args:
        work: the run.
        anew: begin with an empty one.

    Raises:
        WeightsError: the encoder cannot be loaded.
        StorageError: the store is damaged or cannot be written.
    """
    make = ExampleStore.anew if anew else ExampleStore
    store = make(work.files.chroma, load_encoder(work.config.encoder))
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def indexed_meanwhile(work: Workspace) -> AsyncIterator[None]:
    """Index the clean samples while the block detects them; leaving it waits for the last.

    Args:
        work: the run; its example store is begun anew.
    """
    detected, stopped = threading.Event(), threading.Event()
    following = asyncio.create_task(asyncio.to_thread(_follow, work, detected, stopped))
    try:
        yield
    except BaseException:
        stopped.set()
        raise
    finally:
        detected.set()
        # A thread cannot be cancelled: it ends by itself after the batch it is at.
        await asyncio.shield(following)


def _follow(work: Workspace, detected: threading.Event, stopped: threading.Event) -> None:
    position = -1
    with open_examples(work, anew=True) as store:
        while not stopped.is_set():
            ended = detected.is_set()
            samples, reached = work.journal.clean_after(position)
            if samples:
                store.add([Example(sample) for sample in samples])
            if reached == position:
                if ended:
                    return
                detected.wait(_LOOK_AGAIN_SECONDS)
            position = reached
