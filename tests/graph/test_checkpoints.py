"""Checkpointers keep the graphs' states, read their types back, and hold no samples of a run."""

import logging
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from langgraph.checkpoint.memory import MemorySaver
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import BaseModel

from agents.agent import Usage
from agents.reasoner import Turn
from graph.checkpoints import knowing_states
from graph.run_graph import build_run_graph
from graph.sample_graph import build_sample_graph
from graph.state import RunInput, SampleState
from robustft import Sample
from tests.support.endpoint import Endpoint
from tests.support.graphs import SAMPLE, THREAD, call, context_for, history_of, run_input


@pytest.fixture
def no_warning(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail for any warning, and for whatever LangGraph logs as one."""
    # LangGraph warns about a type once a process.
    jsonplus._warned_unregistered_types.clear()
    jsonplus._warned_blocked_types.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    logged = [record for record in caplog.get_records("call") if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in logged if record.name.startswith("langgraph")] == []


async def test_the_run_state_does_not_hold_the_samples(endpoint: Endpoint, tmp_path: Path) -> None:
    graph = build_run_graph(checkpointer=MemorySaver())
    await graph.ainvoke(run_input(endpoint, tmp_path), THREAD)
    after_load = [state for state in graph.get_state_history(THREAD) if "load" not in state.next][:-1]
    assert [state for state in after_load if state.values.get("samples")] == []


@pytest.mark.usefixtures("no_warning")
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_a_checkpointer_in_memory_works_without_warnings(
    way: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    saver = MemorySaver()
    sample, run = build_sample_graph(checkpointer=saver), build_run_graph(checkpointer=saver)
    await call(sample, way, {"sample": SAMPLE}, context=context_for(endpoint), config=THREAD)
    assert sample.get_state(THREAD).values["review"].answer == "Paris"
    assert await history_of(sample, way)
    await call(run, way, run_input(endpoint, tmp_path), config={"configurable": {"thread_id": "2"}})
    assert run.get_state({"configurable": {"thread_id": "2"}}).values["summary"]["samples"]["clean"] == 3


@pytest.mark.usefixtures("no_warning")
async def test_a_checkpointer_on_disk_works_without_warnings(endpoint: Endpoint, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "checkpoints.db", check_same_thread=False)
    sample = build_sample_graph(checkpointer=SqliteSaver(connection))
    sample.invoke({"sample": SAMPLE}, THREAD, context=context_for(endpoint))
    run = build_run_graph(checkpointer=SqliteSaver(connection))
    run.invoke(run_input(endpoint, tmp_path), {"configurable": {"thread_id": "2"}})
    connection.close()
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        again = build_sample_graph(checkpointer=saver)
        state = await again.aget_state(THREAD)
        assert (type(state.values["sample"]), state.values["review"].answer) == (Sample, "Paris")
        assert await history_of(again, "ainvoke")


class Told(BaseModel):
    """A type that no state holds."""

    text: str


def test_a_state_is_read_back_with_its_types_and_nothing_else_is_made_from_storage() -> None:
    told = knowing_states(MemorySaver())
    assert told is not None
    serde = told.serde
    state = SampleState(
        sample=SAMPLE, turns=[Turn(role="reason", reply="Oslo", answer="Oslo", usage=Usage())]
    )
    for known in (SAMPLE, state.turns[0], RunInput(directory="run")):
        assert serde.loads_typed(serde.dumps_typed(known)) == known
    assert not isinstance(serde.loads_typed(serde.dumps_typed(Told(text="x"))), Told)


def test_the_callers_checkpointer_is_not_changed_and_shares_its_storage() -> None:
    saver = MemorySaver()
    before = saver.serde
    told = knowing_states(saver)
    assert isinstance(told, MemorySaver)
    assert told is not saver
    assert saver.serde is before
    assert told.storage is saver.storage


def test_a_serialiser_of_another_kind_and_none_at_all_stay_as_they_are() -> None:
    encrypting = MemorySaver(serde=EncryptedSerializer(SimpleNamespace()))
    assert knowing_states(encrypting) is encrypting
    assert knowing_states(None) is None
