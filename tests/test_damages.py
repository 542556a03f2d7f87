"""A short run of the damages: the long one is `make torture`."""

from pathlib import Path

import pytest

from tests.support.damages import torture


@pytest.mark.slow
def test_no_damage_of_a_run_directory_is_a_traceback_a_silent_change_or_a_wedge(tmp_path: Path) -> None:
    figures = torture(damages=40, seed=1, folder=tmp_path, trained=0.02)
    assert (figures["tracebacks"], figures["silent changes"], figures["wedges"]) == (0, 0, 0)
    assert figures["ended right"] + figures["ended by a message"] == 40
    # Most of it is made anew from what is whole.
    assert figures["ended right"] > 20
