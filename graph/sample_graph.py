"""The sample graph: one sample's journey through the five agents.

    START -> base -> reasoner <-> reflect -> checker -- reliable --> END
                                                \\- noisy -> relabeler -> reviewer -> END

It is two compiled halves, `detect` and `denoise`, joined by one conditional edge; a run drives the same
halves over its dataset, with the clean examples indexed in between.
"""

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy

from agents.errors import ModelBusyError
from graph import nodes
from graph.agents import SampleContext
from graph.state import Denoised, Detected, SampleInput, SampleState

SampleGraph = CompiledStateGraph[SampleState, SampleContext, SampleInput, SampleState]

# The one layer that retries: half a second at first, doubled each time, with jitter.
_RETRY = RetryPolicy(max_attempts=4, retry_on=ModelBusyError)


def build_detect_graph() -> CompiledStateGraph[SampleState, SampleContext, SampleInput, Detected]:
    """Build the half that judges a label: base, the reflection loop and the checker."""
    graph = StateGraph(
        SampleState, context_schema=SampleContext, input_schema=SampleInput, output_schema=Detected
    )
    graph.add_node("base", nodes.base, retry_policy=_RETRY)
    graph.add_node("reasoner", nodes.reasoner, retry_policy=_RETRY)
    graph.add_node("reflect", nodes.reflect, retry_policy=_RETRY)
    # Deferred: the loop may go round several times while the base answer waits.
    graph.add_node("checker", nodes.checker, retry_policy=_RETRY, defer=True)
    graph.add_edge(START, "base")
    graph.add_edge(START, "reasoner")
    graph.add_conditional_edges("reasoner", nodes.after_reasoning)
    graph.add_edge("reflect", "reasoner")
    graph.add_edge("base", "checker")
    graph.add_edge("checker", END)
    return graph.compile(name="detect")


def build_denoise_graph() -> CompiledStateGraph[SampleState, SampleContext, SampleState, Denoised]:
    """Build the half that repairs a label: the relabeler and the reviewer."""
    graph = StateGraph(SampleState, context_schema=SampleContext, output_schema=Denoised)
    graph.add_node("relabeler", nodes.relabeler, retry_policy=_RETRY)
    graph.add_node("reviewer", nodes.reviewer, retry_policy=_RETRY)
    graph.add_edge(START, "relabeler")
    graph.add_edge("relabeler", "reviewer")
    graph.add_edge("reviewer", END)
    return graph.compile(name="denoise")


def build_sample_graph() -> SampleGraph:
    """Join the two halves by the checker's verdict."""
    graph = StateGraph(SampleState, context_schema=SampleContext, input_schema=SampleInput)
    graph.add_node("detect", detect_graph)
    graph.add_node("denoise", denoise_graph)
    graph.add_edge(START, "detect")
    graph.add_conditional_edges("detect", nodes.after_detection)
    graph.add_edge("denoise", END)
    return graph.compile(name="sample")


detect_graph = build_detect_graph()
denoise_graph = build_denoise_graph()
sample_graph = build_sample_graph()
