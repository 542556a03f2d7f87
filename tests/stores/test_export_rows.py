"""One row in each format; tests/stores/test_export.py has whole files."""

import json

from stores.export_rows import is_plain, to_messages, to_prompt_and_response, to_sharegpt
from stores.records import TrainingRow
from stores.sample import Message

CALL = {"name": "look", "arguments": {"at": "sky"}}
ASKED = Message(role="user", content="Sky?")
SAID = Message(role="assistant", content="blue")


def row(*prompt: Message) -> TrainingRow:
    return TrainingRow(id="a", prompt=prompt, completion=(SAID,), source="original")


def test_one_prompt_and_one_response_are_plain() -> None:
    assert is_plain(row(ASKED))
    assert not is_plain(row(ASKED, SAID, ASKED))
    assert to_prompt_and_response(row(ASKED), as_text=True) == {"prompt": "Sky?", "completion": "blue"}
    assert to_messages(row(ASKED)) == {
        "messages": [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "blue"}]
    }


def test_calls_of_tools_have_a_turn_of_their_own_in_sharegpt() -> None:
    calls = Message(role="assistant", content="Let me look.", tool_calls=(CALL, CALL))
    turns = to_sharegpt(row(ASKED, calls, Message(role="tool", content="blue")))["conversations"]
    assert [turn["from"] for turn in turns] == ["human", "gpt", "function_call", "observation", "gpt"]
    assert json.loads(turns[2]["value"]) == [CALL, CALL]
