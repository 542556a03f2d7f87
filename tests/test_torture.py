"""A short torture: the long one is `make torture`."""

from pathlib import Path

import pytest

from tests.support.torture import torture


@pytest.mark.slow
def test_runs_that_are_killed_at_random_moments_lose_repeat_and_change_nothing(tmp_path: Path) -> None:
    figures = torture(runs=4, seed=1, folder=tmp_path)
    assert (figures["sent_again"], figures["differing"], figures["lost"]) == (0, 0, 0)
    assert figures["kills"] > 0
    assert sum(figures["faults"].values()) > 0
