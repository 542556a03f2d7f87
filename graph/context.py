"""The five agents of a config, and how a graph comes by them."""

import asyncio
import json
from collections.abc import Sequence
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
from graph.config.run import RunConfig, parse_config
from prompts.template import QuestionTemplate, Template, load_question_block
from stores.examples import ExampleStore

# A connection belongs to the event loop it was opened in, and one process may well run several.
_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, ModelPool] = WeakKeyDictionary()
_QUESTION = frozenset({"question"})


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
    """The templates of a config, checked: one a role's turn, and the block that all of them show."""

    question: Template
    base: QuestionTemplate
    reason: QuestionTemplate
    reflect: QuestionTemplate
    check: QuestionTemplate
    relabel: QuestionTemplate
    review: QuestionTemplate

    def texts(self) -> dict[str, str]:
        """Return the text of each file, by the turn's name."""
        roles = {name: getattr(self, name).text for name in self._fields[1:]}
        return {"question": self.question.source, **roles}


def load_prompts(config: RunConfig, kept: Path | None = None) -> Prompts:
    """Read and check the prompts of a config.

    Args:
        config: names the prompt files.
        kept: a run's own folder of prompts (see `Prompts.texts`), read in place of the files that are named.

    Raises:
        PromptError: one cannot be used.
    """
    settings = config.agents
    question = load_question_block(kept)

    def load(
        turn: str,
        named: str,
        variables: frozenset[str] = frozenset(),
        about: frozenset[str] = _QUESTION,
    ) -> QuestionTemplate:
        name = named if kept is None else turn
        return QuestionTemplate(name, variables, about=about, question=question, folder=kept)

    # A critique may look at the reasoning alone.
    critique = reasoner.REFLECT_VARIABLES | _QUESTION
    return Prompts(
        question,
        base=load("base", settings.base.prompt),
        reason=load("reason", settings.reasoner.prompt, reasoner.REASON_VARIABLES),
        reflect=load("reflect", settings.reasoner.reflect_prompt, reasoner.REFLECT_VARIABLES, critique),
        check=load("check", settings.checker.prompt, checker.VARIABLES),
        relabel=load("relabel", settings.relabeler.prompt),
        review=load("review", settings.reviewer.prompt, reviewer.VARIABLES),
    )


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
    settings = config.agents

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
