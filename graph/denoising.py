"""The stages that ask the agents: detect and denoise."""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from agents.errors import AgentError
from agents.sweep import sweep
from graph.agents import BoundContext, build_agents, load_models
from graph.decision import read_state, to_entry, usage_by_agent
from graph.indexing import indexed_meanwhile, open_examples
from graph.sample_graph import denoise_graph, detect_graph
from graph.state import RunState, SampleInput, SampleState
from graph.workspace import RunFailedError, Workspace, open_stage
from prompts.template import PromptError
from stores.examples import ExampleStore
from stores.journal import Entry

# Samples under way for each request that may be: a sample's turns wait for each other, and at the end of a
# stage those that are left should be many at an early turn, not few at a late one.
_AHEAD = 4

Work = Callable[[SampleState], Awaitable[dict[str, Any]]]


async def detect(state: RunState) -> dict[str, Any]:
    """Judge the label of every sample that has no verdict yet."""
    async with open_stage(state.directory, "detect") as work:
        context = await _bind(work, None)

        async def judge(sample: SampleState) -> dict[str, Any]:
            return await detect_graph.ainvoke(SampleInput(sample=sample.sample), context=context)

        # What failed before has a second chance: its cause may be mended.
        if await asyncio.to_thread(work.outcome_of, "train") is None:
            await asyncio.to_thread(work.journal.forget_failed)
        todo = (SampleState(sample=sample) for sample in work.journal.undecided())
        counts = await asyncio.to_thread(work.journal.count_status)
        pending = state.samples - sum(counts.values())
        indexes = pending > 0 and state.until != "detect" and work.config.agents.relabeler.neighbours > 0
        async with indexed_meanwhile(work) if indexes else nullcontext():
            await _ask_agents(work, todo, judge, pending=pending, total=state.samples, dataset=state.samples)
        counts = await asyncio.to_thread(work.journal.count_status)
    return {"noisy": counts.get("noisy", 0) + counts.get("relabelled", 0), "indexed": indexes}


async def denoise(state: RunState) -> dict[str, Any]:
    """Relabel every noisy sample in the light of the clean ones."""
    async with open_stage(state.directory, "denoise") as work:
        counts = await asyncio.to_thread(work.journal.count_status)
        if not counts.get("noisy"):
            return {}
        examples = await asyncio.to_thread(open_examples, work) if work.files.chroma.is_dir() else None
        context = await _bind(work, examples)

        async def relabel(sample: SampleState) -> dict[str, Any]:
            return await denoise_graph.ainvoke(sample, context=context)

        todo = (read_state(sample, entry) for sample, entry in work.journal.entries("noisy"))
        pending = counts["noisy"]
        await _ask_agents(work, todo, relabel, pending=pending, total=state.noisy, dataset=state.samples)
    return {}


async def _ask_agents(
    work: Workspace, samples: Iterator[SampleState], ask: Work, *, pending: int, total: int, dataset: int
) -> None:
    """Send samples through one half of the sample graph and journal what comes out.

    Args:
        work: the run.
        samples: those still to be asked about.
        ask: sends one through its half of the graph.
        pending: how many they are.
        total: how many this half is asked about in all, earlier tries included.
        dataset: the size of the dataset, which `run.max_failed` is a share of.
    """
    counts = await asyncio.to_thread(work.journal.count_status)
    failures: Counter[str] = Counter()
    allowed = work.config.run.max_failed * dataset - counts.get("failed", 0)
    done = total - pending  # what an earlier, interrupted try of this stage finished
    tokens = 0
    work.report(done, total)

    async def finish(sample: SampleState) -> SampleState:
        try:
            return sample.model_copy(update=await ask(sample))
        except (AgentError, PromptError) as exc:
            return sample.model_copy(update={"failure": f"{type(exc).__name__}: {exc}"})

    def record(finished: list[SampleState]) -> None:
        nonlocal done, tokens
        entries: list[Entry] = [to_entry(sample) for sample in finished]
        work.journal.record(entries)
        done += len(entries)
        tokens += sum(
            usage.prompt_tokens + usage.completion_tokens
            for sample in finished
            for usage in usage_by_agent(sample).values()
        )
        work.report(done, total, tokens)
        failures.update(sample.failure for sample in finished if sample.failure)
        if failures.total() > allowed:
            raise RunFailedError(_too_many(failures, work))

    with _no_garbage_of_old():
        await sweep(samples, finish, record, concurrency=_AHEAD * work.config.run.concurrency)


@contextmanager
def _no_garbage_of_old() -> Iterator[None]:
    """Keep what is in memory already out of garbage collections, each of which would look at all of it.

    The libraries hold over half a million objects: a quarter of the time that a sample costs us.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _bind(work: Workspace, examples: ExampleStore | None) -> BoundContext:
    models = await load_models(work.config, work.files.path)
    return BoundContext(agents=await asyncio.to_thread(build_agents, work.config, models, examples))


def _too_many(failures: Counter[str], work: Workspace) -> str:
    commonest = "; ".join(f"{count} x {reason}" for reason, count in failures.most_common(3))
    return (
        f"more than {work.config.run.max_failed:.0%} of the samples failed (run.max_failed): {commonest}. "
        f"Mend the cause and continue with `robustft resume {work.files.path}`"
    )
