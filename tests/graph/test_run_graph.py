"""The run graph's wiring: the stages in their order, and an early end where one was asked for."""

from graph.run_graph import build_run_graph


def test_every_stage_is_reached_and_every_way_ends_with_the_report() -> None:
    drawn = build_run_graph().get_graph()
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    order = ["__start__", "load", "detect", "index", "denoise", "select", "train", "evaluate", "report"]
    assert set(zip(order, [*order[1:], "__end__"], strict=True)) <= edges
    assert {source for source, target in edges if target == "__end__"} == {"report"}
    early = {source for source, target in edges if target == "report"}
    assert early == {"detect", "denoise", "select", "train", "evaluate"}
