"""How a sample graph outside any run comes by its agents: models and finished runs are opened once."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from langgraph.runtime import Runtime

from agents.checker import PROVISIONAL, Checker
from agents.models.chat import DirectChatModel
from agents.models.pool import ModelPool
from graph.config.run import ConfigError, RunConfig, parse_config
from graph.context import Agents, SampleContext, build_agents, load_models, load_prompts
from graph.fingerprint import fingerprints
from graph.frozen_run import FrozenRun, stamp_of


async def agents_of(runtime: Runtime[SampleContext | Agents]) -> Agents:
    """Return the agents that a sample graph asks.

    Models and runs are opened once and kept until the event loop ends. Prompt files that a config names are
    read anew, so an edit shows at once. A run that has gone on since is opened anew.

    Raises:
        ConfigError: the context has neither a config nor a run, or a wrong config.
        RunDirectoryError: there is no run in the directory.
        InputError: the run is not finished.
        EndpointError: a model cannot be used.
        WeightsError: an embedded model, or the run's encoder, cannot be loaded.
        PromptError: a prompt file cannot be used.
        StorageError: the run's files cannot be read.
    """
    context = runtime.context
    if isinstance(context, Agents):
        return context
    if context is None or not (context.config or context.run):
        raise ConfigError(
            "the sample graph needs to know which models to ask; give it a context, for example "
            'context={"config": {"models": {"default": {"provider": "openai", "name": "my-model", '
            '"base_url": "http://127.0.0.1:8000/v1"}}}}, or {"provider": "embedded"} for the small model '
            'that ships with RobustFT; or {"run": DIR}, to decide as a finished run did'
        )
    kept = await anext(_KEPT.setdefault(asyncio.get_running_loop(), _keep()))
    if context.run and not context.config:
        return await kept.agents(context.run)
    if context.run:
        run = await kept.run(context.run)
        config = await asyncio.to_thread(overridden, run.config, context.config)
        return await agents_of_run(kept.models, run, config)
    config = parse_config(context.config)
    models = await load_models(kept.models, config)
    prompts = await asyncio.to_thread(load_prompts, config)
    return build_agents(config, models, prompts)


async def agents_of_run(pool: ModelPool, run: FrozenRun, config: RunConfig) -> Agents:
    """Return the agents of a config, which know what a finished run knows.

    Args:
        pool: owns the models.
        run: the run.
        config: the run's, or one that differs in parts (see `overridden`). Where it changes what verdicts are
            made from, the run's weights do not hold.

    Raises:
        EndpointError: a model cannot be used.
        WeightsError: an embedded model cannot be loaded.
        PromptError: a prompt cannot be used.
        StorageError: the run's files cannot be read.
    """
    models = await load_models(pool, config)
    for name, model in models.items():
        if name in run.thinking and isinstance(model, DirectChatModel):
            model.thinks = True

    def build() -> Agents:
        prompts = load_prompts(config, run.files, run.config)
        examples = run.examples() if config.agents.relabeler.neighbours else None
        agents = build_agents(config, models, prompts, examples, run.cache, run.lengths)
        holds = fingerprints(config, prompts).decisions.verdicts == run.inputs.verdicts
        why = _why_provisional(config, run, holds)
        weights = run.weights if config.calibrates and why is None else None
        checker: Checker = agents.get("checker")
        checker.assesses = weights is not None and weights.uses_plausibility
        glance = run.glance if weights is not None else None
        return replace(agents, run=run, weights=weights, glance=glance, provisional=why)

    return await asyncio.to_thread(build)


def _why_provisional(config: RunConfig, run: FrozenRun, holds: bool) -> str | None:
    """Return which policy decides in the place of `calibrated`, and why; None where that is not so."""
    if not config.calibrates:
        return None
    if run.weights is None:
        return f"{PROVISIONAL}: the run is not calibrated"
    return None if holds else f"{PROVISIONAL}: the run's weights are of other agents"


def overridden(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Return a config with some of its keys changed.

    Args:
        config: the config.
        changes: the part of it that differs, as plain data. A model of another provider replaces all of the
            old one's entry.

    Raises:
        ConfigError: a key or value is wrong.
    """
    return parse_config(_merged(config.model_dump(mode="json"), changes)) if changes else config


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    if "provider" in new and new["provider"] != old.get("provider"):
        return dict(new)
    both = [name for name in new if isinstance(new[name], Mapping) and isinstance(old.get(name), Mapping)]
    return {**old, **new, **{name: _merged(old[name], new[name]) for name in both}}


class _Kept:
    """The models and runs of samples outside any run, of one event loop."""

    def __init__(self) -> None:
        self.models = ModelPool()
        self._runs: dict[str, FrozenRun] = {}
        self._agents: dict[str, Agents] = {}
        # Those that have gone on since: a journey under way may still look at them.
        self._earlier: list[FrozenRun] = []
        self._opening = asyncio.Lock()

    async def run(self, directory: str) -> FrozenRun:
        """Return a finished run, opened at the first call and again when it has gone on."""
        async with self._opening:
            stamp = await asyncio.to_thread(stamp_of, Path(directory))
            known = self._runs.get(directory)
            if known is None or known.stamp != stamp:
                self._runs[directory] = await asyncio.to_thread(FrozenRun, Path(directory))
                if known is not None:
                    self._earlier.append(known)
            return self._runs[directory]

    async def agents(self, directory: str) -> Agents:
        """Return a finished run's own agents, built anew when it has gone on."""
        run = await self.run(directory)
        known = self._agents.get(directory)
        if known is None or known.run is not run:
            known = self._agents[directory] = await agents_of_run(self.models, run, run.config)
        return known

    async def close(self) -> None:
        for run in (*self._runs.values(), *self._earlier):
            await asyncio.to_thread(run.close)
        await self.models.close()


async def _keep() -> AsyncGenerator[_Kept]:
    """Yield the same models and runs again and again; a loop that ends closes its generators, and so them."""
    kept = _Kept()
    try:
        while True:
            yield kept
    finally:
        await kept.close()


# By event loop: a connection belongs to the loop it was opened in.
_KEPT: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[_Kept]] = WeakKeyDictionary()
