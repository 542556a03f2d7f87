"""Intervals of shares, and of the difference between two models' shares on the same samples."""

import random

import pytest

from training.shares import paired_change, wilson


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert wilson(0.1, 40) == pytest.approx((0.0396, 0.2305), abs=1e-4)
    assert wilson(0.0, 10)[0] == 0
    assert wilson(1.0, 10)[1] == 1
    assert wilson(0.3, float("inf")) == (0.3, 0.3)


def test_a_paired_difference_has_the_interval_and_the_p_of_the_tables() -> None:
    # Newcombe 1998, table II: 36, 12, 2, 0 by method 10.
    change = paired_change(both=36, lost=2, won=12, neither=0)
    assert change[:3] == pytest.approx((0.2, 0.0569, 0.3404), abs=1e-4)
    # 2 * (C(14, 0) + C(14, 1) + C(14, 2)) / 2**14
    assert change.p == pytest.approx(2 * (1 + 14 + 91) / 2**14)


def test_where_no_answer_changed_there_is_no_difference_but_an_interval() -> None:
    change = paired_change(both=50, lost=0, won=0, neither=0)
    assert (change.value, change.p) == (0, 1)
    assert change.low < 0 < change.high


def test_the_interval_holds_the_true_difference_of_paired_samples_about_95_times_in_100() -> None:
    chance = random.Random(0)  # noqa: S311 - no secret
    held = 0
    for _ in range(400):
        counts = [0, 0, 0, 0]
        for which in chance.choices(range(4), weights=(60, 15, 5, 20), k=120):
            counts[which] += 1
        change = paired_change(*counts)
        held += change.low <= -0.1 <= change.high
    assert held >= 370


def test_of_no_samples_there_is_no_difference() -> None:
    with pytest.raises(ValueError, match="no samples"):
        paired_change(0, 0, 0, 0)
