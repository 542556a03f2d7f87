"""The first stage: check everything that can be checked, and take the samples in."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from agents.models.config import OpenAIModelConfig, rates_tokens
from agents.models.pool import ModelPool
from agents.models.probe import check_name, probe
from graph.config import VERDICTS, Stage
from graph.config.run import ConfigError, RunConfig, parse_config
from graph.context import Prompts, RunContext, load_models, load_prompts
from graph.fingerprint import fingerprints
from graph.frozen_run import keep_thinking, thinking_models
from graph.preview import preview
from graph.stages.base_role import BaseRole
from graph.stages.fill import fill, write_skipped
from graph.stages.resume import ResumePlan, carry_out, plan_resume, resumed_config
from graph.stages.stage import Workspace, open_stage
from graph.stages.threads import finish_in_thread
from graph.state import RunInput
from graph.windows import tell_too_long, window_of_student, windows_of_agents
from stores.encoder import load_encoder
from stores.errors import WeightsError
from stores.journal import Journal, Split
from stores.model_hub import fetchable_weights
from stores.run_directory import RunDirectory, StagedRun, holds_run, storage_errors
from stores.sample import Sample

_LOG = logging.getLogger("robustft")
_HELD_OUT: tuple[Split, ...] = ("test", "guard")
# Enough to see whether a model begins with thoughts.
_PROBED = 32

TRAINING: tuple[Stage, ...] = ("train", "evaluate")
"""The stages that need the model which is tuned."""
# Samples of which a student's chat template must render one.
_TRIED = 8


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


async def check_models(
    pool: ModelPool, config: RunConfig, logs: Path | None = None, without: Sequence[str] = ()
) -> None:
    """Ask every model a run would use for a reply, once in each way that its agents will ask.

    Args:
        pool: owns the models.
        config: names the models.
        logs: the folder for the logs of servers that are started.
        without: models that are neither started nor asked.

    Raises:
        EndpointError: a model cannot be used.
        WeightsError: an embedded model cannot be loaded.
    """
    models = await load_models(pool, config, logs, without)
    for name in sorted(models):
        label = f"models.{name}"
        for sampling in _samplings(config, name):
            await probe(models[name], label, sampling)
        await check_name(models[name], label)


def _samplings(config: RunConfig, model: str) -> list[dict[str, Any]]:
    """Return the different ways in which a model is asked, with the least room that any agent gives it."""
    asking = [agent for agent in config.agents.by_name().values() if agent.model == model]
    rooms = [agent.max_tokens for agent in asking if agent.max_tokens != "auto"]
    room = min([_PROBED, *rooms])
    found: list[dict[str, Any]] = []
    for agent in asking:
        sampling: dict[str, Any] = {
            "temperature": agent.temperature,
            "seed": config.run.seed,
            "max_tokens": room,
        }
        if agent.log_probabilities and rates_tokens(config.models[model]):
            sampling["logprobs"] = True
        # What rates its tokens is asked no other way as well.
        if not any(sampling.items() <= known.items() for known in found):
            found = [known for known in found if not known.items() <= sampling.items()]
            found.append(sampling)
    return found


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
        if state.until in TRAINING:
            check_can_be_tuned(config)
            await asyncio.to_thread(_check_student, config, prompts, staged.journal)
        await _check_what_is_asked(pool, config, state, staged.state)
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
    if state.until in TRAINING and _is_untuned(work, config):
        check_can_be_tuned(config)
        await asyncio.to_thread(_check_student, config, plan.prompts, work.journal)
    # A finished run can be resumed while its endpoint is down.
    if _has_questions(plan, samples, state.until):
        another_encoder = config.encoder != known.encoder
        await _check_what_is_asked(pool, config, state, work.files.state, encodes=another_encoder)
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


async def _check_what_is_asked(
    pool: ModelPool, config: RunConfig, state: RunInput, logs: Path, *, encodes: bool = False
) -> None:
    if encodes or config.calibrates or config.shows_examples(state.until):
        # Now, and not while an endpoint waits for requests; and alone, since two threads cannot import
        # transformers at once.
        await asyncio.to_thread(load_encoder, config.encoder)
    await check_models(pool, config, logs)


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


def check_can_be_tuned(config: RunConfig) -> None:
    """Check that the model to be tuned is one of this machine, before anything else is looked at.

    Raises:
        ConfigError: it is an endpoint's.
    """
    name = config.training.model
    if isinstance(config.models[name], OpenAIModelConfig):
        raise ConfigError(
            f"models.{name} is an endpoint and cannot be tuned here; name a local model in training.model, "
            "or add --until select"
        )


def check_tuned_model(config: RunConfig, prompts: Prompts, samples: Sequence[Sample] = ()) -> str:
    """Check that the model to be tuned is at hand and fits, before anything is asked of the others.

    Args:
        config: names it.
        prompts: of the config; the model is trained on the base agent's.
        samples: some of those that it would be trained on.

    Returns:
        What was found, in a few words.

    Raises:
        WeightsError: it cannot be tuned; see `training.student.check_student`.
        InputError: `training.lora` does not fit it.
    """
    # Imported here: transformers takes seconds.
    from training.student import check_student

    role = BaseRole(config.agents.base, prompts.agents["base"]["prompt"])
    rows = [role.row(sample, sample.response) for sample in samples]
    try:
        return check_student(fetchable_weights(_tuned_weights(config)), config.training, rows)
    except WeightsError as exc:
        raise WeightsError(f"training.model '{config.training.model}': {exc}") from exc


def _is_untuned(work: Workspace, config: RunConfig) -> bool:
    same = _tuned_weights(config) == _tuned_weights(work.config) and config.training == work.config.training
    return not same or not work.has_whole(*work.files.adapter_files)


def _check_student(config: RunConfig, prompts: Prompts, journal: Journal) -> None:
    """Check the model that is tuned, its chat template on the first samples."""
    check_tuned_model(config, prompts, list(islice(journal.samples("train"), _TRIED)))


def _tuned_weights(config: RunConfig) -> str:
    return config.models[config.training.model].name


def _take_over(files: RunDirectory, other: Path) -> None:
    """Take over another run's replies; one that has asked nothing yet has none."""
    source, taken = RunDirectory(other).replies, 0
    if source.is_file():
        with closing(files.open_replies()) as replies:
            taken = replies.copy_from(source)
    _LOG.info("%s: %s replies taken over", other, f"{taken:,}")


def _show_first(journal: Journal, prompts: Prompts) -> None:
    """Say in the log how the first sample is asked and trained on."""
    first = next(journal.samples("train"))
    _LOG.info("%s", preview(first, prompts.agents["base"]["prompt"]))
