"""The stage that judges every response: base, reasoner and checker."""

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from graph.context import RunContext
from graph.engine import StageProgress, ask_agents, bind_agents, count_failures
from graph.sample_graph import detect_graph
from graph.stages.index import prepare
from graph.stages.stage import Workspace, meanwhile, open_cache, open_stage
from graph.state import RunState, SampleInput, SampleState
from graph.weighing import CALIBRATION, weigh


async def detect(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Judge the label of every sample that has no verdict yet."""
    async with open_stage(state.directory, "detect") as work:
        counts = await asyncio.to_thread(work.journal.count_status)
        total = state.sample_count
        pending = total - sum(counts.values())
        weighs, shows = work.config.weighs, work.config.shows_examples(state.until)
        # Until all are weighed, none is known to be clean.
        indexes = pending > 0 and shows and not weighs
        if pending:
            await asyncio.to_thread(_forget_weights, work)
            needed = meanwhile(partial(prepare, work, total, indexes))
            async with open_cache(work) as cache, needed if shows or weighs else nullcontext():
                agents = await bind_agents(work, runtime.context.models, cache, None)

                async def judge(sample: SampleState) -> dict[str, Any]:
                    return await detect_graph.ainvoke(SampleInput(sample=sample.sample), context=agents)

                todo = (SampleState(sample=sample) for sample in work.journal.undecided())
                progress = StageProgress(work, cache, done=total - pending, total=total)
                await ask_agents(work, todo, judge, progress, dataset=total)
        else:
            await asyncio.to_thread(count_failures, work, total)
        if weighs and not await asyncio.to_thread(work.journal.fact, CALIBRATION):
            await asyncio.to_thread(weigh, work)
        counts = await asyncio.to_thread(work.journal.count_status)
    return {"noisy": counts.get("noisy", 0) + counts.get("relabelled", 0), "indexed": indexes}


def _forget_weights(work: Workspace) -> None:
    work.journal.note(CALIBRATION, "")
    work.files.similarities.unlink(missing_ok=True)
