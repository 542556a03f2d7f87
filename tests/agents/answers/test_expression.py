"""Expressions are read to a value, and nothing of them is run."""

import pytest

from agents.answers.expression import Expression, UnreadableError


def test_an_expression_has_a_value() -> None:
    assert Expression(r"\frac{1}{2} + 2^3").value(0) == 8.5


@pytest.mark.parametrize("text", ["", "__import__('os')", "(" * 400, "1/0", "x" * 999, r"\frac{1}"])
def test_hostile_expressions_are_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        Expression(text).value(0)
