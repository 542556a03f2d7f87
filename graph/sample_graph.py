"""The sample graph: one sample's journey through the agents.

    START -> base -- sure -------------------> checker -- clean -----------------------> conclude -> END
                  -- else --> reasoner ----->         -- noisy --> relabeler -> reviewer ->
                              <-> reflect

Only a calibrated run is ever sure of a response by the base agent's answer alone.

It is two halves, detect and denoise, joined by the checker's verdict, and `conclude` at the end. A run drives
the halves on their own, since it decides about all samples together after each: in its stages `calibrate` and
`conclude`. All three graphs are wired by the same two functions. The stage `glance` asks the base agent
alone, by a graph of one node with the same retries.
"""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy

from agents.errors import ModelBusyError
from graph import nodes
from graph.blocking import Node
from graph.checkpoints import knowing_states
from graph.context import SampleContext
from graph.nodes import Context
from graph.state import SampleInput, SampleState

SampleGraph = CompiledStateGraph[SampleState, Context, SampleInput, SampleState]
_Builder = StateGraph[SampleState, Context, Any, SampleState]

# The agents whose answers the checker compares, by their names in the config; the first is asked first.
_ANSWER = [
    "base",
    "reasoner",
]

# The one layer that retries: half a second at first, doubled each time, with jitter.
_RETRY = RetryPolicy(max_attempts=4, retry_on=ModelBusyError)

# The halves have no checkpointer: in a run they would inherit its own, for every sample.
# `max_reflections` bounds the loop; LangGraph's own limit is below what it may ask for.
_UNBOUNDED = RunnableConfig(recursion_limit=1_000_000)


def build_glance_graph() -> SampleGraph:
    """Build the beginning of the first half: the base agent alone."""
    graph = StateGraph[SampleState, Context, SampleInput, SampleState](
        SampleState, context_schema=SampleContext, input_schema=SampleInput
    )
    graph.add_node("base", Node(nodes.answer_with("base", "base")), retry_policy=_RETRY)
    graph.add_edge(START, "base")
    graph.add_edge("base", END)
    return graph.compile(checkpointer=False, name="glance")


def build_detect_graph() -> SampleGraph:
    """Build the half that judges a response: base, the reflection loop and the checker."""
    graph = StateGraph[SampleState, Context, SampleInput, SampleState](
        SampleState, context_schema=SampleContext, input_schema=SampleInput
    )
    _wire_detect(graph)
    graph.add_edge("checker", END)
    return graph.compile(checkpointer=False, name="detect").with_config(_UNBOUNDED)


def build_denoise_graph() -> CompiledStateGraph[SampleState, Context, SampleState, SampleState]:
    """Build the half that repairs a response: the relabeler and the reviewer."""
    graph = StateGraph[SampleState, Context, SampleState, SampleState](
        SampleState, context_schema=SampleContext
    )
    graph.add_edge(START, "relabeler")
    _wire_denoise(graph)
    graph.add_edge("reviewer", END)
    return graph.compile(checkpointer=False, name="denoise")


def build_sample_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> SampleGraph:
    """Build the whole journey: both halves, joined by the checker's verdict, and what is concluded.

    Args:
        checkpointer: keeps the state after every node.
    """
    graph = StateGraph[SampleState, Context, SampleInput, SampleState](
        SampleState, context_schema=SampleContext, input_schema=SampleInput
    )
    _wire_detect(graph)
    graph.add_conditional_edges("checker", Node(nodes.after_checking), ["relabeler", "conclude"])
    _wire_denoise(graph)
    graph.add_node("conclude", Node(nodes.conclude))
    graph.add_edge("reviewer", "conclude")
    graph.add_edge("conclude", END)
    return graph.compile(checkpointer=knowing_states(checkpointer), name="sample").with_config(_UNBOUNDED)


def _wire_detect(graph: _Builder) -> None:
    first, *others = _ANSWER
    graph.add_node(
        first,
        Node(nodes.base(others)),
        input_schema=SampleInput,
        destinations=(*others, "checker"),
        retry_policy=_RETRY,
    )
    graph.add_edge(START, first)
    graph.add_node("reasoner", Node(nodes.reasoner), destinations=("reflect", "checker"), retry_policy=_RETRY)
    graph.add_node("reflect", Node(nodes.reflect), retry_policy=_RETRY)
    graph.add_edge("reflect", "reasoner")
    for agent in others[1:]:
        node = Node(nodes.answer_with(agent))
        graph.add_node(agent, node, input_schema=SampleInput, retry_policy=_RETRY)
        graph.add_edge(agent, "checker")
    # Deferred: the loop may go round several times while another view waits.
    graph.add_node("checker", Node(nodes.checker), retry_policy=_RETRY, defer=True)


def _wire_denoise(graph: _Builder) -> None:
    graph.add_node("relabeler", Node(nodes.answer_with("relabeler", "context")), retry_policy=_RETRY)
    graph.add_node("reviewer", Node(nodes.reviewer), retry_policy=_RETRY)
    graph.add_edge("relabeler", "reviewer")


glance_graph = build_glance_graph()
detect_graph = build_detect_graph()
denoise_graph = build_denoise_graph()
sample_graph = build_sample_graph()
