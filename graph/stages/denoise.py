"""The stage that repairs what was judged noisy: relabeler and reviewer."""

import asyncio
from contextlib import nullcontext
from typing import Any

from langgraph.runtime import Runtime

from graph.context import RunContext
from graph.engine import StageProgress, ask_agents, bind_agents
from graph.sample_graph import denoise_graph
from graph.stages.index import open_examples
from graph.stages.stage import in_thread, open_cache, open_stage
from graph.state import RunState, SampleState
from graph.weighing import SETTLED, settle


async def denoise(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Relabel every noisy sample in the light of the clean ones."""
    async with open_stage(state.directory, "denoise") as work:
        counts = await asyncio.to_thread(work.journal.count_status)
        if counts.get("noisy"):
            await asyncio.to_thread(work.journal.note, SETTLED, "")
            todo = (SampleState.from_entry(sample, entry) for sample, entry in work.journal.entries("noisy"))
            # With none clean, what is there is of verdicts that no longer stand.
            shows = counts.get("clean") and work.files.chroma.is_dir()
            indexed = open_examples(work) if shows else nullcontext()
            async with open_cache(work) as cache, in_thread(indexed) as examples:
                agents = await bind_agents(work, runtime.context.models, cache, examples)

                async def relabel(sample: SampleState) -> dict[str, Any]:
                    return await denoise_graph.ainvoke(sample, context=agents)

                progress = StageProgress(work, cache, done=state.noisy - counts["noisy"], total=state.noisy)
                await ask_agents(work, todo, relabel, progress, dataset=state.sample_count)
        if work.config.weighs and not await asyncio.to_thread(work.journal.fact, SETTLED):
            await asyncio.to_thread(settle, work)
    return {}
