"""The first rows of a file tell its columns, in any spelling, and whether they hold anything."""

from stores.head import Head

HEAD = Head([{"Question ": "Sky?", "note": None}, {"Question ": "Sea?", "extra": 1}], without=["extra"])


def test_a_column_is_found_in_any_spelling_but_one_to_do_without() -> None:
    assert HEAD.columns == ("Question ", "note")
    assert HEAD.find("prompt", "question") == "Question "
    assert HEAD.find("extra") is None
    assert HEAD.find_all(("question", "note")) == ("Question ", "note")
    assert HEAD.find_all(("question", "extra")) is None


def test_empty_values_say_nothing() -> None:
    assert HEAD.values("Question ") == ["Sky?", "Sea?"]
    assert HEAD.says("Question ")
    assert not HEAD.says("note")
    assert HEAD.is_text("note")
