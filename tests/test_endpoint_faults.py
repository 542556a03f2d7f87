"""Whatever an endpoint sends is a reply or one sample's failure: responses drawn from a grammar of faults."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.fault_grammar import draw
from tests.support.faults import examine, torture


@pytest.mark.parametrize(
    ("count", "seed"), [(500, 0), pytest.param(4_000, 1, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_any_response_is_a_reply_or_one_typed_error(count: int, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    endings = Counter(examine(draw(dice)) for _ in range(count))
    # Every way to end is tried.
    assert {"reply", "cut", "filtered", "unusable", "OWN", "FAILING", "BUSY"} <= set(endings)


@pytest.mark.slow
def test_no_fault_over_a_socket_ends_a_run_or_harms_another_sample(tmp_path: Path) -> None:
    figures = torture(60, 2, tmp_path)
    assert figures["faults"] == 60
    assert figures["well"] > 0
    assert [figures[name] for name in ("harmed", "unexplained", "keys", "differing")] == [0, 0, 0, 0]
