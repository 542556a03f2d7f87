"""The kind of `agents.answers.maths`."""

from agents.answers.maths import Maths

MATHS = Maths()


def test_expressions_are_equal_or_not() -> None:
    assert MATHS.agree("(x-1)(x+1)", "x^2 - 1") is True
    assert MATHS.agree("[0, 1)", "[0, 1]") is False
    assert MATHS.extract(r"So it is $\boxed{\frac{1}{2}}$.") == r"\frac{1}{2}"
