"""A short soak: the long one is in `make torture`."""

from pathlib import Path

import pytest

from tests.support.soak import is_sound, soak


@pytest.mark.slow
def test_a_run_beside_faults_pays_for_nothing_twice_and_keeps_its_memory(tmp_path: Path) -> None:
    figures = soak(300, 0.05, 1, tmp_path)
    assert is_sound(figures), figures
    assert sum(figures["faults"].values()) > 0


def test_what_is_paid_twice_lost_or_hoarded_is_not_sound() -> None:
    sound = {"answered_again": 0, "without_outcome": 0, "mib": {"early": 200, "later": 220}}
    assert is_sound(sound)
    for change in ({"answered_again": 1}, {"without_outcome": 2}, {"mib": {"early": 200, "later": 500}}):
        assert not is_sound({**sound, **change})
