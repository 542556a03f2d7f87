"""A text with braces is only filled in, and a dot reaches into nested columns."""

from stores.columns import fill_template, look_up, template_names, unused_columns
from stores.layouts import find_layout


def test_a_template_is_filled_once() -> None:
    assert template_names("{a} {b c} {a}") == ("a", "b c")
    assert fill_template("{a}-{b}", {"a": "{b}", "b": "x"}) == "{b}-x"


def test_a_dot_reaches_through_lists() -> None:
    row = {"turns": [{"text": "a"}, {"text": "b"}], "plain.name": 1}
    assert look_up(row, "turns.text") == ["a", "b"]
    assert look_up(row, "plain.name") == 1
    assert look_up(row, "turns.text.deeper") == [None, None]


def test_unused_columns_are_told_by_whether_they_belong_to_the_question() -> None:
    row = {"question": "q", "answer": "a", "source": "web", "table": "t", "A": "x", "C": "y"}
    layout = find_layout([row])
    assert unused_columns(layout, list(row), ()) == (["table", "A", "C"], ["source"])
    assert unused_columns(layout, list(row), ("table",))[0] == ["A", "C"]
