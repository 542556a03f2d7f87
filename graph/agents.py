"""The five agents of a config, and how a graph comes by them."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents import checker, reasoner, reviewer
from agents.base import BaseAgent
from agents.checker import Checker
from agents.expert import AgentConfig, Expert
from agents.models import close_model, load_model
from agents.reasoner import Reasoner
from agents.relabeler import Relabeler
from agents.reviewer import Reviewer
from graph.config import RunConfig, parse_config
from prompts.template import QuestionTemplate
from stores.examples import ExampleStore


@dataclass
class _OpenModels:
    """The models that one event loop has opened, by their config entries.

    The lock is for nodes that start side by side: each would load the same weights, at once.
    """

    by_entry: dict[str, BaseChatModel] = field(default_factory=dict)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)


# A connection belongs to the event loop it was opened in, and one process may well run several.
_OPEN: WeakKeyDictionary[asyncio.AbstractEventLoop, _OpenModels] = WeakKeyDictionary()


@dataclass(frozen=True)
class Agents:
    """The five agents, ready to be asked."""

    base: BaseAgent
    reasoner: Reasoner
    checker: Checker
    relabeler: Relabeler
    reviewer: Reviewer


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


def build_agents(
    config: RunConfig, models: dict[str, BaseChatModel], examples: ExampleStore | None = None
) -> Agents:
    """Build the agents of a config.

    Args:
        config: names each agent's model, prompts and sampling.
        models: the chat models by the names they have in the config.
        examples: the clean samples for the relabeler; None while there are none.

    Raises:
        PromptError: a prompt file cannot be used.
    """
    settings = config.agents

    def expert(agent: AgentConfig) -> Expert:
        return Expert(
            models[agent.model],
            temperature=agent.temperature,
            max_tokens=agent.max_tokens,
            seed=config.run.seed,
        )

    return Agents(
        base=BaseAgent(expert(settings.base), QuestionTemplate(settings.base.prompt)),
        reasoner=Reasoner(
            expert(settings.reasoner),
            QuestionTemplate(settings.reasoner.prompt, reasoner.REASON_VARIABLES),
            QuestionTemplate(settings.reasoner.reflect_prompt, reasoner.REFLECT_VARIABLES),
            settings.reasoner,
        ),
        checker=Checker(
            expert(settings.checker),
            QuestionTemplate(settings.checker.prompt, checker.VARIABLES),
            settings.checker.policy,
        ),
        relabeler=Relabeler(
            expert(settings.relabeler),
            QuestionTemplate(settings.relabeler.prompt),
            examples,
            settings.relabeler.neighbours,
        ),
        reviewer=Reviewer(
            expert(settings.reviewer), QuestionTemplate(settings.reviewer.prompt, reviewer.VARIABLES)
        ),
    )


async def load_models(config: RunConfig) -> dict[str, BaseChatModel]:
    """Load every model that an agent of this config uses; equal entries share one model.

    Raises:
        EndpointError: a key is missing.
        WeightsError: an embedded model cannot be loaded.
    """
    opened = _OPEN.setdefault(asyncio.get_running_loop(), _OpenModels())
    models = {}
    async with opened.loading:
        for name in sorted(config.models_in_use()):
            entry = config.models[name]
            key = entry.model_dump_json()
            if key not in opened.by_entry:
                opened.by_entry[key] = await asyncio.to_thread(load_model, entry)
            models[name] = opened.by_entry[key]
    return models


async def close_models() -> None:
    """Close the connections of the models that this event loop has used."""
    for model in _OPEN.pop(asyncio.get_running_loop(), _OpenModels()).by_entry.values():
        await close_model(model)


async def _agents_of(config: str) -> Agents:
    resolved = parse_config(json.loads(config))
    models = await load_models(resolved)
    return await asyncio.to_thread(build_agents, resolved, models)
