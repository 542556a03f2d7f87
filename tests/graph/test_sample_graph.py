"""One sample's journey: which agents it meets, in which order, and what they are asked."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from agents.base import Prediction
from agents.errors import ModelBusyError, ModelCallError
from agents.models.pool import ModelPool
from graph.config.run import RunConfig, parse_config
from graph.context import build_agents, load_models, load_prompts
from graph.glance import Glance
from graph.sample_graph import denoise_graph, detect_graph, sample_graph
from graph.state import Decided, SampleInput, SampleState
from prompts.template import QuestionTemplate
from stores.sample import Sample
from tests.support.endpoint import Endpoint
from tests.support.scripted import ScriptedModel

AGENTS = ("base", "reasoner", "checker", "relabeler", "reviewer")
CLEAN = Sample(id="clean", prompt="Capital of Norway?", response="Oslo", gold="Quito-gold")
NOISY = Sample(id="noisy", prompt="Capital of Norway?", response="Zanzibar-label", gold="Quito-gold")


class OneSure:
    """Takes for sure what the base agent says of one sample."""

    async def is_sure(self, sample: Sample, answer: Prediction) -> bool:
        return sample.response == answer.answer


def says(*replies: str) -> ScriptedModel:
    """Return a model that gives these replies in turn, the last of them for ever."""
    remaining = list(replies)
    return ScriptedModel(script=lambda messages: remaining.pop(0) if len(remaining) > 1 else remaining[0])


def fails(times: int, error: type[ModelCallError]) -> ScriptedModel:
    """Return a model that fails so many times before it says Oslo."""
    failures = iter([error("not now")] * times)

    def script(messages: list[BaseMessage]) -> str:
        for failure in failures:
            raise failure
        return "Oslo"

    return ScriptedModel(script=script)


def each(**scripted: ScriptedModel) -> dict[str, Any]:
    """Return a model of its own for every agent; those not given say Oslo."""
    return {name: scripted.get(name, says("Oslo")) for name in AGENTS}


async def journey(sample: Sample, models: dict[str, Any], **settings: dict[str, Any]) -> SampleState:
    """Send a sample through the graph, each agent with the model of its name (else `default`)."""
    agents = {
        name: {"model": name if name in models else "default", **settings.get(name, {})} for name in AGENTS
    }
    entries = {name: {"provider": "embedded"} for name in ("default", *AGENTS)}
    config = parse_config({"models": entries, "agents": agents})
    agents = build_agents(config, models, load_prompts(config))
    return SampleState.model_validate(await sample_graph.ainvoke(SampleInput(sample=sample), context=agents))


async def test_a_reliable_samples_journey_ends_after_the_checker() -> None:
    models = each()
    state = await journey(CLEAN, models)
    assert state.check is not None
    assert state.check.clean
    assert (state.context, state.review) == (None, None)
    assert models["relabeler"].requests == models["reviewer"].requests == []


async def test_a_noisy_sample_is_relabelled_and_reviewed() -> None:
    models = each(relabeler=says("Bergen"), reviewer=says("Oslo"))
    state = await journey(NOISY, models)
    assert state.check is not None
    assert state.context is not None
    assert state.review is not None
    assert not state.check.clean
    assert (state.context.answer, state.review.answer) == ("Bergen", "Oslo")


@pytest.mark.parametrize(("policy", "provisional"), [("calibrated", "hybrid"), ("hybrid", None)])
@pytest.mark.parametrize(("sample", "final"), [(CLEAN, "Oslo"), (NOISY, "Bergen")])
async def test_a_journey_ends_with_what_is_decided_and_says_where_that_is_provisional(
    policy: str, provisional: str | None, sample: Sample, final: str
) -> None:
    state = await journey(
        sample, each(relabeler=says("Bergen"), reviewer=says("Bergen")), checker={"policy": policy}
    )
    verdict: Literal["clean", "noisy"] = "clean" if sample is CLEAN else "noisy"
    assert state.decided == Decided(verdict=verdict, final=final, provisional=provisional)
    assert state.check is not None
    assert state.check.reason.startswith("provisional: hybrid; ") == (provisional is not None)


async def test_a_sample_whose_verdict_cannot_be_read_is_relabelled() -> None:
    state = await journey(CLEAN, each(checker=says("Hm.")), checker={"policy": "judge"})
    assert state.check is not None
    assert state.check.judged == "unreadable"
    assert state.review is not None


@pytest.mark.parametrize(("views", "silent"), [(["base"], "reasoner"), (["reasoning"], "base")])
async def test_an_expert_whose_view_nobody_looks_at_is_not_asked(views: list[str], silent: str) -> None:
    models = each()
    state = await journey(CLEAN, models, checker={"views": views})
    assert state.check is not None
    assert state.check.clean
    assert models[silent].requests == []


async def test_without_any_view_every_label_can_be_replaced() -> None:
    models = each()
    state = await journey(CLEAN, models, checker={"views": [], "policy": "none"})
    assert models["base"].requests == models["reasoner"].requests == models["checker"].requests == []
    assert state.review is not None
    assert (state.base, state.turns, state.review.answer) == (None, [], "Oslo")


async def test_every_turn_of_the_reflection_loop_is_kept() -> None:
    replies = ["Bergen", "critique-1", "Trondheim", "critique-2", "Oslo"]
    state = await journey(CLEAN, each(reasoner=says(*replies)), reasoner={"max_reflections": 2})
    assert [turn.reply for turn in state.turns] == replies
    assert [turn.role for turn in state.turns] == ["reason", "reflect", "reason", "reflect", "reason"]


async def test_the_loop_may_go_round_more_often_than_langgraph_would_allow() -> None:
    towns = [f"Town{at}" for at in range(300)]
    state = await journey(CLEAN, each(reasoner=says(*towns)), reasoner={"max_reflections": 60})
    assert len(state.turns) == 121


async def test_the_checker_is_asked_once_however_long_the_loop_is() -> None:
    models = each(reasoner=says("Bergen", "?", "Trondheim", "?", "Lyon"), checker=says("Verdict: noisy"))
    await journey(CLEAN, models, reasoner={"max_reflections": 2}, checker={"policy": "judge"})
    assert len(models["base"].requests) == 1
    assert len(models["checker"].requests) == 1
    assert "Lyon" in models["checker"].texts()[0]


async def test_where_the_base_agent_leaves_no_doubt_nobody_else_is_asked() -> None:
    model = ScriptedModel(script=lambda messages: "Oslo")
    agents = build_agents(RunConfig(), {"default": model}, load_prompts(RunConfig()))
    agents = replace(agents, glance=cast("Glance", OneSure()))
    found = await sample_graph.ainvoke(SampleInput(sample=CLEAN), context=agents)
    assert found["check"].clean
    assert found["check"].agreed == ("base",)
    assert (found["turns"], len(model.requests)) == ([], 1)
    assert (await sample_graph.ainvoke(SampleInput(sample=NOISY), context=agents))["turns"]


async def test_many_samples_share_one_set_of_agents() -> None:
    model = ScriptedModel(script=lambda messages: str(messages[-1].content).split()[-1])
    agents = build_agents(RunConfig(), {"default": model}, load_prompts(RunConfig()))
    samples = [Sample(id=str(at), prompt=f"Say: town{at}", response=f"town{at}") for at in range(20)]
    states = await asyncio.gather(
        *(sample_graph.ainvoke(SampleInput(sample=sample), context=agents) for sample in samples)
    )
    assert [state["base"].answer for state in states] == [sample.response for sample in samples]


async def test_a_busy_model_is_asked_again() -> None:
    models = each(base=fails(2, ModelBusyError))
    state = await journey(CLEAN, models, reasoner={"max_reflections": 0})
    assert state.base is not None
    assert state.base.answer == "Oslo"
    assert len(models["base"].requests) == 3
    assert len(models["reasoner"].requests) == 1


@pytest.mark.slow
async def test_a_model_that_stays_busy_is_given_up() -> None:
    models = each(base=fails(99, ModelBusyError))
    with pytest.raises(ModelBusyError, match="not now"):
        await journey(CLEAN, models)
    assert len(models["base"].requests) == 4


async def test_a_refused_request_is_not_sent_again() -> None:
    models = each(base=fails(1, ModelCallError))
    with pytest.raises(ModelCallError, match="not now"):
        await journey(CLEAN, models)
    assert len(models["base"].requests) == 1


@pytest.mark.parametrize("options", [(), ("Bergen", "Oslo", "Zanzibar-label"), ("1,5 m, at most", "2 m")])
async def test_every_request_about_a_sample_begins_with_the_same_question(options: tuple[str, ...]) -> None:
    model = says("Bergen", "Hm", "Trondheim", "Hm", "Bergen", "Hm", "Oslo", "Verdict: noisy", "Oslo")
    sample = NOISY.model_copy(update={"options": options})
    await journey(sample, {"default": model}, checker={"policy": "judge"})
    question = QuestionTemplate("base").render(sample, "train")
    assert len(set(model.texts())) > 3
    assert [text for text in model.texts() if not text.startswith(question)] == []


async def test_only_the_checker_sees_the_label_and_no_one_sees_gold() -> None:
    models = each(
        reasoner=says("Bergen", "?", "Oslo", "?", "Lyon"),
        checker=says("Verdict: noisy"),
        relabeler=says("Bergen"),
    )
    await journey(NOISY, models, reasoner={"max_reflections": 2}, checker={"policy": "judge"})
    asked = {name for name, model in models.items() if model.requests}
    assert asked == set(AGENTS)
    assert {name for name in asked if "Zanzibar-label" in str(models[name].requests)} == {"checker"}
    assert "Quito-gold" not in str([model.requests for model in models.values()])


async def test_the_two_halves_make_the_same_journey_as_the_whole() -> None:
    def script(messages: list[BaseMessage]) -> str:
        return str(len(str(messages)) % 7)  # a reply that depends on the request alone

    models: dict[str, BaseChatModel] = {"default": ScriptedModel(script=script)}
    agents = build_agents(RunConfig(), models, load_prompts(RunConfig()))
    start = SampleInput(sample=NOISY)
    detected = await detect_graph.ainvoke(start, context=agents)
    assert detected.get("context") is None
    halves = await denoise_graph.ainvoke(SampleState.model_validate(detected), context=agents)
    whole = await sample_graph.ainvoke(start, context=agents)
    # A channel that was never written is the field's default.
    found = SampleState.model_validate(whole)
    assert SampleState.model_validate(halves) == found.model_copy(update={"decided": None})


async def test_a_users_own_prompt_file_is_what_the_base_agent_asks(tmp_path: Path) -> None:
    own = tmp_path / "mine.md"
    own.write_text("{{ question }}\nIn Swahili, please.")
    models = each()
    await journey(CLEAN, models, base={"prompt": str(own)})
    assert models["base"].texts()[0].endswith("\nIn Swahili, please.")
    assert "Swahili" not in str(models["reasoner"].requests)


async def test_the_checkers_model_is_swapped_by_its_name_alone() -> None:
    default, judge = says("Bergen"), says("Verdict: reliable")
    models = {"default": default, "checker": judge}
    state = await journey(NOISY, models, checker={"policy": "judge"})
    assert state.check is not None
    assert state.check.clean
    assert len(judge.requests) == 1
    assert "Zanzibar-label" not in str(default.requests)


async def test_each_agents_sampling_is_its_own() -> None:
    models = each()
    await journey(CLEAN, models, base={"temperature": 0.7, "max_tokens": 9}, reasoner={"max_reflections": 0})
    ((_, base),), ((_, reasoner),) = models["base"].requests, models["reasoner"].requests
    assert (base["temperature"], base["max_tokens"]) == (0.7, 9)
    assert (reasoner["temperature"], reasoner["max_tokens"]) == (0.0, 384)


async def test_nodes_that_start_together_share_one_model(endpoint: Endpoint) -> None:
    config = parse_config(
        {"models": {"default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url}}}
    )
    async with ModelPool() as pool:
        first, second = await asyncio.gather(load_models(pool, config), load_models(pool, config))
    assert first["default"] is second["default"]
