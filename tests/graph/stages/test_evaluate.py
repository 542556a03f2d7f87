"""Held-out samples are answered by the model as it was and as it is tuned, once for the same of both."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agents.errors import EndpointDownError, ModelCallError
from agents.models.pool import ModelPool
from graph.config.run import RunConfig
from graph.engine import RunFailedError
from graph.stages.evaluate import compare, evaluate
from graph.stages.stage import Workspace
from graph.state import RunState
from prompts.template import QuestionTemplate
from stores.record_files import read_records
from stores.records import Evaluation
from stores.sample import Sample
from tests.support.endpoint import Endpoint
from tests.support.scripted import ScriptedModel
from tests.support.stages import run_stage

TEST = [
    Sample(id="x", prompt="Capital of France?", response="Paris"),
    Sample(id="y", prompt="Capital of Peru?", response="Rome", gold="Lima"),
]


class Models:
    """In the place of the model's weights: untuned it says Paris, tuned it knows."""

    def __init__(self) -> None:
        self.loaded: list[Path | None] = []
        self.requests: list[str] = []
        self.fails = ""

    def load(self, config: RunConfig, adapter: Path | None) -> ScriptedModel:
        self.loaded.append(adapter)

        def answer(messages: list[BaseMessage]) -> str:
            text = str(messages[-1].content)
            if self.fails and self.fails in text:
                raise EndpointDownError("gone") if self.fails == "Capital" else ModelCallError("refused")
            self.requests.append(text)
            return "Lima" if adapter is not None and "Peru" in text else "Paris"

        return ScriptedModel(script=answer)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, work: Workspace) -> Models:
    found = Models()
    monkeypatch.setattr("graph.stages.evaluate.load_tuned", found.load)
    work.journal.add_samples("test", TEST)
    return found


def tune(work: Workspace, weights: str = "weights") -> None:
    work.files.adapter.mkdir(exist_ok=True)
    (work.files.adapter / "adapter_config.json").write_text("{}")
    (work.files.adapter / "adapter_model.safetensors").write_text(weights)


async def evaluated(work: Workspace) -> list[Any]:
    state = RunState(directory=str(work.files.path), test_count=len(TEST))
    return (await run_stage(evaluate, state)).progress


def outcome(work: Workspace) -> dict[str, Any]:
    _, report = work.journal.stages()["evaluate"]
    found: dict[str, Any] = json.loads(str(report))
    found.pop("inputs", None)
    found.pop("intervals", None)
    return found


def records(work: Workspace) -> list[tuple[str, str, bool]]:
    found = read_records(work.files.evaluation, Evaluation)
    return sorted((record.model, record.id, record.right) for record in found)


async def test_without_held_out_samples_nothing_is_evaluated_and_why_is_said(work: Workspace) -> None:
    await run_stage(evaluate, RunState(directory=str(work.files.path)))
    assert outcome(work) == {"skipped": "no test data (--test or data.test)"}
    assert not work.files.evaluation.exists()


async def test_without_an_adapter_the_model_is_measured_as_it_was(work: Workspace, models: Models) -> None:
    progress = await evaluated(work)
    assert outcome(work) == {"n": 2, "untuned": 0.5}
    assert records(work) == [("untuned", "x", True), ("untuned", "y", False)]
    assert progress[-1][:3] == ("evaluate", 2, 2)
    assert models.loaded == [None]


async def test_with_an_adapter_both_are_measured_against_the_right_responses(
    work: Workspace, models: Models
) -> None:
    tune(work)
    progress = await evaluated(work)
    assert outcome(work) == {"n": 2, "untuned": 0.5, "tuned": 1.0}
    assert records(work) == [
        ("tuned", "x", True),
        ("tuned", "y", True),
        ("untuned", "x", True),
        ("untuned", "y", False),
    ]
    assert progress[-1][:3] == ("evaluate", 4, 4)
    assert models.loaded == [None, work.files.adapter]


async def test_both_are_asked_what_the_base_agent_is(work: Workspace, models: Models) -> None:
    tune(work)
    await evaluated(work)
    assert len(set(models.requests)) == 2
    assert all(any(sample.prompt in text for sample in TEST) for text in models.requests)


async def test_the_same_model_and_adapter_are_measured_once(work: Workspace, models: Models) -> None:
    tune(work)
    await evaluated(work)
    known, loaded = outcome(work), len(models.loaded)
    await evaluated(work)
    assert outcome(work) == known
    assert len(models.loaded) == loaded


async def test_another_adapter_is_measured_and_the_model_without_it_is_not_asked_again(
    work: Workspace, models: Models
) -> None:
    tune(work)
    await evaluated(work)
    asked = len(models.requests)
    tune(work, "other weights")
    await evaluated(work)
    assert len(models.requests) == asked + len(TEST)
    assert outcome(work) == {"n": 2, "untuned": 0.5, "tuned": 1.0}


@pytest.mark.parametrize("share", [None, 0.0, 0.3, 0.99], ids=["lost", "emptied", "torn", "cut"])
async def test_a_torn_evaluation_is_made_again_without_asking(
    share: float | None, work: Workspace, models: Models
) -> None:
    await evaluated(work)
    before, asked = records(work), len(models.requests)
    content = work.files.evaluation.read_bytes()
    work.files.evaluation.unlink()
    if share is not None:
        work.files.evaluation.write_bytes(content[: int(share * len(content))])
    await evaluated(work)
    assert records(work) == before
    assert len(models.requests) == asked


async def test_an_evaluation_that_breaks_off_leaves_the_records_of_the_last_one(
    work: Workspace, models: Models
) -> None:
    await evaluated(work)
    before = records(work)
    tune(work)
    models.fails = "Capital"
    with pytest.raises(EndpointDownError):
        await evaluated(work)
    assert records(work) == before
    assert work.journal.stages()["evaluate"][1] is None


async def test_a_request_that_failed_is_told_and_asked_again(
    work: Workspace, models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    more = [Sample(id=f"z{n}", prompt=f"{n}: France?", response="Paris") for n in range(38)]
    work.journal.add_samples("test", [*TEST, *more])
    models.fails = "Peru"
    await evaluated(work)
    assert (outcome(work)["failed"], outcome(work)["n"]) == ({"untuned": 1}, 40)
    assert "1 requests about held-out samples failed" in caplog.text
    models.fails = ""
    models.requests.clear()
    await evaluated(work)
    assert "failed" not in outcome(work)
    assert ["Peru" in text for text in models.requests] == [True]
    await evaluated(work)
    assert len(models.requests) == 1


async def test_an_evaluation_of_which_much_failed_is_none(work: Workspace, models: Models) -> None:
    models.fails = "Peru"
    with pytest.raises(RunFailedError, match=r"untuned model: 1 of 2 .* failed, more than 5% .*refused"):
        await evaluated(work)
    assert work.journal.stages()["evaluate"][1] is None
    assert not work.files.evaluation.exists()


async def test_a_model_on_a_server_is_asked_there(endpoint: Endpoint) -> None:
    entry = {"provider": "vllm", "name": "scripted", "base_url": endpoint.url}
    config = RunConfig.model_validate({"models": {"default": entry}})
    told: list[int] = []
    kept: list[Evaluation] = []
    async with ModelPool() as pool:
        samples: Callable[[], Any] = lambda: iter(TEST)  # noqa: E731
        figures = await compare(
            pool, config, QuestionTemplate("base"), None, {"test": samples}, kept.extend, told.append
        )
    assert (figures.n, figures.untuned, figures.tuned) == (2, 0.5, None)
    assert {record.id for record in kept} == {"x", "y"}
    assert max(told) == 2
    assert len([text for text in endpoint.texts() if "Capital" in text]) == 2
