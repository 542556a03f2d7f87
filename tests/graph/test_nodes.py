"""The nodes: each asks its agent what the state says, and gives back what changed."""

from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.runtime import Runtime

from agents.agent import Usage
from agents.reasoner import Turn
from graph import nodes
from graph.config.run import parse_config
from graph.context import build_agents, load_prompts
from graph.nodes import Context
from graph.state import SampleState
from stores.sample import Sample
from tests.support.scripted import ScriptedModel

BASE = nodes.answer_with("base", "base")
RELABELER = nodes.answer_with("relabeler", "context")
SAMPLE = Sample(id="a", prompt="Capital of Norway?", response="Zanzibar")


def runtime_of(reply: str = "Oslo", **checker: Any) -> tuple[Runtime[Context], ScriptedModel]:
    """Return what a node is given, with agents whose one model says the same to all."""

    def script(messages: list[BaseMessage]) -> str:
        return reply

    model = ScriptedModel(script=script)
    config = parse_config({"agents": {"reasoner": {"max_reflections": 1}, "checker": checker}})
    return Runtime(context=build_agents(config, {"default": model}, load_prompts(config))), model


async def test_an_agent_whose_view_nobody_looks_at_is_not_asked() -> None:
    runtime, model = runtime_of(policy="unanimous", views=["base"])
    state = SampleState(sample=SAMPLE)
    command = await nodes.reasoner(state, runtime)
    assert (command.goto, command.update) == ("checker", None)
    assert model.requests == []
    assert (await BASE(state, runtime))["base"].answer == "Oslo"


@pytest.mark.parametrize(("turns", "goto"), [(0, "reflect"), (2, "checker")])
async def test_reasoning_is_followed_by_a_reflection_until_there_were_enough(turns: int, goto: str) -> None:
    runtime, _ = runtime_of()
    before = [
        Turn(role="reason", reply="Bergen", answer="Bergen", usage=Usage()),
        Turn(role="reflect", reply="No.", usage=Usage()),
    ]
    command = await nodes.reasoner(SampleState(sample=SAMPLE, turns=before[:turns]), runtime)
    assert command.goto == goto
    assert isinstance(command.update, dict)
    assert [turn.answer for turn in command.update["turns"]] == ["Oslo"]


async def test_a_node_gives_back_what_changed_and_nothing_else() -> None:
    runtime, _ = runtime_of(policy="majority")
    turns = [Turn(role="reason", reply="Oslo", answer="Oslo", usage=Usage())]
    state = SampleState(sample=SAMPLE, turns=turns)
    for node, keys in (
        (BASE, {"base"}),
        (nodes.reflect, {"turns"}),
        (nodes.checker, {"check"}),
        (RELABELER, {"context"}),
        (nodes.reviewer, {"review"}),
    ):
        assert set(await node(state, runtime)) == keys  # type: ignore[operator]


async def test_a_noisy_sample_goes_to_the_relabeler_and_a_clean_one_does_not() -> None:
    runtime, _ = runtime_of(policy="unanimous")
    turns = [Turn(role="reason", reply="Oslo", answer="Oslo", usage=Usage())]
    for sample, following in (
        (SAMPLE, "relabeler"),
        (SAMPLE.model_copy(update={"response": "Oslo"}), "conclude"),
    ):
        state = SampleState(sample=sample, turns=turns)
        state = state.model_copy(update=await BASE(state, runtime))  # type: ignore[arg-type]
        state = state.model_copy(update=await nodes.checker(state, runtime))
        assert await nodes.after_checking(state) == following
    assert await nodes.after_checking(SampleState(sample=SAMPLE)) == "relabeler"
