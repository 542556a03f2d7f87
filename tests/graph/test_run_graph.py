"""The run graph's wiring: the stages in their order, and an early end where one was asked for."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from graph.run_graph import after_denoise, after_detect, after_select, after_train, build_run_graph
from graph.state import RunState, Stage

ROUTERS: list[tuple[Callable[[RunState], Any], Stage, str]] = [
    (after_detect, "detect", "index"),
    (after_denoise, "denoise", "select"),
    (after_select, "select", "train"),
    (after_train, "train", "evaluate"),
]


@pytest.mark.parametrize(("router", "stage", "following"), ROUTERS, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("until", get_args(Stage))
def test_a_run_goes_on_until_the_stage_that_it_was_asked_for(
    router: Callable[[RunState], Any], stage: Stage, following: str, until: Stage
) -> None:
    assert router(RunState(directory="run", until=until)) == ("report" if until == stage else following)


def test_every_stage_is_reached_and_every_way_ends_with_the_report() -> None:
    drawn = build_run_graph().get_graph()
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    order = ["__start__", "load", "detect", "index", "denoise", "select", "train", "evaluate", "report"]
    assert set(zip(order, [*order[1:], "__end__"], strict=True)) <= edges
    assert {source for source, target in edges if target == "__end__"} == {"report"}
    early = {source for source, target in edges if target == "report"}
    assert early == {"detect", "denoise", "select", "train", "evaluate"}
