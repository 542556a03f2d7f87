"""The agents of a config, and how a graph comes by them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents.agent import AgentConfig, Parts
from agents.cache import ReplyCache
from agents.models.config import identify, rates_tokens
from agents.models.pool import EndpointSettings, ModelPool
from agents.role import Role
from agents.room import Lengths, room_for
from graph.config.run import ConfigError, RunConfig, parse_config
from prompts.template import QuestionTemplate, Template, load_question_block
from stores.examples import ExampleStore

# The models of samples outside any run, by event loop: a connection belongs to the loop it was opened in.
_KEPT: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[ModelPool]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Agents:
    """The agents of a config by their names, ready to be asked.

    An agent whose view the checker does not look at is left out.
    """

    by_name: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """Return an agent; None where it is left out."""
        return self.by_name.get(name)


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
    prompts = await asyncio.to_thread(load_prompts, config)
    return build_agents(config, models, prompts)


async def _keep_models() -> AsyncGenerator[ModelPool]:
    """Yield the same models again and again; a loop that ends closes its generators, and so the models."""
    async with ModelPool() as models:
        while True:
            yield models


class Prompts(NamedTuple):
    """The templates of a config, checked: those of the agents, and the block that all of them show.

    `agents` has them by the agents' names, and by the config keys that name their files. `texts` has the text
    of each file as a run keeps it, by the turn that asks with it and, where a turn has several, by the form.
    """

    question: Template
    agents: Mapping[str, Mapping[str, QuestionTemplate]]
    texts: Mapping[str, str]


def load_prompts(config: RunConfig, kept: Path | None = None, kept_for: RunConfig | None = None) -> Prompts:
    """Read and check the prompts of a config.

    Args:
        config: names the prompt files.
        kept: a run's own folder of prompts (see `Prompts.texts`), read in place of the files that are named.
        kept_for: the config that they were kept for; a prompt that this one names otherwise is read from the
            file that the config names.

    Raises:
        PromptError: one cannot be used.
    """
    question = load_question_block(kept)
    known = kept_for.agents.by_name() if kept_for is not None else {}
    agents = {
        name: agent.load_prompts(question, kept, known.get(name))
        for name, agent in config.agents.by_name().items()
    }
    texts = {
        f"{agent.turn_of(key)}/{form}" if form else agent.turn_of(key): text
        for name, agent in config.agents.by_name().items()
        for key, template in agents[name].items()
        for form, text in template.texts.items()
    }
    return Prompts(question, agents, {"question": question.source, **texts})


def build_agents(
    config: RunConfig,
    models: dict[str, BaseChatModel],
    prompts: Prompts,
    examples: ExampleStore | None = None,
    cache: ReplyCache | None = None,
    lengths: Lengths | None = None,
) -> Agents:
    """Build the agents of a config.

    Args:
        config: names each agent's model and sampling.
        models: the chat models by the names they have in the config.
        prompts: what the agents ask with.
        examples: the clean samples for the relabeler; None while there are none.
        cache: what was replied before; None where nothing is remembered, as in Studio.
        lengths: of the data's responses, which `max_tokens: auto` follows; None where there are no data.
    """

    def role(name: str, agent: AgentConfig) -> Role:
        model = models[agent.model]
        thinks = getattr(model, "thinks", False)
        room = room_for(agent.max_tokens, agent.need, lengths or Lengths(), thinks=thinks)
        return Role(
            model,
            temperature=agent.temperature,
            max_tokens=room.first,
            most=room.most,
            seed=config.run.seed,
            recall=cache.of(name, identify(config.models[agent.model])) if cache else None,
            log_probabilities=agent.log_probabilities and rates_tokens(config.models[agent.model]),
        )

    looked_at = {None, *config.agents.checker.views}
    return Agents(
        {
            name: agent.build(Parts(role(name, agent), prompts.agents[name], examples))
            for name, agent in config.agents.by_name().items()
            if agent.view in looked_at
        }
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
