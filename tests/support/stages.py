"""Running one stage of a run by itself, as the run graph does."""

from pathlib import Path
from typing import Any, NamedTuple

from langgraph.graph import START, StateGraph

from agents.models.pool import ModelPool
from graph.blocking import AsyncNode, Node
from graph.config.run import load_config
from graph.context import RunContext
from graph.stages.load import load
from graph.stages.stage import Progress
from graph.state import RunInput, RunState
from tests.support.cases import script, write_run
from tests.support.endpoint import Endpoint


class Ended(NamedTuple):
    """A stage that has ended: the state with what it changed, and the progress that it reported."""

    state: RunState
    progress: list[Progress]


async def run_stage(stage: AsyncNode, state: RunState) -> Ended:
    """Run a stage on a run's state."""
    return await _run(stage, state, RunState)


async def load_run_of(request: RunInput) -> Ended:
    """Run the first stage, which makes or resumes a run directory."""
    return await _run(load, request, RunInput)


async def loaded(folder: Path, endpoint: Endpoint, *settings: str, **given: Any) -> RunState:
    """Return the state of a new run on all cases, after its first stage."""
    config = load_config(write_run(folder, script(endpoint).url), settings).model_dump(mode="json")
    request = RunInput(**{"config": config, "directory": str(folder / "run"), "until": "select", **given})
    return (await load_run_of(request)).state


async def _run(stage: AsyncNode, given: RunInput, kind: type[RunInput]) -> Ended:
    graph = StateGraph[RunState, RunContext, Any, RunState](
        RunState, context_schema=RunContext, input_schema=kind
    )
    graph.add_node(stage.__name__, Node(stage), input_schema=kind)
    graph.add_edge(START, stage.__name__)
    compiled = graph.compile()
    last: Any = given.model_dump()
    progress = []
    async with ModelPool() as models:
        chunks = compiled.astream(given, context=RunContext(models), stream_mode=["custom", "values"])
        async for mode, chunk in chunks:
            if mode == "custom":
                progress.append(Progress(**chunk))  # type: ignore[arg-type]
            else:
                last = chunk
    return Ended(RunState.model_validate(last), progress)
