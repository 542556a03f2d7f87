"""The five agents of a config, and how a graph comes by them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents import checker, reasoner, reviewer
from agents.base import BaseAgent
from agents.cache import ReplyCache
from agents.checker import Checker
from agents.models.config import identify
from agents.models.pool import EndpointSettings, ModelPool
from agents.reasoner import Reasoner
from agents.relabeler import Relabeler
from agents.reviewer import Reviewer
from agents.role import AgentConfig, Role
from graph.config.run import ConfigError, RunConfig, parse_config
from prompts.template import QuestionTemplate
from stores.examples import ExampleStore

# The models of samples outside any run, by event loop: a connection belongs to the loop it was opened in.
_KEPT: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[ModelPool]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Agents:
    """The five agents, ready to be asked; None for one whose view nobody looks at."""

    base: BaseAgent | None
    reasoner: Reasoner | None
    checker: Checker
    relabeler: Relabeler
    reviewer: Reviewer


@dataclass(frozen=True)
class SampleContext:
    """What the sample graph is told besides the sample, in Studio or from Python.

    A run passes its `Agents` instead.

    Args:
        config: the part of a `RunConfig` that differs from the defaults, as plain data. It cannot be empty.

    Example:
        `{"config": {"models": {"default": {"provider": "embedded"}}}}`
    """

    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunContext:
    """What the stages of one run share."""

    models: ModelPool


async def agents_of(runtime: Runtime[SampleContext | Agents]) -> Agents:
    """Return the agents that a sample graph asks.

    A config's models are opened once and kept until the event loop ends. Its prompt files are read anew, so
    an edit shows at once.

    Raises:
        ConfigError: the context has no config, or a wrong one.
        EndpointError: a model cannot be used.
        WeightsError: an embedded model cannot be loaded.
        PromptError: a prompt file cannot be used.
    """
    context = runtime.context
    if isinstance(context, Agents):
        return context
    if context is None or not context.config:
        raise ConfigError(
            "the sample graph needs to know which models to ask; give it a context, for example "
            'context={"config": {"models": {"default": {"provider": "openai", "name": "my-model", '
            '"base_url": "http://127.0.0.1:8000/v1"}}}}, or {"provider": "embedded"} for the small model '
            "that ships with RobustFT"
        )
    config = parse_config(context.config)
    pool = await anext(_KEPT.setdefault(asyncio.get_running_loop(), _keep_models()))
    models = await load_models(pool, config)
    return await asyncio.to_thread(build_agents, config, models)


async def _keep_models() -> AsyncGenerator[ModelPool]:
    """Yield the same models again and again; a loop that ends closes its generators, and so the models."""
    async with ModelPool() as models:
        while True:
            yield models


class Prompts(NamedTuple):
    """The templates of a config, checked."""

    base: QuestionTemplate
    reason: QuestionTemplate
    reflect: QuestionTemplate
    check: QuestionTemplate
    relabel: QuestionTemplate
    review: QuestionTemplate


def load_prompts(config: RunConfig) -> Prompts:
    """Read the prompt files of a config.

    Raises:
        PromptError: one cannot be used.
    """
    settings = config.agents
    return Prompts(
        base=QuestionTemplate(settings.base.prompt),
        reason=QuestionTemplate(settings.reasoner.prompt, reasoner.REASON_VARIABLES),
        # A critique may look at the reasoning alone.
        reflect=QuestionTemplate(
            settings.reasoner.reflect_prompt,
            reasoner.REFLECT_VARIABLES,
            about=reasoner.REFLECT_VARIABLES | {"question"},
        ),
        check=QuestionTemplate(settings.checker.prompt, checker.VARIABLES),
        relabel=QuestionTemplate(settings.relabeler.prompt),
        review=QuestionTemplate(settings.reviewer.prompt, reviewer.VARIABLES),
    )


def build_agents(
    config: RunConfig,
    models: dict[str, BaseChatModel],
    examples: ExampleStore | None = None,
    cache: ReplyCache | None = None,
) -> Agents:
    """Build the agents of a config.

    Args:
        config: names each agent's model, prompts and sampling.
        models: the chat models by the names they have in the config.
        examples: the clean samples for the relabeler; None while there are none.
        cache: what was replied before; None where nothing is remembered, as in Studio.

    Raises:
        PromptError: a prompt file cannot be used.
    """
    settings = config.agents
    prompts = load_prompts(config)

    def expert(name: str, agent: AgentConfig, *, log_probabilities: bool = False) -> Role:
        return Role(
            models[agent.model],
            temperature=agent.temperature,
            max_tokens=agent.max_tokens,
            seed=config.run.seed,
            recall=cache.of(name, identify(config.models[agent.model])) if cache else None,
            log_probabilities=log_probabilities,
        )

    views = settings.checker.views
    direct = expert("base", settings.base)
    reasoning = expert("reasoner", settings.reasoner)
    relabeling = expert("relabeler", settings.relabeler, log_probabilities=True)
    return Agents(
        base=BaseAgent(direct, prompts.base) if "base" in views else None,
        reasoner=(
            Reasoner(reasoning, prompts.reason, prompts.reflect, settings.reasoner)
            if "reasoning" in views
            else None
        ),
        checker=Checker(expert("checker", settings.checker), prompts.check, settings.checker),
        relabeler=Relabeler(relabeling, prompts.relabel, examples, settings.relabeler.neighbours),
        reviewer=Reviewer(expert("reviewer", settings.reviewer), prompts.review, settings.reviewer),
    )


async def load_models(
    pool: ModelPool, config: RunConfig, logs: Path | None = None, without: Sequence[str] = ()
) -> dict[str, BaseChatModel]:
    """Open every model that an agent of this config uses; equal entries share one model.

    Args:
        pool: owns the models and closes them.
        config: names the models, and says how much an endpoint may be sent at once.
        logs: the folder for the logs of servers that are started.
        without: models to leave out.

    Raises:
        EndpointError: a key is missing, or a server cannot be started.
        WeightsError: an embedded model cannot be loaded.
    """
    settings = endpoint_settings(config, logs)
    return {
        name: await pool.open(config.models[name], f"models.{name}", settings)
        for name in sorted(config.models_in_use() - set(without))
    }


def endpoint_settings(config: RunConfig, logs: Path | None) -> EndpointSettings:
    """Return how a run treats the endpoints that it uses."""
    return EndpointSettings(ceiling=config.run.concurrency, patience=config.run.patience, logs=logs)
