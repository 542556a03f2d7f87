"""The stage that repairs what was judged noisy: relabeler and reviewer."""

import asyncio
from contextlib import nullcontext
from typing import Any

from langgraph.runtime import Runtime

from graph.context import RunContext
from graph.engine import StageProgress, ask_agents
from graph.sample_graph import denoise_graph
from graph.stages.index import open_examples
from graph.stages.stage import Workspace, bind_agents, open_cache, open_stage
from graph.stages.threads import in_thread
from graph.state import RunState, SampleState


async def denoise(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Relabel every noisy sample in the light of the clean ones."""
    async with open_stage(state.directory, "denoise") as work:
        noisy, shows = await asyncio.to_thread(_begin, work)
        if noisy:
            todo = (SampleState.from_entry(sample, entry) for sample, entry in work.journal.entries("noisy"))
            indexed = open_examples(work) if shows else nullcontext()
            async with open_cache(work) as cache, in_thread(indexed) as examples:
                agents = await bind_agents(work, runtime.context.models, cache, examples)

                async def relabel(sample: SampleState) -> dict[str, Any]:
                    return await denoise_graph.ainvoke(sample, context=agents)

                progress = StageProgress(work, cache, done=state.noisy - noisy, total=state.noisy)
                await ask_agents(work, todo, relabel, progress, dataset=state.sample_count)
    return {}


def _begin(work: Workspace) -> tuple[int, bool]:
    """Return how many samples are to be relabelled, and whether there are examples to show for that."""
    counts = work.journal.count_status()
    noisy = counts.get("noisy", 0)
    if noisy:
        work.journal.validity.invalidate_consensus()
    # Where none is clean, the example store is one of invalid verdicts.
    return noisy, bool(counts.get("clean")) and work.files.chroma.is_dir()
