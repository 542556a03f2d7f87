"""Turns of every usual dialect become the same messages; what cannot be shown as text is refused by name."""

from typing import Any

import pytest

from stores.fields import RowError
from stores.turns import looks_like_turns, read_content, read_pairs, read_tools, read_turns, split_turns

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}],
        [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}],
        [{"from": "Human", "value": "Hi"}, {"from": "chatgpt", "value": "Yo"}],
        [{"role": "user", "value": "Hi"}, {"from": "bing", "content": "Yo"}],
        [{"author": "prompter", "text": "Hi"}, {"author": "assistant", "text": "Yo"}],
        [{"author": {"role": "user"}, "content": {"parts": ["Hi"]}}, {"role": "model", "content": "Yo"}],
        [{"speaker": "user", "utterance": "Hi"}, {"speaker": "ai", "utterance": "Yo"}],
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"from": "bard", "value": "Yo"}],
        [{"input": "Hi", "output": "Yo"}],
        ["Hi", "Yo"],
        '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]',
        "[{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Yo'}]",
    ],
)
def test_every_dialect_says_the_same(turns: object) -> None:
    read = read_turns(turns, "messages")
    assert [(turn.role, turn.content) for turn in read] == [("user", "Hi"), ("assistant", "Yo")]


def test_calls_of_tools_and_their_results_are_kept_between_prompt_and_response() -> None:
    turns = read_turns(
        [
            {"role": "developer", "content": "Use tools."},
            {"role": "user", "content": "1 + 1?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "name": "add", "content": "2"},
            {"role": "assistant", "content": "2"},
        ],
        "messages",
    )
    found = split_turns(turns, "messages")
    assert [turn.role for turn in found.history] == ["system"]
    assert (found.prompt, found.response) == ("1 + 1?", "2")
    assert [turn.role for turn in found.after] == ["assistant", "tool"]
    assert found.after[0].tool_calls == (CALL,)
    assert (found.after[1].tool_call_id, found.after[1].name) == ("c1", "add")


def test_a_function_call_of_sharegpt_is_a_call_in_json_and_text_otherwise() -> None:
    def read(value: str) -> Any:
        turns = [{"from": "human", "value": "q"}, {"from": "function_call", "value": value}]
        turns += [{"from": "observation", "value": "2"}, {"from": "gpt", "value": "a"}]
        return split_turns(read_turns(turns, "conversations"), "conversations").after[0]

    assert read('{"name": "add", "arguments": {"a": 1}}').tool_calls[0]["function"]["name"] == "add"
    assert read("Action: search").content == "Action: search"


def test_a_conversation_may_begin_with_an_assistants_turn() -> None:
    turns = [
        {"from": "gpt", "value": "Hello"},
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Yo"},
    ]
    assert [turn.role for turn in split_turns(read_turns(turns, "c"), "c").history] == ["assistant"]


@pytest.mark.parametrize(
    ("part", "media"),
    [
        ({"type": "image_url", "image_url": {"url": "x"}}, "image_url"),
        ({"type": "image"}, "image"),
        ({"type": "input_audio", "input_audio": {}}, "audio"),
        ({"type": "video", "video": "x"}, "video"),
    ],
)
def test_a_part_that_is_no_text_is_refused_by_name(part: object, media: str) -> None:
    with pytest.raises(RowError, match=media):
        read_content([{"type": "text", "text": "Look:"}, part], "content")


def test_text_is_kept_to_the_byte() -> None:
    text = "    return 1\r\n\n"
    assert (
        read_content([{"type": "text", "text": text}, {"type": "text", "text": "\t"}], "content")
        == f"{text}\t"
    )
    assert read_turns([{"role": "user", "content": text}], "messages")[0].content == text


@pytest.mark.parametrize(
    "value", ['[{"name": "add"}]', [{"name": "add"}], {"name": "add"}, ['{"name": "add"}'], "{'name': 'add'}"]
)
def test_tools_are_read_as_text_and_as_objects(value: object) -> None:
    assert read_tools(value, "tools") == ({"name": "add"},)


@pytest.mark.parametrize("value", [None, "", [], "[]"])
def test_no_tools_are_none(value: object) -> None:
    assert read_tools(value, "tools") == ()


def test_pairs_are_turns_and_prose_is_no_conversation() -> None:
    assert [turn.role for turn in read_pairs([["a", "b"]], "history")] == ["user", "assistant"]
    assert looks_like_turns([{"from": "human", "value": "x"}])
    assert not looks_like_turns("A: hi")
    assert not looks_like_turns(["A: hi"])
