"""Sends samples through one half of the sample graph, and journals what comes out."""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from agents.cache import ReplyCache
from agents.concurrency import map_concurrently
from agents.errors import AgentError
from graph.config.run import RunConfig
from graph.state import SampleState
from prompts.template import PromptError
from stores.counts import counted
from stores.errors import RobustFTError
from stores.journal import Journal
from stores.run_directory import RunDirectory

SAMPLES_A_REQUEST = 4
"""Samples under way for each request that may be in flight. The turns of one sample wait for each other. At
the end of a stage, many samples at an early turn keep an endpoint busier than a few at a late one."""
_REPORT_SECONDS = 0.2

Ask = Callable[[SampleState], Awaitable[dict[str, Any]]]


class RunFailedError(RobustFTError):
    """A run had to stop; its directory can be resumed."""


class OpenRun(Protocol):
    """The part of an open run that the engine needs."""

    @property
    def config(self) -> RunConfig:
        """Says how much is asked at once, and how much may fail."""

    @property
    def journal(self) -> Journal:
        """Takes what comes out."""

    @property
    def files(self) -> RunDirectory:
        """Where the run is, for messages."""

    def report(self, done: int, total: int, tokens: int = 0, note: str = "") -> None:
        """Tell how far the stage is."""


class StageProgress:
    """Reports how far a stage is: samples as they are finished, and replies as they come.

    A sample takes several replies one after another, and all samples of a small dataset are under way at
    once: counting samples alone would show nothing for a long time.
    """

    def __init__(self, work: OpenRun, cache: ReplyCache, *, done: int, total: int) -> None:
        self._work = work
        self._cache = cache
        self._total = total
        self.done = done

    async def follow(self) -> None:
        """Report until cancelled."""
        while True:
            replies = self._cache.asked.total()
            note = counted(replies, "reply") if replies else ""
            self._work.report(self.done, self._total, self._cache.tokens, note)
            await asyncio.sleep(_REPORT_SECONDS)

    def end(self) -> None:
        """Report how it ended."""
        self._work.report(self.done, self._total, self._cache.tokens)


async def ask_agents(
    work: OpenRun, samples: Iterator[SampleState], ask: Ask, progress: StageProgress, *, dataset: int
) -> None:
    """Send samples through one half of the sample graph and journal what comes out.

    Args:
        work: the run.
        samples: those still to be asked about.
        ask: sends one through its half of the graph.
        progress: is told how far it is.
        dataset: the size of the dataset, which `run.max_failed` is a share of.
    """
    failures = await asyncio.to_thread(count_failures, work, dataset)

    async def finish(sample: SampleState) -> SampleState:
        try:
            return sample.model_copy(update=await ask(sample))
        except (AgentError, PromptError) as exc:
            return sample.model_copy(update={"failure": f"{type(exc).__name__}: {exc}"})

    def record(finished: list[SampleState]) -> None:
        work.journal.record(sample.to_entry() for sample in finished)
        progress.done += len(finished)
        # A trusted sample is finished without its agents.
        failures.update(sample.failure for sample in finished if sample.failure and sample.status == "failed")
        _check(failures, work, dataset)

    following = asyncio.create_task(progress.follow())
    try:
        with _no_garbage_of_old():
            await map_concurrently(
                samples, finish, record, concurrency=SAMPLES_A_REQUEST * work.config.run.concurrency
            )
    finally:
        following.cancel()
        progress.end()


def count_failures(work: OpenRun, dataset: int) -> Counter[str]:
    """Return the reasons of what has failed so far.

    Raises:
        RunFailedError: too much has.
    """
    failures = Counter(json.loads(entry.record)["failure"] for _, entry in work.journal.entries("failed"))
    _check(failures, work, dataset)
    return failures


def _check(failures: Counter[str], work: OpenRun, dataset: int) -> None:
    if failures.total() > work.config.run.max_failed * dataset:
        raise RunFailedError(_too_many(failures, work))


@contextmanager
def _no_garbage_of_old() -> Iterator[None]:
    """Keep the objects that exist already out of garbage collections.

    The libraries hold over half a million objects. Each collection would look at all of them, which takes a
    quarter of the time that RobustFT itself spends on a sample.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def commonest(failures: Counter[str]) -> str:
    """Return the three commonest reasons of failures, with how many there are of each."""
    return "; ".join(f"{count} x {reason}" for reason, count in failures.most_common(3))


def _too_many(failures: Counter[str], work: OpenRun) -> str:
    return (
        f"more than {work.config.run.max_failed:.0%} of the samples failed (run.max_failed): "
        f"{commonest(failures)}. Mend the cause and try those again with "
        f"`robustft resume --retry-failed {work.files.path}`"
    )
