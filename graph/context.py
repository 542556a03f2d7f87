"""The agents of a config, and how a graph comes by them."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents.agent import AgentConfig, Parts
from agents.cache import ReplyCache
from agents.models.config import identify
from agents.models.pool import EndpointSettings, ModelPool
from agents.role import Role
from graph.config.run import RunConfig, parse_config
from prompts.template import QuestionTemplate, Template, load_question_block
from stores.examples import ExampleStore

# A connection belongs to the event loop it was opened in, and one process may well run several.
_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, ModelPool] = WeakKeyDictionary()


Agents = Mapping[str, Any]
"""The agents of a config by their names, ready to be asked; one whose view nobody looks at is left out."""


@dataclass(frozen=True)
class SampleContext:
    """What a run of the sample graph may be given, in Studio or through the API.

    Args:
        config: the part of a `RunConfig` that differs from the defaults, as plain data.
    """

    config: dict[str, Any] = field(default_factory=dict)

    async def get_agents(self) -> Agents:
        """Return this config's agents.

        Models are loaded once and shared; prompt files are read anew, so an edit shows at once.
        """
        return await _agents_of(json.dumps(self.config, sort_keys=True))


@dataclass(frozen=True)
class BoundContext(SampleContext):
    """A context whose agents are built already, as a run's are."""

    agents: Agents = None  # type: ignore[assignment]

    async def get_agents(self) -> Agents:
        """Return the agents given."""
        return self.agents


async def agents_of(runtime: Runtime[SampleContext]) -> Agents:
    """Return the agents of a running graph; without a context, those of the default config."""
    return await (runtime.context or SampleContext()).get_agents()


class Prompts(NamedTuple):
    """The templates of a config, checked: those of the agents, and the block that all of them show.

    `agents` has them by the agents' names, and by the config keys that name their files. `texts` has the text
    of each file as a run keeps it, by the turn that asks with it.
    """

    question: Template
    agents: Mapping[str, Mapping[str, QuestionTemplate]]
    texts: Mapping[str, str]


def load_prompts(config: RunConfig, kept: Path | None = None) -> Prompts:
    """Read and check the prompts of a config.

    Args:
        config: names the prompt files.
        kept: a run's own folder of prompts (see `Prompts.texts`), read in place of the files that are named.

    Raises:
        PromptError: one cannot be used.
    """
    question = load_question_block(kept)
    agents = {name: agent.load_prompts(question, kept) for name, agent in config.agents.by_name().items()}
    texts = {
        agent.turn_of(key): template.text
        for name, agent in config.agents.by_name().items()
        for key, template in agents[name].items()
    }
    return Prompts(question, agents, {"question": question.source, **texts})


def build_agents(
    config: RunConfig,
    models: dict[str, BaseChatModel],
    prompts: Prompts,
    examples: ExampleStore | None = None,
    cache: ReplyCache | None = None,
) -> Agents:
    """Build the agents of a config.

    Args:
        config: names each agent's model and sampling.
        models: the chat models by the names they have in the config.
        prompts: what the agents ask with.
        examples: the clean samples for the relabeler; None while there are none.
        cache: what was replied before; None where nothing is remembered, as in Studio.
    """

    def role(name: str, agent: AgentConfig) -> Role:
        return Role(
            models[agent.model],
            temperature=agent.temperature,
            max_tokens=agent.max_tokens,
            seed=config.run.seed,
            recall=cache.of(name, identify(config.models[agent.model])) if cache else None,
            log_probabilities=agent.log_probabilities,
        )

    looked_at = {None, *config.agents.checker.views}
    return {
        name: agent.build(Parts(role(name, agent), prompts.agents[name], examples))
        for name, agent in config.agents.by_name().items()
        if agent.view in looked_at
    }


def model_pool() -> ModelPool:
    """Return the models that this event loop has open."""
    return _POOLS.setdefault(asyncio.get_running_loop(), ModelPool())


async def load_models(
    config: RunConfig, logs: Path | None = None, without: Sequence[str] = ()
) -> dict[str, BaseChatModel]:
    """Open every model that an agent of this config uses; equal entries share one model.

    Args:
        config: names the models, and says how much an endpoint may be sent at once.
        logs: the folder for the logs of servers that are started.
        without: models to leave out.

    Raises:
        EndpointError: a key is missing, or a server cannot be started.
        WeightsError: an embedded model cannot be loaded.
    """
    settings = endpoint_settings(config, logs)
    return {
        name: await model_pool().open(config.models[name], f"models.{name}", settings)
        for name in sorted(config.models_in_use() - set(without))
    }


def endpoint_settings(config: RunConfig, logs: Path | None) -> EndpointSettings:
    """Return how a run treats the endpoints that it uses."""
    return EndpointSettings(ceiling=config.run.concurrency, patience=config.run.patience, logs=logs)


async def close_models(*, keep_adapter_servers: bool = False) -> None:
    """Close the models that this event loop has open and stop the servers it has started.

    Args:
        keep_adapter_servers: leave those running that load adapters while they run.
    """
    await model_pool().close(keep_adapter_servers=keep_adapter_servers)


async def _agents_of(config: str) -> Agents:
    resolved = parse_config(json.loads(config))
    models = await load_models(resolved)
    prompts = await asyncio.to_thread(load_prompts, resolved)
    return build_agents(resolved, models, prompts)
