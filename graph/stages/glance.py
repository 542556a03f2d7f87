"""The stage that asks the base agent alone, and learns of which samples nobody else need be asked.

With little noise, the base agent's answer is enough for most samples (`docs/measurements.md`, "Asking no
further"). It is a part of the calibrated checker. With any other policy, and where the checker does not
compare the base view with another, there is nothing to do here.
"""

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from agents.base import Prediction
from agents.concurrency import map_concurrently
from agents.errors import AgentError
from agents.record import SampleRecord
from graph.context import Agents, RunContext
from graph.engine import SAMPLES_A_REQUEST, StageProgress
from graph.glance import VIEW, glanced, is_sure, sure_below
from graph.sample_graph import glance_graph
from graph.stages.calibrate import groups_of, has_fitted, keep_fitted, measures_of
from graph.stages.index import encode
from graph.stages.stage import Workspace, bind_agents, open_cache, open_stage
from graph.stages.threads import meanwhile
from graph.state import RunState, SampleInput
from prompts.template import PromptError
from stores.sample import Sample
from training.calibration.calibrate import calibrate as calibrate_records
from training.calibration.calibrate import calibrated
from training.calibration.label_space import is_free

_LOG = logging.getLogger("robustft")


async def glance(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Ask the base agent about every sample, and learn from that alone which responses are surely right."""
    async with open_stage(state.directory, "glance") as work:
        if await asyncio.to_thread(_is_needed, work):
            async with open_cache(work) as cache, meanwhile(partial(encode, work, state.sample_count)):
                agents = await bind_agents(work, runtime.context.models, cache, None)
                progress = StageProgress(work, cache, done=0, total=state.sample_count)
                answers = await _ask(work, agents, progress, state.sample_count)
            if answers is not None:
                await asyncio.to_thread(_learn, work, answers)
    return {}


def _is_needed(work: Workspace) -> bool:
    """Return whether there is something to be asked, and nothing has told yet of which samples."""
    if not sure_below(work.config):
        return False
    if work.journal.validity.has_glance:
        # The replies that it was learned from are there.
        return not has_fitted(work, work.files.glance)
    if sum(work.journal.count_status().values()) == work.journal.count_samples("train"):
        return False
    # Of free text alone there is nothing to learn.
    return not all(map(is_free, work.journal.samples("train")))


async def _ask(
    work: Workspace, agents: Agents, progress: StageProgress, total: int
) -> dict[str, str | None] | None:
    """Return the base agent's answers by the samples' ids, without free text; None where too many failed.

    An unreadable answer is None.

    A sample that fails here fails again in detection, which counts it.
    """
    answers: dict[str, str | None] = {}
    most = work.config.run.max_failed * total
    failed = 0

    async def ask(sample: Sample) -> tuple[str, Prediction | None]:
        try:
            asked = await glance_graph.ainvoke(SampleInput(sample=sample), context=agents)
            return sample.id, asked["base"]
        except (AgentError, PromptError):
            return sample.id, None

    def keep(found: list[tuple[str, Prediction | None]]) -> None:
        nonlocal failed
        # Not the replies: they are in the cache.
        answers.update((name, one.answer) for name, one in found if one is not None)
        failed += sum(one is None for _, one in found)
        progress.done += len(found)
        if failed > most:
            raise _TooManyFailed

    samples = (sample for sample in work.journal.samples("train") if not is_free(sample))
    following = asyncio.create_task(progress.follow())
    try:
        await map_concurrently(
            samples, ask, keep, concurrency=SAMPLES_A_REQUEST * work.config.run.concurrency
        )
    except _TooManyFailed:
        return None
    finally:
        following.cancel()
        progress.end()
    return answers


class _TooManyFailed(Exception):  # noqa: N818
    """Too many requests failed for the rest to be worth asking now."""


def _learn(work: Workspace, answers: dict[str, str | None]) -> None:
    """Learn what the base view alone tells, keep it, and say of how many samples nobody else is asked."""

    def records() -> Iterator[SampleRecord]:
        for sample in work.journal.samples("train"):
            known = sample.id in answers
            yield glanced(sample, Prediction(answer=answers[sample.id]) if known else None)

    measures, below = measures_of(work), sure_below(work.config)
    groups = groups_of(work).without_texts()
    fitted = calibrate_records(records, measures, (VIEW,), groups=groups)
    work.journal.validity.invalidate_glance()
    keep_fitted(work, fitted, work.files.glance)
    work.journal.validity.validate_glance()
    sure = sum(is_sure(record, below) for record in calibrated(records, measures, fitted))
    if sure:
        _LOG.info(
            "glance: %s of %s responses are surely right by the base view alone; no other agent is asked",
            f"{sure:,}",
            f"{work.journal.count_samples('train'):,}",
        )
