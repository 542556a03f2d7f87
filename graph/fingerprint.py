"""Hashes of what a run's results depend on. They tell what a changed config makes the run do again."""

import hashlib
import json
from typing import Any, NamedTuple

from agents.agent import AgentConfig
from agents.models.config import identify
from graph.config.run import RunConfig
from graph.context import Prompts
from stores.encoder import identify_encoder
from stores.validity import DecisionInputs


class Fingerprints(NamedTuple):
    """Hashes of what decides the verdicts and the relabels, and all results of a run."""

    decisions: DecisionInputs
    run: str


def fingerprints(config: RunConfig, prompts: Prompts) -> Fingerprints:
    """Return the hashes of a config and of the prompts that are used with it.

    Where the data are is left out, since a run's samples are in its journal; so are concurrency, the error
    budget, and where an endpoint is.
    """
    halves: dict[str, dict[str, Any]] = {"detect": {}, "denoise": {}}
    for name, agent in config.agents.by_name().items():
        sources = [template.source for template in prompts.agents[name].values()]
        halves[agent.half][name] = [_asks(config, agent), *sources]
    detect = {"seed": config.run.seed, **halves["detect"]}
    if config.calibrates:
        detect["encoder"] = identify_encoder(config.encoder)
    denoise = {"detect": detect, **halves["denoise"], "encoder": identify_encoder(config.encoder)}
    run = {
        "denoise": denoise,
        "selection": config.selection.model_dump(mode="json"),
        "training": config.training.model_dump(mode="json", exclude={"model"}),
        "tuned": identify(config.models[config.training.model]),
    }
    return Fingerprints(DecisionInputs(_hash(detect), _hash(denoise)), _hash(run))


def _asks(config: RunConfig, agent: AgentConfig) -> dict[str, Any]:
    """Return an agent's settings with what it names in place of the names."""
    settings = agent.model_dump(mode="json", exclude={"model", *agent.templates}, exclude_none=True)
    return {**settings, "model": identify(config.models[agent.model])}


def _hash(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
