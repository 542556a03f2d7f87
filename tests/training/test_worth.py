"""Checks go where they change decisions: to doubtful samples, and to groups that one check tells much of."""

from itertools import pairwise

import pytest

from training.worth import Candidate, choose_to_check, group_value


def alike(count: int, risk: float, group: str) -> list[Candidate]:
    return [Candidate(f"{group}{number:03}", risk, group) for number in range(count)]


def test_of_samples_that_tell_nothing_of_others_the_likeliest_wrong_come_first() -> None:
    lone = [Candidate(name, risk, name) for name, risk in (("a", 0.1), ("b", 0.6), ("c", 0.3), ("d", 0.02))]
    assert choose_to_check(lone, 3) == ["b", "c", "a"]


def test_a_large_group_is_looked_at_before_a_single_doubtful_sample() -> None:
    chosen = choose_to_check([Candidate("lone", 0.5, "lone"), *alike(200, 0.3, "g")], 40)
    assert chosen[0] == "g000"
    assert "lone" in chosen


def test_checks_are_spread_over_groups_that_are_equally_doubtful() -> None:
    chosen = choose_to_check([*alike(50, 0.4, "x"), *alike(50, 0.4, "y"), *alike(50, 0.4, "z")], 9)
    assert sorted(name[0] for name in chosen) == ["x"] * 3 + ["y"] * 3 + ["z"] * 3


def test_a_large_group_that_seems_right_is_looked_at_in_the_end() -> None:
    # All views agree on every sample, as they do where a model has one systematic error.
    chosen = choose_to_check([*alike(5000, 0.03, "sure"), *alike(20, 0.5, "doubtful")], 20)
    assert {name[0] for name in chosen} == {"s", "d"}


def test_the_order_of_the_samples_does_not_matter() -> None:
    samples = [*alike(30, 0.2, "x"), *alike(10, 0.4, "y"), Candidate("lone", 0.5, "lone")]
    assert choose_to_check(samples[::-1], 8) == choose_to_check(samples, 8)


def test_no_more_are_chosen_than_there_are() -> None:
    assert sorted(choose_to_check(alike(3, 0.2, "x"), 40)) == ["x000", "x001", "x002"]
    assert choose_to_check([], 40) == []


@pytest.mark.parametrize("mean", [0.0001, 0.03, 0.3, 0.5, 0.9])
def test_checks_are_never_worth_less_than_fewer_and_no_more_than_certainty(mean: float) -> None:
    values = [group_value(mean, checks) for checks in range(30)]
    assert values[0] == pytest.approx(0, abs=1e-12)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(values))
    assert values[-1] <= min(mean, 1 - mean) + 1e-9


def test_one_check_tells_nothing_about_a_group_that_seems_right() -> None:
    # Its share of wrong ones would be (0.2 + 1) / 3 after one; two turn it round.
    assert group_value(0.1, 1) == pytest.approx(0, abs=1e-12)
    assert group_value(0.1, 2) > 0
