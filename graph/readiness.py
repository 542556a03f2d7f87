"""What a run needs, looked at before anything is asked: one list, for a run, a resumed one and `doctor`.

What costs least is looked at first. The models of endpoints come last, since every look at one is a request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from agents.agent import request
from agents.base import request_as_trained
from agents.models.config import OpenAIModelConfig, VLLMModelConfig, rates_tokens
from agents.models.pool import ModelPool
from agents.models.probe import check_name, probe
from agents.models.vllm_command import plan_server
from graph.config import Stage
from graph.config.run import ConfigError, RunConfig
from graph.context import Prompts, load_models
from graph.stages.base_role import BaseRole
from stores.encoder import load_encoder
from stores.errors import WeightsError
from stores.model_hub import fetchable_weights
from stores.sample import Sample
from stores.weights import reading_weights

TRAINING: tuple[Stage, ...] = ("train", "evaluate")
"""The stages that need the model which is tuned."""
# Enough to see whether a model begins with thoughts.
_PROBED = 32
TRIED = 8
"""How many of the first samples every prompt must render, and a student's chat template one of."""


class Check(NamedTuple):
    """One thing that is looked at.

    Args:
        name: what it is, as a config calls it.
        look: says what was found, in a few words; raises a `RobustFTError` where it will not do.
    """

    name: str
    look: Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Needs:
    """What is to be checked of a config.

    Args:
        config: what a run is to be done with.
        prompts: reads its prompts.
        samples: gives the samples to train on; the first few are looked at.
        until: the stage that the run ends with.
        trains: whether a model is still to be tuned.
        encodes: whether prompts are still to be encoded.
        asks: whether samples are still to be asked about.
        starts: whether servers of ours are started; else they are described.
        logs: the folder for the logs of servers that are started.
    """

    config: RunConfig
    prompts: Callable[[], Prompts]
    samples: Callable[[], Iterable[Sample]]
    until: Stage = "evaluate"
    trains: bool = True
    encodes: bool = True
    asks: bool = True
    starts: bool = True
    logs: Path | None = None

    def checks(self, pool: ModelPool) -> list[Check]:
        """Return what to look at, in this order.

        Args:
            pool: owns the models that are opened.
        """
        found = [Check("prompts", lambda: asyncio.to_thread(self._try_prompts))]
        if self.trains and self.until in TRAINING:
            found.append(Check("training.model", lambda: asyncio.to_thread(self._tuned_model)))
        idle = [] if self.starts else self._servers()
        found += [Check("server", lambda name=name: self._server(name)) for name in idle]  # type: ignore[misc]
        if self.encodes:
            found.append(Check("encoder", lambda: asyncio.to_thread(self._encoder)))
        if self.asks:
            found.append(Check("models", lambda: self._models(pool, idle)))
        return found

    def _first(self) -> list[Sample]:
        return list(islice(self.samples(), TRIED))

    def _try_prompts(self) -> str:
        try_prompts(self.config, self.prompts(), self._first())
        return "they load, and show the first samples"

    def _tuned_model(self) -> str:
        check_can_be_tuned(self.config)
        found = check_tuned_model(self.config, self.prompts(), self._first())
        name = self.config.training.model
        return f"{name} can be tuned ({self.config.models[name].name}): {found}"

    def _servers(self) -> list[str]:
        used = {*self.config.models_in_use(), self.config.training.model}
        return [
            name
            for name in sorted(used)
            if isinstance(model := self.config.models[name], VLLMModelConfig) and model.base_url is None
        ]

    async def _server(self, name: str) -> str:
        model = self.config.models[name]
        assert isinstance(model, VLLMModelConfig)  # noqa: S101 - what `_servers` returned
        plan = await asyncio.to_thread(plan_server, model, f"models.{name}")
        return f"models.{name} would be started by: {plan.command} ({plan.fit})"

    def _encoder(self) -> str:
        # Now, and not while an endpoint waits for requests; and alone, since two threads cannot import
        # transformers at once.
        encoder = load_encoder(self.config.encoder)
        with reading_weights(self.config.encoder.name, "cannot encode a prompt"):
            vector = encoder.embed_query("a query")
        return f"{self.config.encoder.name}, {len(vector)} dimensions"

    async def _models(self, pool: ModelPool, idle: Sequence[str]) -> str:
        await check_models(pool, self.config, self.logs, without=idle)
        asked = [name for name in sorted(self.config.models_in_use()) if name not in idle]
        return ", ".join(f"{name} answers ({self.config.models[name].name})" for name in asked)


def encodes(config: RunConfig, until: Stage) -> bool:
    """Say whether a run that ends with a stage encodes prompts."""
    return config.calibrates or config.shows_examples(until)


async def check_needs(needs: Needs, pool: ModelPool) -> None:
    """Look at all that a run needs.

    Raises:
        RobustFTError: the first of it that will not do.
    """
    for check in needs.checks(pool):
        await check.look()


def try_prompts(config: RunConfig, prompts: Prompts, samples: Iterable[Sample]) -> None:
    """Fill every agent's prompts for some samples: what fails would fail in the middle of a run.

    Args:
        config: names the prompts.
        prompts: of the config.
        samples: the first of the data.

    Raises:
        PromptError: a prompt fails on one of them.
    """
    for sample in samples:
        for name, agent in config.agents.by_name().items():
            for key, prompt in prompts.agents[name].items():
                for values in agent.tried_values(key, sample):
                    request(sample, prompt, **values)
        request_as_trained(sample, prompts.agents["base"]["prompt"])


async def check_models(
    pool: ModelPool, config: RunConfig, logs: Path | None = None, without: Sequence[str] = ()
) -> None:
    """Ask every model a run would use for a reply, once in each way that its agents will ask.

    Args:
        pool: owns the models.
        config: names the models.
        logs: the folder for the logs of servers that are started.
        without: models that are neither started nor asked.

    Raises:
        EndpointError: a model cannot be used.
        WeightsError: an embedded model cannot be loaded.
    """
    models = await load_models(pool, config, logs, without)
    for name in sorted(models):
        label = f"models.{name}"
        for sampling in _samplings(config, name):
            await probe(models[name], label, sampling)
        await check_name(models[name], label)


def _samplings(config: RunConfig, model: str) -> list[dict[str, Any]]:
    """Return the different ways in which a model is asked, with the least room that any agent gives it."""
    asking = [agent for agent in config.agents.by_name().values() if agent.model == model]
    rooms = [agent.max_tokens for agent in asking if agent.max_tokens != "auto"]
    room = min([_PROBED, *rooms])
    found: list[dict[str, Any]] = []
    for agent in asking:
        sampling: dict[str, Any] = {
            "temperature": agent.temperature,
            "seed": config.run.seed,
            "max_tokens": room,
        }
        if agent.log_probabilities and rates_tokens(config.models[model]):
            sampling["logprobs"] = True
        # What rates its tokens is asked no other way as well.
        if not any(sampling.items() <= known.items() for known in found):
            found = [known for known in found if not known.items() <= sampling.items()]
            found.append(sampling)
    return found


def check_can_be_tuned(config: RunConfig) -> None:
    """Check that the model to be tuned is one of this machine, before anything else is looked at.

    Raises:
        ConfigError: it is an endpoint's.
    """
    name = config.training.model
    if isinstance(config.models[name], OpenAIModelConfig):
        raise ConfigError(
            f"models.{name} is an endpoint and cannot be tuned here; name a local model in training.model, "
            "or add --until select"
        )


def check_tuned_model(config: RunConfig, prompts: Prompts, samples: Sequence[Sample] = ()) -> str:
    """Check that the model to be tuned is at hand and fits, before anything is asked of the others.

    Args:
        config: names it.
        prompts: of the config; the model is trained on the base agent's.
        samples: some of those that it would be trained on.

    Returns:
        What was found, in a few words.

    Raises:
        WeightsError: it cannot be tuned; see `training.student.check_student`.
        InputError: `training.lora` does not fit it.
    """
    # Imported here: transformers takes seconds.
    from training.student import check_student

    role = BaseRole(config.agents.base, prompts.agents["base"]["prompt"])
    model = config.models[config.training.model]
    settings = getattr(model, "chat_template_kwargs", {})
    rows = [role.row(sample, sample.response) for sample in samples]
    try:
        return check_student(fetchable_weights(model.name), config.training, rows, settings)
    except WeightsError as exc:
        raise WeightsError(f"training.model '{config.training.model}': {exc}") from exc
