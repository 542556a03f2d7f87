"""The first stage: check everything that can be checked, and take the samples in."""

import asyncio
import logging
from contextlib import closing
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from agents.models.pool import ModelPool
from graph.config import VERDICTS, Stage
from graph.config.run import RunConfig, parse_config
from graph.context import Prompts, RunContext, load_models, load_prompts
from graph.fingerprint import fingerprints
from graph.frozen_run import keep_thinking, thinking_models
from graph.preview import preview
from graph.readiness import TRAINING, Needs, check_needs, encodes
from graph.stages.fill import fill, write_skipped
from graph.stages.resume import ResumePlan, carry_out, plan_resume, resumed_config
from graph.stages.stage import Workspace, open_stage
from graph.stages.threads import finish_in_thread
from graph.state import RunInput
from graph.windows import tell_too_long, window_of_student, windows_of_agents
from stores.journal import Journal, Split
from stores.run_directory import RunDirectory, holds_run, storage_errors
from stores.staged_run import StagedRun

_LOG = logging.getLogger("robustft")
_HELD_OUT: tuple[Split, ...] = ("test", "guard")


async def load(state: RunInput, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Make the run directory with every sample in its journal; resume the run that is there.

    Raises:
        InputError: the config, the data, a model or the directory is wrong; nothing is left behind.
    """
    is_resumed = await asyncio.to_thread(holds_run, Path(state.directory))
    if not is_resumed:
        config = parse_config(state.config)
        with storage_errors(state.directory):
            await _create(config, state, runtime.context.models)
    async with open_stage(state.directory, "load", repair=True) as work:
        plan = await _check_resume(work, state, runtime.context.models) if is_resumed else None
        work.outcome = await asyncio.to_thread(_seen, work, runtime.context.models)
        return await asyncio.to_thread(_begin, work, state, plan)


def _seen(work: Workspace, pool: ModelPool) -> dict[str, Any]:
    """Return what the run's models showed when they were asked first; as before where they were not now."""
    opened = {name: pool.find(work.config.models[name]) for name in work.config.models_in_use()}
    if not any(opened.values()):
        return keep_thinking(thinking_models(work.journal))
    return keep_thinking(frozenset(name for name, model in opened.items() if getattr(model, "thinks", False)))


async def _create(config: RunConfig, state: RunInput, pool: ModelPool) -> None:
    prompts = await asyncio.to_thread(load_prompts, config)
    staged = await finish_in_thread(
        lambda: StagedRun(Path(state.directory), config.to_yaml(), prompts.texts), StagedRun.discard
    )
    try:
        await asyncio.to_thread(_fill_new, staged, config, state)
        await asyncio.to_thread(_show_first, staged.journal, prompts)
        inputs = fingerprints(config, prompts).decisions
        await asyncio.to_thread(staged.journal.validity.keep_inputs, inputs)
        needs = Needs(
            config,
            lambda: prompts,
            lambda: staged.journal.samples("train"),
            state.until,
            encodes=encodes(config, state.until),
            logs=staged.state,
        )
        await check_needs(needs, pool)
        await _tell_too_long(pool, config, prompts, staged.journal, state)
        if state.reuse is not None:
            await asyncio.to_thread(_take_over, RunDirectory(staged.folder), Path(state.reuse))
        # In full: what is discarded must not be on its way to its place.
        await finish_in_thread(staged.commit)
    finally:
        await finish_in_thread(staged.discard)


def _fill_new(staged: StagedRun, config: RunConfig, state: RunInput) -> None:
    """Read the data of a new run, which knows from then on what they were."""
    found = fill(staged.journal, config, state, {})
    staged.manifest = staged.manifest.model_copy(update={"data": found})


async def _check_resume(work: Workspace, state: RunInput, pool: ModelPool) -> ResumePlan:
    """Check all that a run needs to go on, before anything of it is changed."""
    known = work.config
    plan, samples = await asyncio.to_thread(_plan, work, state)
    config = plan.config
    # A finished run can be resumed while its endpoint is down.
    asks = _has_questions(plan, samples, state.until)
    needs = Needs(
        config,
        lambda: plan.prompts,
        lambda: work.journal.samples("train"),
        state.until,
        trains=_is_untuned(work, config),
        encodes=asks and (config.encoder != known.encoder or encodes(config, state.until)),
        asks=asks,
        logs=work.files.state,
    )
    await check_needs(needs, pool)
    if asks:
        await _tell_too_long(pool, config, plan.prompts, work.journal, state)
    return plan


def _plan(work: Workspace, state: RunInput) -> tuple[ResumePlan, int]:
    """Return what a run is resumed with, and how many samples it has."""
    # The kept config of some runs names no data. The one that they are resumed with may.
    known = work.config
    config = known if known.data.train is not None else resumed_config(known, state)
    work.keep_data(fill(work.journal, config, state, work.manifest.data))
    return plan_resume(work, state), work.journal.count_samples("train")


def _begin(work: Workspace, state: RunInput, plan: ResumePlan | None) -> dict[str, Any]:
    """Carry out what was planned for a resumed run, and count the samples."""
    if plan is not None:
        if state.reuse is not None:
            _take_over(work.files, Path(state.reuse))
        carry_out(work, plan)
    write_skipped(work)
    samples = work.journal.count_samples("train")
    work.report(samples, samples)
    counts = {f"{split}_count": work.journal.count_samples(split) for split in _HELD_OUT}
    return {"sample_count": samples, **counts}


async def _tell_too_long(
    pool: ModelPool, config: RunConfig, prompts: Prompts, journal: Journal, state: RunInput
) -> None:
    windows = windows_of_agents(await load_models(pool, config), config, prompts)
    if state.until in TRAINING:
        windows.append(window_of_student(config, prompts))
    if windows:
        await asyncio.to_thread(tell_too_long, journal.samples("train"), windows)


def _has_questions(plan: ResumePlan, samples: int, until: Stage) -> bool:
    """Whether any sample is still to be asked about, or again."""
    counts = plan.counts
    to_relabel = counts.get("noisy", 0) if until not in VERDICTS else 0
    return plan.redoes or sum(counts.values()) < samples or bool(to_relabel or counts.get("failed"))


def _is_untuned(work: Workspace, config: RunConfig) -> bool:
    same = _tuned_weights(config) == _tuned_weights(work.config) and config.training == work.config.training
    return not same or not work.has_whole(*work.files.adapter_files)


def _tuned_weights(config: RunConfig) -> str:
    return config.models[config.training.model].name


def _take_over(files: RunDirectory, other: Path) -> None:
    """Take over another run's replies; one that has asked nothing yet has none."""
    source, taken = RunDirectory(other).replies, 0
    if source.is_file() and source.stat().st_size:
        with closing(files.open_replies()) as replies:
            taken = replies.copy_from(source)
    _LOG.info("%s: %s replies taken over", other, f"{taken:,}")


def _show_first(journal: Journal, prompts: Prompts) -> None:
    """Say in the log how the first sample is asked and trained on."""
    first = next(journal.samples("train"))
    _LOG.info("%s", preview(first, prompts.agents["base"]["prompt"]))
