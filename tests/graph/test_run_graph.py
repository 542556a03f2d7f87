"""The run graph's wiring: the stages in their order, and an early end where one was asked for."""

from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from graph.config import Stage
from graph.run_graph import build_run_graph
from tests.support.endpoint import Endpoint
from tests.support.graphs import run_input


def test_every_stage_is_reached_and_every_way_ends_with_the_report() -> None:
    drawn = build_run_graph().get_graph()
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    order = ["load", "glance", "detect", "calibrate", "index", "denoise", "conclude", "select", "train"]
    order = ["__start__", *order, "evaluate", "report", "__end__"]
    assert set(pairwise(order)) <= edges
    assert {source for source, target in edges if target == "__end__"} == {"report"}
    early = {source for source, target in edges if target == "report"}
    assert early == {"calibrate", "conclude", "select", "train", "evaluate"}


def test_a_run_can_stop_after_every_stage_but_those_that_only_prepare_another() -> None:
    stages = set(build_run_graph().get_graph().nodes) - {"__start__", "__end__"}
    assert stages - set(get_args(Stage)) == {"load", "glance", "index", "report"}


@pytest.mark.parametrize(
    ("until", "ends", "following"),
    [
        ("detect", "calibrate", "index"),
        ("calibrate", "calibrate", "index"),
        ("denoise", "conclude", "select"),
        ("conclude", "conclude", "select"),
        ("select", "select", "train"),
    ],
)
async def test_a_stage_that_asks_is_followed_by_the_one_that_decides(
    until: Stage, ends: str, following: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    given = {**run_input(endpoint, tmp_path), "until": until}
    ran = [name async for part in build_run_graph().astream(given, stream_mode="updates") for name in part]
    assert ran[-2:] == [ends, "report"]
    assert following not in ran
