"""The stage that asks about every response: base, reasoner and checker."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from agents.checker import Checker
from graph.context import Agents, RunContext
from graph.engine import StageProgress, ask_agents, count_failures
from graph.glance import Glance, sure_below
from graph.sample_graph import detect_graph
from graph.stages.index import prepare
from graph.stages.stage import Workspace, bind_agents, open_cache, open_stage
from graph.stages.threads import in_thread, meanwhile
from graph.stages.turned import sees_facts
from graph.state import RunState, SampleInput, SampleState


async def detect(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Ask about the response of every sample that has no verdict yet."""
    async with open_stage(state.directory, "detect") as work:
        total = state.sample_count
        pending = await asyncio.to_thread(_begin, work, total)
        calibrates, shows = work.config.calibrates, work.config.shows_examples(state.until)
        # Until all are calibrated, none is known to be clean.
        indexes = pending > 0 and shows and not calibrates
        if pending:
            needed = meanwhile(partial(prepare, work, total, indexes))
            async with open_cache(work) as cache, needed if shows or calibrates else nullcontext():
                agents = await bind_agents(work, runtime.context.models, cache, None)
                if calibrates:
                    checker: Checker = agents.get("checker")
                    checker.assesses = await sees_facts(work, checker)
                progress = StageProgress(work, cache, done=total - pending, total=total)
                async with in_thread(_open_glance(work)) as glance:
                    await _judge_all(work, replace(agents, glance=glance), progress, total)
    return {"indexed": indexes}


async def _judge_all(work: Workspace, agents: Agents, progress: StageProgress, total: int) -> None:
    async def judge(sample: SampleState) -> dict[str, Any]:
        return await detect_graph.ainvoke(SampleInput(sample=sample.sample), context=agents)

    todo = (SampleState(sample=sample) for sample in work.journal.undecided())
    await ask_agents(work, todo, judge, progress, dataset=total)


@contextmanager
def _open_glance(work: Workspace) -> Iterator[Glance | None]:
    """Open what the base view alone tells, for a block; None where all agents are to be asked."""
    if not sure_below(work.config) or not work.journal.validity.has_glance:
        yield None
        return
    with closing(Glance(work.files.glance, work.encoder, work.config)) as glance:
        yield glance


def _begin(work: Workspace, samples: int) -> int:
    """Return how many samples have no verdict yet; what follows from all verdicts is invalid if any has not.

    Raises:
        RunFailedError: too many of the others have failed.
    """
    pending = samples - sum(work.journal.count_status().values())
    if pending:
        work.journal.validity.invalidate_calibration()
        work.files.similarities.unlink(missing_ok=True)
    else:
        count_failures(work, samples)
    return pending
