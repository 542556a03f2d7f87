"""Both graphs in all the ways that LangGraph has to call one, with and without a checkpointer."""

import asyncio
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import MemorySaver
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agents.models.pool import ModelPool
from graph.config.run import ConfigError
from graph.run_graph import build_run_graph, run_graph
from graph.sample_graph import build_sample_graph, sample_graph
from robustft import Sample
from tests.support.endpoint import Endpoint

WAYS = ("invoke", "batch", "stream", "ainvoke", "abatch", "astream")
ROWS = [{"prompt": f"Capital of France, {at}?", "completion": "Paris"} for at in range(3)]
SAMPLE = Sample(id="1", prompt="Capital of France?", response="Rome")
THREAD = {"configurable": {"thread_id": "1"}}


async def call(graph: Any, way: str, given: Any, **options: Any) -> dict[str, Any]:
    """Call a graph and return its last state."""
    match way:
        case "invoke":
            return dict(graph.invoke(given, **options))
        case "ainvoke":
            return dict(await graph.ainvoke(given, **options))
        case "batch":
            return dict(graph.batch([given], **options)[0])
        case "abatch":
            return dict((await graph.abatch([given], **options))[0])
        case "stream":
            return dict(list(graph.stream(given, stream_mode="values", **options))[-1])
    return dict([chunk async for chunk in graph.astream(given, stream_mode="values", **options)][-1])


def context_for(endpoint: Endpoint) -> dict[str, Any]:
    model = {"provider": "openai", "name": "scripted", "base_url": endpoint.url}
    return {"config": {"models": {"default": model}, "agents": {"checker": {"policy": "unanimous"}}}}


def run_input(endpoint: Endpoint, folder: Path) -> dict[str, Any]:
    config = context_for(endpoint)["config"]
    return {"config": config, "samples": ROWS, "directory": str(folder / "run"), "until": "select"}


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[ModelPool]:
    """The pools that were closed from here on."""
    found: list[ModelPool] = []
    close = ModelPool.close

    async def noting(self: ModelPool, **options: bool) -> None:
        if not options:
            found.append(self)
        await close(self, **options)

    monkeypatch.setattr(ModelPool, "close", noting)
    return found


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


@pytest.mark.parametrize("way", WAYS)
async def test_the_sample_graph_can_be_called_in_every_way(way: str, endpoint: Endpoint) -> None:
    state = await call(sample_graph, way, {"sample": SAMPLE}, context=context_for(endpoint))
    assert (state["check"].clean, state["review"].answer) == (False, "Paris")


@pytest.mark.parametrize("way", WAYS)
async def test_the_run_graph_can_be_called_in_every_way(
    way: str, endpoint: Endpoint, tmp_path: Path, closed: list[ModelPool]
) -> None:
    state = await call(run_graph, way, run_input(endpoint, tmp_path))
    assert state["summary"]["samples"]["clean"] == 3
    assert len(closed) == 1


def test_the_graphs_can_be_invoked_where_no_event_loop_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    state = sample_graph.invoke({"sample": SAMPLE}, context=context_for(endpoint))
    assert state["review"].answer == "Paris"
    assert run_graph.invoke(run_input(endpoint, tmp_path))["summary"]["samples"]["clean"] == 3


@pytest.mark.parametrize("way", WAYS)
async def test_a_run_graph_that_fails_closes_its_models(
    way: str, endpoint: Endpoint, tmp_path: Path, closed: list[ModelPool]
) -> None:
    endpoint.status = 401
    with pytest.raises(Exception, match="401"):
        await call(run_graph, way, run_input(endpoint, tmp_path))
    assert len(closed) == 1


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


async def history_of(graph: Any, way: str) -> list[Any]:
    if way == "invoke":
        return list(graph.get_state_history(THREAD))
    return [state async for state in graph.aget_state_history(THREAD)]
