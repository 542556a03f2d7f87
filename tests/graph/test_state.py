"""The states of the two graphs: what they take, and that a run's holds no samples."""

from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from pydantic import ValidationError

from agents.reasoner import Turn
from agents.role import Usage
from graph.state import RunInput, RunState, SampleState
from stores.sample import Sample

SAMPLE = Sample(id="a", prompt="Capital of Peru?", response="Lima")


def test_a_run_needs_a_directory_and_goes_to_the_end() -> None:
    request = RunInput(directory="run")
    assert (request.config, request.until, request.retry_failed, request.reuse) == (
        {},
        "evaluate",
        False,
        None,
    )


@pytest.mark.parametrize(
    "fields", [{"until": "index"}, {"until": "report"}, {"limit": 3}, {"directory": None}]
)
def test_a_request_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunInput.model_validate({"directory": "run", **fields})


def test_a_runs_state_holds_paths_and_counts_alone() -> None:
    kinds = {field.annotation for field in RunState.model_fields.values()}
    assert Sample not in kinds
    assert not any("Sample" in str(kind) for kind in kinds)


async def test_turns_are_added_to_those_before() -> None:
    turns = [Turn(role="reason", reply=f"{number}", usage=Usage()) for number in range(3)]
    graph = StateGraph(SampleState)
    graph.add_node("one", lambda state: {"turns": turns[1:2]})
    graph.add_node("two", lambda state: {"turns": turns[2:]})
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    graph.add_edge("two", END)
    state = await graph.compile().ainvoke(SampleState(sample=SAMPLE, turns=turns[:1]))
    assert state["turns"] == turns
