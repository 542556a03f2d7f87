"""The first stage: check everything that can be checked, and take the samples in."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.models import probe
from graph.agents import build_agents, load_models
from graph.config import ConfigError, RunConfig, parse_config
from graph.state import RunInput
from graph.workspace import open_stage
from stores.dataset import join_gold, read_samples
from stores.journal import Journal
from stores.run_directory import StagedRun, holds_run
from stores.sample import Sample
from stores.weights import resolve_weights


async def load(state: RunInput) -> dict[str, Any]:
    """Make the run directory with every sample in its journal; continue the one that is there.

    Raises:
        InputError: the config, the data, a model or the directory is wrong; nothing is left behind.
    """
    if not await asyncio.to_thread(holds_run, Path(state.directory)):
        await _create(parse_config(state.config), state)
    async with open_stage(state.directory, "load") as work:
        samples, test_samples = await asyncio.to_thread(
            lambda: (work.journal.count_samples("train"), work.journal.count_samples("test"))
        )
        work.report(samples, samples)
    return {"samples": samples, "test_samples": test_samples}


async def check_models(config: RunConfig) -> None:
    """Ask every model a run would use for one reply, and load every prompt.

    Raises:
        EndpointError: a model cannot be used.
        WeightsError: an embedded model cannot be loaded.
        PromptError: a prompt file cannot be used.
    """
    models = await load_models(config)
    await asyncio.to_thread(build_agents, config, models)
    for name in sorted(models):
        needs_log_probabilities = name == config.agents.relabeler.model
        await probe(models[name], f"models.{name}", log_probabilities=needs_log_probabilities)


async def _create(config: RunConfig, state: RunInput) -> None:
    if config.data.train is None:
        raise ConfigError("data.train: no training data; give a file with --data or in the config")
    staged = await asyncio.to_thread(StagedRun, Path(state.directory), config.to_yaml())
    try:
        await asyncio.to_thread(_fill, staged.journal, config, state.limit)
        await check_models(config)
        if state.until in ("train", "evaluate"):
            await asyncio.to_thread(_check_tuned_model, config)
        await asyncio.to_thread(staged.commit)
    finally:
        await asyncio.to_thread(staged.discard)


def _check_tuned_model(config: RunConfig) -> None:
    """Check that the model to be tuned is at hand before anything is asked of the others."""
    # Imported here: transformers takes seconds.
    from training.lora import load_tokenizer

    load_tokenizer(resolve_weights(config.models[config.training.model].name))


def _fill(journal: Journal, config: RunConfig, limit: int | None) -> None:
    journal.add_samples("train", _training_samples(config, limit))
    if config.data.test is not None:
        journal.add_samples("test", read_samples(config.data.test))


def _training_samples(config: RunConfig, limit: int | None) -> Iterator[Sample]:
    samples = read_samples(config.data.train or "", limit=limit)
    return join_gold(samples, config.data.gold) if config.data.gold is not None else samples
