"""The first stage: check everything that can be checked, and take the samples in."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from agents.models.config import probe
from graph.config.run import ConfigError, RunConfig, parse_config
from graph.context import load_models, load_prompts
from graph.stages import Stage
from graph.stages.resume import (
    Continuation,
    begin_again,
    continued_config,
    note_fingerprints,
    plan_continuation,
)
from graph.stages.stage import Workspace, open_stage, storage_errors
from graph.state import RunInput
from stores.dataset import join_gold, read_samples
from stores.encoder import load_encoder
from stores.journal import Journal
from stores.run_directory import RunDirectory, StagedRun, holds_run
from stores.sample import Sample
from stores.weights import resolve_weights

_LOG = logging.getLogger("robustft")


async def load(state: RunInput) -> dict[str, Any]:
    """Make the run directory with every sample in its journal; continue the one that is there.

    Raises:
        InputError: the config, the data, a model or the directory is wrong; nothing is left behind.
    """
    continued = await asyncio.to_thread(holds_run, Path(state.directory))
    if not continued:
        config = parse_config(state.config)
        with storage_errors(state.directory):
            await _create(config, state)
    async with open_stage(state.directory, "load", mend=True) as work:
        going_on = await _check_continuation(work, state) if continued else None
        if state.reuse is not None:
            await asyncio.to_thread(_take_over, work, Path(state.reuse))
        if going_on is not None:
            await asyncio.to_thread(begin_again, work, going_on)
        samples, test_samples = await asyncio.to_thread(
            lambda: (work.journal.count_samples("train"), work.journal.count_samples("test"))
        )
        work.report(samples, samples)
    return {"samples": samples, "test_samples": test_samples}


async def check_models(config: RunConfig, logs: Path | None = None, without: Sequence[str] = ()) -> None:
    """Ask every model a run would use for one reply, and load every prompt.

    Args:
        config: names the models and prompts.
        logs: the folder for the logs of servers that are started.
        without: models that are neither started nor asked.

    Raises:
        EndpointError: a model cannot be used.
        WeightsError: an embedded model cannot be loaded.
        PromptError: a prompt file cannot be used.
    """
    await asyncio.to_thread(load_prompts, config)
    models = await load_models(config, logs, without)
    for name in sorted(models):
        needs_log_probabilities = name == config.agents.relabeler.model
        await probe(models[name], f"models.{name}", log_probabilities=needs_log_probabilities)


async def _create(config: RunConfig, state: RunInput) -> None:
    staged = await asyncio.to_thread(StagedRun, Path(state.directory), config.to_yaml())
    try:
        await asyncio.to_thread(_fill, staged.journal, config)
        await _check_what_is_asked(config, state, staged.folder)
        if state.until in ("train", "evaluate"):
            await asyncio.to_thread(check_tuned_model, config)
        await asyncio.to_thread(staged.commit)
    finally:
        await asyncio.to_thread(staged.discard)


async def _check_continuation(work: Workspace, state: RunInput) -> Continuation:
    """Check all that a run needs to go on, before anything of it is changed."""
    # A config that names no data was kept of some runs; what they are gone on with may name it.
    known = work.config
    filling = known if known.data.train is not None else continued_config(known, state)
    await asyncio.to_thread(_fill, work.journal, filling)
    going_on = await asyncio.to_thread(plan_continuation, work, state)
    samples = await asyncio.to_thread(work.journal.count_samples, "train")
    config = going_on.config
    # A finished run can be resumed while its endpoint is down.
    if _has_questions(going_on, samples, state.until):
        another_encoder = config.encoder != known.encoder
        await _check_what_is_asked(config, state, work.files.path, encodes=another_encoder)
    if state.until in ("train", "evaluate") and _tuned_weights(config) != _tuned_weights(known):
        await asyncio.to_thread(check_tuned_model, config)
    return going_on


async def _check_what_is_asked(
    config: RunConfig, state: RunInput, logs: Path, *, encodes: bool = False
) -> None:
    if encodes or config.weighs or config.shows_examples(state.until):
        # Now, and not while an endpoint waits for requests; and alone, since two threads cannot import
        # transformers at once.
        await asyncio.to_thread(load_encoder, config.encoder)
    await check_models(config, logs)


def _has_questions(going_on: Continuation, samples: int, until: Stage) -> bool:
    """Whether any sample is still to be asked about, or again."""
    counts = going_on.counts
    to_relabel = counts.get("noisy", 0) if until != "detect" else 0
    return going_on.redoes or sum(counts.values()) < samples or bool(to_relabel or counts.get("failed"))


def check_tuned_model(config: RunConfig) -> None:
    """Check that the model to be tuned is at hand before anything is asked of the others."""
    # Imported here: transformers takes seconds.
    from training.lora import load_tokenizer

    load_tokenizer(resolve_weights(_tuned_weights(config)))


def _tuned_weights(config: RunConfig) -> str:
    return config.models[config.training.model].name


def _take_over(work: Workspace, other: Path) -> None:
    """Take over another run's replies."""
    with closing(work.files.open_replies()) as replies:
        taken = replies.copy_from(RunDirectory(other).replies)
    _LOG.info("%s: %s replies taken over", other, f"{taken:,}")


def _fill(journal: Journal, config: RunConfig) -> None:
    """Read the data that the journal does not hold yet."""
    if not journal.count_samples("train"):
        journal.add_samples("train", _training_samples(config))
        note_fingerprints(journal, config)
    if config.data.test is not None and not journal.count_samples("test"):
        journal.add_samples("test", read_samples(config.data.test))


def _training_samples(config: RunConfig) -> Iterator[Sample]:
    if config.data.train is None:
        raise ConfigError("data.train: no training data; give a file with --data or in the config")
    samples = read_samples(config.data.train, limit=config.data.limit, noisy=True)
    return join_gold(samples, config.data.gold) if config.data.gold is not None else samples
