"""The five agents of a config, and how a graph comes by them."""

import asyncio
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents import checker, reasoner, reviewer
from agents.base import BaseAgent
from agents.checker import Checker
from agents.expert import AgentConfig, Expert
from agents.models import MODEL_CONFIG, load_model
from agents.reasoner import Reasoner
from agents.relabeler import Relabeler
from agents.reviewer import Reviewer
from graph.config import RunConfig
from prompts.template import QuestionTemplate
from stores.examples import ExampleStore


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
        """Return this config's agents; they are built once and shared."""
        return await asyncio.to_thread(_agents_of, json.dumps(self.config, sort_keys=True))


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


def load_models(config: RunConfig) -> dict[str, BaseChatModel]:
    """Load every model that an agent of this config uses; equal entries share one model.

    Raises:
        EndpointError: a key is missing.
        WeightsError: an embedded model cannot be loaded.
    """
    return {name: _load_model(config.models[name].model_dump_json()) for name in config.models_in_use()}


@lru_cache(maxsize=4)
def _load_model(config: str) -> BaseChatModel:
    return load_model(MODEL_CONFIG.validate_json(config))


@lru_cache(maxsize=4)
def _agents_of(config: str) -> Agents:
    resolved = RunConfig.model_validate(json.loads(config))
    return build_agents(resolved, load_models(resolved))
