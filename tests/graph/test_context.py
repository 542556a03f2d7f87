"""A graph comes by the agents of a config: in a run, in Studio and from Python."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agents.errors import EndpointError
from agents.models.pool import ModelPool
from graph.config.run import ConfigError, parse_config
from graph.context import build_agents, load_models, load_prompts
from graph.run_graph import run_graph
from graph.sample_graph import sample_graph
from prompts.template import PromptError
from stores.run_directory import RunDirectory
from stores.staged_run import StagedRun
from tests.support.endpoint import Endpoint
from tests.support.graphs import SAMPLE, call, context_for, run_input
from tests.support.scripted import ScriptedModel


def test_models_outside_a_run_are_kept_until_the_event_loop_ends(
    endpoint: Endpoint, tmp_path: Path, closed: list[ModelPool]
) -> None:
    async def sample_run_sample() -> int:
        await sample_graph.ainvoke({"sample": SAMPLE}, context=context_for(endpoint))
        await run_graph.ainvoke(run_input(endpoint, tmp_path))
        await sample_graph.ainvoke({"sample": SAMPLE}, context=context_for(endpoint))
        return len(closed)

    assert asyncio.run(sample_run_sample()) == 1, "only the run's are closed"
    assert len(closed) == 2


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("options", [{}, {"context": {}}, {"context": {"config": {}}}])
async def test_a_sample_graph_without_a_config_says_what_to_give(way: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r'context=\{"config": \{"models"'):
        await call(sample_graph, way, {"sample": SAMPLE}, **options)


def scripted(reply: str = "Oslo") -> ScriptedModel:
    return ScriptedModel(script=lambda messages: reply)


async def test_an_agent_asks_the_model_that_the_config_names_for_it() -> None:
    models = {name: {"provider": "embedded", "name": name} for name in ("default", "mine")}
    config = parse_config({"models": models, "agents": {"base": {"model": "mine"}}})
    default, mine = scripted("Bergen"), scripted("Oslo")
    agents = build_agents(config, {"default": default, "mine": mine}, load_prompts(config))
    assert set(agents.by_name) == set(config.agents.by_name())
    assert agents.get("nobody") is None
    assert (await agents.get("base").answer(SAMPLE)).answer == "Oslo"
    assert (len(default.requests), len(mine.requests)) == (0, 1)


async def test_every_request_of_an_agent_has_its_own_settings_and_the_runs_seed() -> None:
    config = parse_config({"run": {"seed": 7}, "agents": {"base": {"max_tokens": 9, "temperature": 0.5}}})
    model = scripted()
    agents = build_agents(config, {"default": model}, load_prompts(config))
    assert (await agents.get("base").answer(SAMPLE)).answer == "Oslo"
    ((_, sampling),) = model.requests
    assert (sampling["max_tokens"], sampling["temperature"], sampling["seed"]) == (9, 0.5, 7)


def test_an_agent_whose_view_nobody_looks_at_is_left_out() -> None:
    config = parse_config({"agents": {"checker": {"views": ["base"]}}})
    agents = build_agents(config, {"default": scripted()}, load_prompts(config))
    assert agents.get("reasoner") is None
    assert agents.get("base") is not None


def test_a_runs_own_prompts_are_read_in_the_place_of_the_files_that_are_named(tmp_path: Path) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("Mine: {{ question }}")
    config = parse_config({"agents": {"base": {"prompt": str(mine)}}})
    known = load_prompts(config)
    assert known.texts["base"] == "Mine: {{ question }}"
    staged = StagedRun(tmp_path / "run", config.to_yaml(), known.texts)
    staged.commit()
    kept = RunDirectory(tmp_path / "run")
    mine.unlink()
    assert load_prompts(config, kept).texts == known.texts
    with pytest.raises(PromptError, match=r"mine\.md"):
        load_prompts(config)


async def test_models_that_are_left_out_are_not_opened(endpoint: Endpoint) -> None:
    entry = {"provider": "openai", "name": "scripted", "base_url": endpoint.url}
    models: dict[str, Any] = {
        "default": entry,
        "same": entry,
        "judge": {**entry, "api_key_env": "NOT_SET_ANYWHERE"},
    }
    agents = {"checker": {"model": "judge"}, "relabeler": {"model": "same"}}
    models["unused"] = {"provider": "embedded"}
    config = parse_config({"models": models, "agents": agents, "training": {"model": "unused"}})
    async with ModelPool() as pool:
        with pytest.raises(EndpointError, match="NOT_SET_ANYWHERE"):
            await load_models(pool, config)
        opened = await load_models(pool, config, without=["judge"])
        assert set(opened) == {"default", "same"}
        assert opened["default"] is opened["same"]


async def test_an_edited_prompt_shows_at_the_next_sample_outside_a_run(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("First: {{ question }}")
    context = context_for(endpoint)
    context["config"]["agents"]["base"] = {"prompt": str(mine)}
    await sample_graph.ainvoke({"sample": SAMPLE}, context=context)
    mine.write_text("Second: {{ question }}")
    await sample_graph.ainvoke({"sample": SAMPLE}, context=context)
    assert [text.split(":")[0] for text in endpoint.texts() if text[:6] in ("First:", "Second")] == [
        "First",
        "Second",
    ]
