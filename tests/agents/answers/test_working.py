"""The kind of `agents.answers.working`."""

from agents.answers.working import Working

WORKING = Working()


def test_the_ends_of_workings_are_compared() -> None:
    assert WORKING.agree("3 and 9 are 12.\n#### 12", r"So it is \boxed{12}.") is True
    assert WORKING.agree("a\n#### 12", "b\n#### 13") is False
    assert WORKING.extract("a\n#### 12") == "a\n#### 12"
