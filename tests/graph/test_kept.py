"""How a sample graph outside any run comes by its agents: from a config, or from a finished run."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import Runtime

from agents.models.pool import ModelPool
from graph.config.run import ConfigError, RunConfig, parse_config
from graph.context import Agents, SampleContext, build_agents, load_prompts
from graph.frozen_run import FrozenRun
from graph.kept import agents_of, agents_of_run, overridden
from graph.sample_graph import sample_graph
from graph.state import Decided
from robustft import resume
from stores.errors import InputError, RunDirectoryError
from tests.support.endpoint import Endpoint
from tests.support.finished import as_given, finish
from tests.support.scripted import ScriptedModel


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, serving: Endpoint) -> Path:
    """A calibrated run; its prompt files are gone since."""
    folder = tmp_path_factory.mktemp("finished")
    directory = finish(folder, serving)
    for file in folder.glob("*.md"):
        file.unlink()
    return directory


async def decide(number: int, **context: Any) -> Decided:
    found = await sample_graph.ainvoke({"sample": as_given(number)}, context=context)
    return Decided.model_validate(found["decided"])


async def test_the_agents_that_a_run_gives_are_asked_as_they_are() -> None:
    config = parse_config({})
    model = ScriptedModel(script=lambda messages: "Oslo")
    agents = build_agents(config, {"default": model}, load_prompts(config))
    assert await agents_of(Runtime(context=agents)) is agents


async def test_a_finished_run_is_opened_once_and_again_when_it_has_gone_on(
    finished: Path, tmp_path: Path
) -> None:
    directory = Path(shutil.copytree(finished, tmp_path / "run"))

    async def opened() -> Agents:
        return await agents_of(Runtime(context=SampleContext(run=str(directory))))

    first = await opened()
    assert first.run is not None
    assert (await opened()).run is first.run
    resume(directory, until="select")
    assert (await opened()).run is not first.run


async def test_a_config_beside_a_run_changes_the_runs_own(finished: Path, serving: Endpoint) -> None:
    before = len(serving.requests)
    there = {"models": {"default": {"base_url": f"{serving.url}/"}}}
    by_run = await decide(3, run=str(finished))
    assert await decide(3, run=str(finished), config=there) == by_run
    assert by_run.provisional is None
    assert by_run.noise_probability is not None
    assert len(serving.requests) == before, "where an endpoint is changes nothing"


@pytest.mark.parametrize(
    ("changes", "provisional"),
    [
        ({"checker": {"policy": "majority"}}, None),
        ({"base": {"temperature": 0.5}}, "hybrid: the run's weights are of other agents"),
        ({"checker": {"views": ["base"]}}, "hybrid: the run's weights are of other agents"),
    ],
)
async def test_the_weights_of_other_agents_decide_nothing(
    changes: dict[str, Any], provisional: str | None, finished: Path
) -> None:
    found = await decide(4, run=str(finished), config={"agents": changes})
    assert (found.noise_probability, found.provisional) == (None, provisional)


async def test_a_run_that_is_not_calibrated_has_no_weights_to_decide_by(
    tmp_path: Path, serving: Endpoint
) -> None:
    directory = finish(tmp_path, serving, "hybrid")
    assert (await decide(4, run=str(directory))).provisional is None
    calibrated = {"agents": {"checker": {"policy": "calibrated"}}}
    found = await decide(4, run=str(directory), config=calibrated)
    assert found.provisional == "hybrid: the run is not calibrated"


async def test_other_relabeling_agents_leave_the_verdict_as_the_run_has_it(
    finished: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("[relabel] {{ question }} Think.")
    by_run = await decide(0, run=str(finished))
    found = await decide(0, run=str(finished), config={"agents": {"relabeler": {"prompt": str(mine)}}})
    assert (found.verdict, found.noise_probability) == (by_run.verdict, by_run.noise_probability)
    assert found.provisional is None


async def test_a_wrong_key_beside_a_run_is_named(finished: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'policy'"):
        await decide(0, run=str(finished), config={"agents": {"checker": {"polcy": "judge"}}})


async def test_a_directory_without_a_run_and_a_run_that_is_not_finished_are_refused(
    tmp_path: Path, serving: Endpoint
) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        await decide(0, run=str(tmp_path))
    directory = finish(tmp_path, serving, until="detect")
    with pytest.raises(InputError, match=r"robustft resume .* --until conclude"):
        await decide(0, run=str(directory))
    resume(directory, until="conclude")
    assert (await decide(0, run=str(directory))).provisional is None


async def test_a_model_that_was_seen_to_think_thinks_here_too(finished: Path) -> None:
    run = FrozenRun(finished)
    config = overridden(run.config, {"models": {"default": {"provider": "embedded"}}})
    assert config.models["default"].provider == "embedded"
    run.thinking = frozenset({"default"})
    async with ModelPool() as pool:
        await agents_of_run(pool, run, run.config)
        model = pool.find(run.config.models["default"])
    run.close()
    assert getattr(model, "thinks", None) is True


def test_a_changed_config_is_checked_and_leaves_the_rest_as_it_is() -> None:
    config = RunConfig()
    found = overridden(config, {"agents": {"checker": {"policy": "majority"}}})
    assert found.agents.checker.policy == "majority"
    assert found.agents.base == config.agents.base
    assert overridden(config, {}) is config
    other = {"provider": "openai", "name": "m", "base_url": "http://127.0.0.1:1/v1"}
    assert overridden(config, {"models": {"default": other}}).models["default"].name == "m"
