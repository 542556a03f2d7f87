"""The run graph: one dataset's journey, from a file of noisy samples to a tuned model.

    START -> load -> detect -> index -> denoise -> select -> train -> evaluate -> report -> END

The barrier between detect and denoise is real: relabeling may only see examples that were judged clean.
"""

from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph.stages.denoise import denoise
from graph.stages.detect import detect
from graph.stages.evaluate import evaluate
from graph.stages.index import index
from graph.stages.load import load
from graph.stages.report import report
from graph.stages.select import select
from graph.stages.train import train
from graph.state import RunInput, RunState

RunGraph = CompiledStateGraph[RunState, None, RunInput, RunState]


def build_run_graph() -> RunGraph:
    """Wire the stages; a run that was asked to stop early goes straight to its report."""
    graph = StateGraph(RunState, input_schema=RunInput)
    graph.add_node("load", load)
    graph.add_node("detect", detect)
    graph.add_node("index", index)
    graph.add_node("denoise", denoise)
    graph.add_node("select", select)
    graph.add_node("train", train)
    graph.add_node("evaluate", evaluate)
    graph.add_node("report", report)
    graph.add_edge(START, "load")
    graph.add_edge("load", "detect")
    graph.add_conditional_edges("detect", after_detect)
    graph.add_edge("index", "denoise")
    graph.add_conditional_edges("denoise", after_denoise)
    graph.add_conditional_edges("select", after_select)
    graph.add_conditional_edges("train", after_train)
    graph.add_edge("evaluate", "report")
    graph.add_edge("report", END)
    return graph.compile(name="run")


def after_detect(state: RunState) -> Literal["index", "report"]:
    """Stop here if asked to."""
    return "report" if state.until == "detect" else "index"


def after_denoise(state: RunState) -> Literal["select", "report"]:
    """Stop here if asked to."""
    return "report" if state.until == "denoise" else "select"


def after_select(state: RunState) -> Literal["train", "report"]:
    """Stop here if asked to."""
    return "report" if state.until == "select" else "train"


def after_train(state: RunState) -> Literal["evaluate", "report"]:
    """Stop here if asked to."""
    return "report" if state.until == "train" else "evaluate"


run_graph = build_run_graph()
