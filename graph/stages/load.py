"""The first stage: check everything that can be checked, and take the samples in."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from agents.answers.task import count_kinds
from agents.models.pool import ModelPool
from agents.models.probe import probe
from graph.config import Stage
from graph.config.run import ConfigError, RunConfig, parse_config
from graph.context import RunContext, load_models, load_prompts
from graph.fingerprint import fingerprints
from graph.stages.resume import ResumePlan, carry_out, plan_resume, resumed_config
from graph.stages.stage import Workspace, open_stage
from graph.stages.threads import finish_in_thread
from graph.state import RunInput
from stores.dataset import join_gold, read_rows, read_samples
from stores.encoder import load_encoder
from stores.journal import Journal, Split
from stores.run_directory import RunDirectory, StagedRun, holds_run, storage_errors
from stores.sample import Sample
from stores.weights import resolve_weights

_LOG = logging.getLogger("robustft")


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
        return await asyncio.to_thread(_begin, work, state, plan)


async def check_models(
    pool: ModelPool, config: RunConfig, logs: Path | None = None, without: Sequence[str] = ()
) -> None:
    """Ask every model a run would use for one reply.

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
        needs_log_probabilities = name == config.agents.relabeler.model
        await probe(models[name], f"models.{name}", log_probabilities=needs_log_probabilities)


async def _create(config: RunConfig, state: RunInput, pool: ModelPool) -> None:
    prompts = await asyncio.to_thread(load_prompts, config)
    staged = await finish_in_thread(
        lambda: StagedRun(Path(state.directory), config.to_yaml(), prompts.texts), StagedRun.discard
    )
    try:
        await asyncio.to_thread(_fill, staged.journal, config, state)
        inputs = fingerprints(config, prompts).decisions
        await asyncio.to_thread(staged.journal.validity.keep_inputs, inputs)
        await _check_what_is_asked(pool, config, state, staged.state)
        if state.until in ("train", "evaluate"):
            await asyncio.to_thread(check_tuned_model, config)
        if state.reuse is not None:
            await asyncio.to_thread(_take_over, RunDirectory(staged.folder), Path(state.reuse))
        # In full: what is discarded must not be on its way to its place.
        await finish_in_thread(staged.commit)
    finally:
        await finish_in_thread(staged.discard)


async def _check_resume(work: Workspace, state: RunInput, pool: ModelPool) -> ResumePlan:
    """Check all that a run needs to go on, before anything of it is changed."""
    known = work.config
    plan, samples = await asyncio.to_thread(_plan, work, state)
    config = plan.config
    # A finished run can be resumed while its endpoint is down.
    if _has_questions(plan, samples, state.until):
        another_encoder = config.encoder != known.encoder
        await _check_what_is_asked(pool, config, state, work.files.state, encodes=another_encoder)
    if state.until in ("train", "evaluate") and _tuned_weights(config) != _tuned_weights(known):
        await asyncio.to_thread(check_tuned_model, config)
    return plan


def _plan(work: Workspace, state: RunInput) -> tuple[ResumePlan, int]:
    """Return what a run is resumed with, and how many samples it has."""
    # The kept config of some runs names no data. The one that they are resumed with may.
    known = work.config
    config = known if known.data.train is not None else resumed_config(known, state)
    _fill(work.journal, config, state)
    return plan_resume(work, state), work.journal.count_samples("train")


def _begin(work: Workspace, state: RunInput, plan: ResumePlan | None) -> dict[str, Any]:
    """Carry out what was planned for a resumed run, and count the samples."""
    if plan is not None:
        if state.reuse is not None:
            _take_over(work.files, Path(state.reuse))
        carry_out(work, plan)
    samples = work.journal.count_samples("train")
    work.report(samples, samples)
    return {"sample_count": samples, "test_count": work.journal.count_samples("test")}


async def _check_what_is_asked(
    pool: ModelPool, config: RunConfig, state: RunInput, logs: Path, *, encodes: bool = False
) -> None:
    if encodes or config.calibrates or config.shows_examples(state.until):
        # Now, and not while an endpoint waits for requests; and alone, since two threads cannot import
        # transformers at once.
        await asyncio.to_thread(load_encoder, config.encoder)
    await check_models(pool, config, logs)


def _has_questions(plan: ResumePlan, samples: int, until: Stage) -> bool:
    """Whether any sample is still to be asked about, or again."""
    counts = plan.counts
    to_relabel = counts.get("noisy", 0) if until != "detect" else 0
    return plan.redoes or sum(counts.values()) < samples or bool(to_relabel or counts.get("failed"))


def check_tuned_model(config: RunConfig) -> None:
    """Check that the model to be tuned is at hand before anything is asked of the others."""
    # Imported here: transformers takes seconds.
    from training.lora import load_tokenizer

    load_tokenizer(resolve_weights(_tuned_weights(config)))


def _tuned_weights(config: RunConfig) -> str:
    return config.models[config.training.model].name


def _take_over(files: RunDirectory, other: Path) -> None:
    """Take over another run's replies; one that has asked nothing yet has none."""
    source, taken = RunDirectory(other).replies, 0
    if source.is_file():
        with closing(files.open_replies()) as replies:
            taken = replies.copy_from(source)
    _LOG.info("%s: %s replies taken over", other, f"{taken:,}")


def _fill(journal: Journal, config: RunConfig, request: RunInput) -> None:
    """Read the data that the journal does not hold yet."""
    if not journal.count_samples("train"):
        journal.add_samples("train", _training_samples(config, request))
        _tell_kinds(journal, "train")
    if not journal.count_samples("test"):
        journal.add_samples("test", _test_samples(config, request))
        _tell_kinds(journal, "test")


def _tell_kinds(journal: Journal, split: Split) -> None:
    """Keep the kind of every sample's answers: of both data sets, the training data's tasks tell it."""
    kinds = count_kinds(journal.samples("train"))
    try:
        journal.set_kinds(split, kinds.kind)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _training_samples(config: RunConfig, request: RunInput) -> Iterator[Sample]:
    data = config.data
    if request.samples is not None:
        _check_unnamed("train", data.train)
        samples = read_rows(request.samples, "samples", limit=data.limit, noisy=True)
    elif data.train is not None:
        samples = read_samples(data.train, limit=data.limit, noisy=True)
    else:
        raise ConfigError("data.train: no training data; give a file with --data or in the config")
    return join_gold(samples, data.gold) if data.gold is not None else samples


def _test_samples(config: RunConfig, request: RunInput) -> Iterator[Sample]:
    if request.test_samples is not None:
        _check_unnamed("test", config.data.test)
        return read_rows(request.test_samples, "test_samples")
    return read_samples(config.data.test) if config.data.test is not None else iter(())


def _check_unnamed(key: str, path: str | None) -> None:
    if path is not None:
        raise ConfigError(f"data.{key}: names {path}, but samples are given too; leave one of them out")
