"""Both graphs in all the ways that LangGraph has to call one: their coroutines can be waited for too."""

import asyncio
from pathlib import Path
from typing import TypedDict

import pytest
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime

from agents.models.pool import ModelPool
from graph.blocking import Node, wait_for
from graph.run_graph import run_graph
from graph.sample_graph import sample_graph
from tests.support.endpoint import Endpoint
from tests.support.graphs import SAMPLE, WAYS, call, context_for, run_input


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


async def add(state: int) -> int:
    return state + 1


class Counted(TypedDict):
    """The state of a graph of one node."""

    count: int


async def see_context(state: Counted, runtime: Runtime[str]) -> dict[str, int]:
    return {"count": len(runtime.context)}


async def test_a_node_is_called_in_both_ways_and_named_by_its_function() -> None:
    node = Node(add)
    assert node.name == "add"
    assert (node.invoke(1), await node.ainvoke(1)) == (2, 2)


@pytest.mark.parametrize("way", WAYS)
async def test_a_node_is_given_the_graphs_runtime_if_it_wants_one(way: str) -> None:
    graph = StateGraph[Counted, str, Counted, Counted](Counted, context_schema=str)
    graph.add_node("count", Node(see_context))
    graph.add_edge(START, "count")
    assert await call(graph.compile(), way, {"count": 0}, context="four") == {"count": 4}


def test_waiting_gives_the_value_or_the_error_of_what_was_waited_for() -> None:
    async def fail() -> None:
        raise ValueError("no")

    assert wait_for(add(1)) == 2
    with pytest.raises(ValueError, match="no"):
        wait_for(fail())


async def test_all_waiting_is_done_on_one_loop_that_is_not_the_callers() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loops = {wait_for(loop()) for _ in range(2)}
    loops |= {await asyncio.to_thread(wait_for, loop()) for _ in range(2)}
    assert len(loops) == 1
    assert asyncio.get_running_loop() not in loops
