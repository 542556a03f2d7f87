"""What all agents share: records that outlive their class, prompts that are declared, light settings."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agents.agent import (
    AgentConfig,
    AnswerRecord,
    Reply,
    Usage,
    answer_in,
    conversation,
    read_apart,
)
from agents.record import SampleRecord
from graph.config.run import RunConfig
from stores.sample import Message, Sample

SAMPLE = Sample(id="s", prompt="Capital of Norway?", response="Oslo")
HEAVY = ("langchain_core", "langgraph", "chromadb", "torch", "transformers", "httpx")
AGENTS = RunConfig().agents.by_name()


class Doubt(AnswerRecord):
    """The record of an agent that nothing else knows."""

    certainty: float


@pytest.mark.parametrize(
    "module",
    ["graph.config.run", "agents.record", *(f"agents.{agent}" for agent in AGENTS), "agents.models.config"],
)
def test_settings_and_records_are_read_without_any_library_of_models(module: str) -> None:
    code = f"import sys, {module}; print(*(set({HEAVY}) & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert found.stdout.split() == []


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_an_agent_declares_every_prompt_that_its_settings_name(agent: AgentConfig) -> None:
    keys = {key for key in type(agent).model_fields if key == "prompt" or key.endswith("_prompt")}
    assert set(agent.templates) == keys == set(agent.load_prompts())


def test_only_two_agents_give_views_and_only_the_relabeler_needs_log_probabilities() -> None:
    assert list(RunConfig().agents.views()) == ["base", "reasoning"]
    assert [name for name, agent in AGENTS.items() if agent.log_probabilities] == ["relabeler"]


def test_a_further_agents_record_keeps_its_own_fields_through_the_journal() -> None:
    doubt = Doubt(answer="Bergen", reply="Bergen?", certainty=0.25, usage=Usage(requests=1))
    entry = SampleRecord(sample=SAMPLE, views={"sceptic": doubt}).to_entry()
    record = SampleRecord.from_entry(SAMPLE, entry)
    assert record.views["sceptic"].model_dump() == doubt.model_dump()
    assert record.answers() == record.view_answers() == {"sceptic": "Bergen"}
    assert record.usage == Usage(requests=1)


def test_a_conversation_is_the_samples_history_and_then_the_request() -> None:
    history = (Message(role="user", content="Hello."), Message(role="assistant", content="Hi."))
    turns = conversation(SAMPLE.model_copy(update={"history": history}), "Its capital?")
    assert turns == [*history, Message(role="user", content="Its capital?")]


def test_usage_adds_up() -> None:
    left = Usage(requests=1, prompt_tokens=2, completion_tokens=3)
    right = Usage(requests=10, prompt_tokens=20, completion_tokens=30)
    assert left + right == Usage(requests=11, prompt_tokens=22, completion_tokens=33)


async def test_long_texts_are_read_in_a_thread_and_short_ones_at_once() -> None:
    here = threading.get_ident()
    assert await read_apart(threading.get_ident, ("short", None)) == here
    assert await read_apart(threading.get_ident, ("x" * 3000, "x" * 3000)) != here


async def test_an_answer_of_a_megabyte_of_marks_does_not_hold_up_the_loop() -> None:
    ticks = 0
    loop = asyncio.get_running_loop()
    ticking = True

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticking:
            loop.call_soon(tick)

    tick()
    sample = Sample(id="a", prompt="Where?", response="Oslo", kind="short")
    for text in ("\u0301\u0316" * 500_000, "a\u0316\u0301" * 10_000):
        before = ticks
        await answer_in(Reply(text=text, usage=Usage()), sample)
        assert ticks > before
    ticking = False
