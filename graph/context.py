"""The agents of a config, and what a graph is told of them."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from agents.agent import AgentConfig, Parts
from agents.cache import ReplyCache
from agents.checker import PROVISIONAL
from agents.models.config import identify, rates_tokens
from agents.models.pool import EndpointSettings, ModelPool
from agents.role import Role
from agents.room import Lengths, room_for
from graph.config.run import RunConfig
from graph.frozen_run import FrozenRun
from graph.frozen_weights import FrozenWeights
from graph.glance import Glance
from prompts.template import PromptError, QuestionTemplate, Template, load_question_block
from stores.errors import as_written_here
from stores.examples import ExampleStore
from stores.run_directory import RunDirectory
from stores.sample import Sample


@dataclass(frozen=True)
class Agents:
    """The agents of a config by their names, ready to be asked, and what they know of a finished run.

    An agent whose view the checker does not look at is left out.

    Args:
        by_name: the agents.
        provisional: the policy that decides in the place of `calibrated`, and why; None where none does.
        run: the finished run that samples are decided by; None where there is none.
        weights: what that run has learned, where that holds for these agents.
        glance: says after the base agent whether another one need be asked; None where all are.
    """

    by_name: Mapping[str, Any]
    provisional: str | None = None
    run: FrozenRun | None = None
    weights: FrozenWeights | None = None
    glance: Glance | None = None

    async def known(self, sample: Sample) -> Sample:
        """Return a sample as the run has it, where there is one; else as it is."""
        return sample if self.run is None else await asyncio.to_thread(self.run.known, sample)

    def get(self, name: str) -> Any:
        """Return an agent; None where it is left out."""
        return self.by_name.get(name)


@dataclass(frozen=True)
class SampleContext:
    """What the sample graph is told besides the sample, in Studio or from Python.

    A run passes its `Agents` instead.

    One of the two must be given. With a run, its config, prompts, examples, replies and weights are used, so
    that a sample of the run is decided as the run decided it. Nothing is written to its directory.

    Args:
        config: the part of a `RunConfig` that differs from the defaults, or from the run's, as plain data.
        run: the directory of a finished run.

    Examples:
        `{"config": {"models": {"default": {"provider": "embedded"}}}}`, `{"run": "runs/my-run"}`
    """

    config: dict[str, Any] = field(default_factory=dict)
    run: str | None = None


@dataclass(frozen=True)
class RunContext:
    """What the stages of one run share."""

    models: ModelPool


class Prompts(NamedTuple):
    """The templates of a config, checked: those of the agents, and the block that all of them show.

    `agents` has them by the agents' names, and by the config keys that name their files. `texts` has the text
    of each file as a run keeps it, by the turn that asks with it and, where a turn has several, by the form.
    """

    question: Template
    agents: Mapping[str, Mapping[str, QuestionTemplate]]
    texts: Mapping[str, str]


def load_prompts(
    config: RunConfig, kept: RunDirectory | None = None, kept_for: RunConfig | None = None
) -> Prompts:
    """Read and check the prompts of a config.

    Args:
        config: names the prompt files.
        kept: a run, whose own prompts are read in place of the files that are named.
        kept_for: the config that they were kept for; a prompt that this one names otherwise is read from the
            file that the config names.

    Raises:
        PromptError: one cannot be used; or is not what the run wrote.
        RunDirectoryError: what the run knows of its prompts is lost.
    """
    folder = kept.prompts if kept is not None else None
    question = load_question_block(folder)
    known = kept_for.agents.by_name() if kept_for is not None else {}
    agents = {
        name: agent.load_prompts(question, folder, known.get(name))
        for name, agent in config.agents.by_name().items()
    }
    texts, own = {"question": question.source}, {"question"}
    for name, agent in config.agents.by_name().items():
        for key, template in agents[name].items():
            turn = agent.turn_of(key)
            texts |= {f"{turn}/{form}" if form else turn: text for form, text in template.texts.items()}
            if name not in known or getattr(known[name], key) == getattr(agent, key):
                own.add(turn)
    if kept is not None:
        _check_own(kept, own, texts)
    return Prompts(question, agents, texts)


def _check_own(kept: RunDirectory, own: Set[str], texts: Mapping[str, str]) -> None:
    """Check that a run's own prompts are what the run wrote."""
    known = kept.manifest().prompts
    for name in {*known, *texts}:
        if name.partition("/")[0] in own and known.get(name) != texts.get(name):
            raise PromptError(
                f"{as_written_here(kept.prompts / name)}.md: is not what the run wrote: it was damaged, "
                "changed or removed"
            )


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
        },
        provisional=PROVISIONAL if config.calibrates else None,
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
