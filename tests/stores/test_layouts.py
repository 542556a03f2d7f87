"""Which column is what is told by the names of the columns, and by those of the config that are there."""

import pytest

from stores.columns import ColumnsConfig
from stores.fields import RowError
from stores.layouts import find_layout


def test_a_second_file_is_read_by_the_names_it_has() -> None:
    config = ColumnsConfig(prompt="ask", response="reply")
    layout = find_layout([{"question": "q", "answer": "a"}], config, strict=False)
    assert (layout.prompt, layout.response) == (("question",), "answer")


def test_a_conversation_goes_before_a_question_beside_it() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    assert find_layout([{"question": "Hi", "answer": "Yo", "messages": turns}]).turns == "messages"


def test_columns_without_a_response_are_named() -> None:
    with pytest.raises(RowError, match="there is no response; found: question, url"):
        find_layout([{"question": "Sky?", "url": "x"}])
