"""The stage that judges every response: base, reasoner and checker."""

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import Any

from graph.engine import StageProgress, ask_agents, bind_agents, count_failures
from graph.sample_graph import detect_graph
from graph.stages.calibrate import CALIBRATION, calibrate_run
from graph.stages.index import prepare
from graph.stages.stage import Workspace, meanwhile, open_cache, open_stage
from graph.state import RunState, SampleInput, SampleState


async def detect(state: RunState) -> dict[str, Any]:
    """Judge the label of every sample that has no verdict yet."""
    async with open_stage(state.directory, "detect") as work:
        counts = await asyncio.to_thread(work.journal.count_status)
        pending = state.samples - sum(counts.values())
        calibrates, shows = work.config.weighs, work.config.shows_examples(state.until)
        # Until all are calibrated, none is known to be clean.
        indexes = pending > 0 and shows and not calibrates
        if pending:
            await asyncio.to_thread(_forget_calibration, work)
            needed = meanwhile(partial(prepare, work, state.samples, indexes))
            async with open_cache(work) as cache, needed if shows or calibrates else nullcontext():
                context = await bind_agents(work, cache, None)

                async def judge(sample: SampleState) -> dict[str, Any]:
                    return await detect_graph.ainvoke(SampleInput(sample=sample.sample), context=context)

                todo = (SampleState(sample=sample) for sample in work.journal.undecided())
                progress = StageProgress(work, cache, done=state.samples - pending, total=state.samples)
                await ask_agents(work, todo, judge, progress, dataset=state.samples)
        else:
            await asyncio.to_thread(count_failures, work, state.samples)
        if calibrates and not await asyncio.to_thread(work.journal.fact, CALIBRATION):
            await asyncio.to_thread(calibrate_run, work)
        counts = await asyncio.to_thread(work.journal.count_status)
    return {"noisy": counts.get("noisy", 0) + counts.get("relabelled", 0), "indexed": indexes}


def _forget_calibration(work: Workspace) -> None:
    work.journal.note(CALIBRATION, "")
    work.files.similarities.unlink(missing_ok=True)
