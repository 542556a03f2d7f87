"""The run graph: one dataset's journey, from noisy samples to a tuned model.

    START -> load -> glance -> detect -> calibrate -> index -> denoise -> conclude -> select -> train
          -> evaluate -> report -> END

Three stages ask the agents, and what follows from each is decided after it: by `glance` itself which samples
are asked about any further, by `calibrate` the verdicts, by `conclude` the responses.
The barrier between them is real: relabeling may only see examples that were judged clean.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agents.models.pool import ModelPool
from graph.blocking import Node, wait_for
from graph.checkpoints import knowing_states
from graph.config import RESPONSES, VERDICTS, Stage
from graph.context import RunContext
from graph.stages.calibrate import calibrate
from graph.stages.conclude import conclude
from graph.stages.denoise import denoise
from graph.stages.detect import detect
from graph.stages.evaluate import evaluate
from graph.stages.glance import glance
from graph.stages.index import index
from graph.stages.load import load
from graph.stages.report import report
from graph.stages.select import select
from graph.stages.train import train
from graph.state import RunInput, RunState


class RunGraph(CompiledStateGraph[RunState, RunContext, RunInput, RunState]):
    """The compiled run graph. Each invocation opens models of its own, and closes them when it ends.

    Its stages find the models as their runtime's context. Whoever invokes it gives no context.
    """

    def stream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **options: Any,
    ) -> Iterator[Any]:
        """Stream a run; `invoke` and `batch` call this too."""
        models = ModelPool()
        try:
            yield from super().stream(input, config, context=RunContext(models), **options)
        finally:
            wait_for(models.close())

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        context: Any = None,
        **options: Any,
    ) -> AsyncIterator[Any]:
        """Stream a run; `ainvoke` and `abatch` call this too."""
        async with ModelPool() as models:
            async for chunk in super().astream(input, config, context=RunContext(models), **options):
                yield chunk


def build_run_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> RunGraph:
    """Wire the stages; a run that was asked to stop early goes straight to its report.

    Args:
        checkpointer: keeps the state after every stage; a run directory can be resumed without one.
    """
    graph = StateGraph[RunState, RunContext, RunInput, RunState](RunState, input_schema=RunInput)
    graph.add_node("load", Node(load), input_schema=RunInput)
    for stage in (glance, detect, calibrate, index, denoise, conclude, select, train, evaluate, report):
        graph.add_node(stage.__name__, Node(stage))
    graph.add_edge(START, "load")
    graph.add_edge("load", "glance")
    graph.add_edge("glance", "detect")
    graph.add_edge("detect", "calibrate")
    _add_exit(graph, "calibrate", VERDICTS, "index")
    graph.add_edge("index", "denoise")
    graph.add_edge("denoise", "conclude")
    _add_exit(graph, "conclude", RESPONSES, "select")
    _add_exit(graph, "select", ("select",), "train")
    _add_exit(graph, "train", ("train",), "evaluate")
    graph.add_edge("evaluate", "report")
    graph.add_edge("report", END)
    compiled = graph.compile(checkpointer=knowing_states(checkpointer), name="run")
    # StateGraph makes no other class; this is how LangGraph copies a compiled graph.
    return RunGraph(**vars(compiled))


def _add_exit(
    graph: StateGraph[Any, Any, Any, Any], stage: str, ends: tuple[Stage, ...], following: str
) -> None:
    """Go from a stage to the next, or to the report if the run was asked to stop after one of `ends`."""

    def stop_or_go_on(state: RunState) -> str:
        return "report" if state.until in ends else following

    graph.add_conditional_edges(stage, stop_or_go_on, [following, "report"])


run_graph = build_run_graph()
