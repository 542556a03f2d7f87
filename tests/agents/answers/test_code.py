"""The kind of `agents.answers.code`."""

from agents.answers.code import Code

CODE = Code()


def test_a_program_is_read_and_compared_by_its_tokens() -> None:
    assert CODE.extract("So:\n```python\n    return 1\n```\nDone.") == "    return 1"
    assert CODE.agree("return x + 1", "return x - 1") is False
    assert CODE.agree("return x + 1", "return y + 1") is None
    assert CODE.agree("f(a,b)  # both", "f(a, b)") is True
