"""Quantities: the same number, in the same or in another unit."""

import pytest

from agents.answers.quantity import compare_quantities


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("5 km", "5000 m", True), ("5 km", "5", True), ("5 km", "5 m", False), ("50 %", "0.5", True),
        ("50", "0.5", False), ("three", "3", True), ("at least 5", "5", False), ("about 12", "12", None),
    ],
)  # fmt: skip
def test_quantities_are_the_same_or_not(left: str, right: str, same: bool | None) -> None:
    assert compare_quantities(left, right) is same
    assert compare_quantities(right, left) is same
