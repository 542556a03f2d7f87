"""The kind of `agents.answers.data`."""

from agents.answers.data import Data

DATA = Data()


def test_json_is_compared_as_data() -> None:
    assert DATA.extract('So: {"a": 1}.') == '{"a": 1}'
    assert DATA.agree('{"a": 1, "b": 2}', '{"b": 2, "a": 1.0}') is True
    assert DATA.agree("[1, 2]", "[2, 1]") is False
    assert DATA.agree("[1]", "[1") is None
