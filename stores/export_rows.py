"""The rows of a run's training set as other trainers read them, one function a format."""

import json
from contextlib import suppress
from typing import Any

from stores.errors import DataError
from stores.records import TrainingRow
from stores.sample import Message, plain_turns

_SHAREGPT_NAMES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def to_messages(row: TrainingRow) -> dict[str, Any]:
    """Return a conversation as OpenAI and TRL have it."""
    return {"messages": plain_turns(row.prompt + row.completion), **_tools(row)}


def to_prompt_and_response(row: TrainingRow, *, as_text: bool) -> dict[str, Any]:
    """Return a prompt and a response.

    Args:
        row: the row.
        as_text: whether both are text; else they are turns. A file has one of the two throughout.
    """
    if as_text:
        return {"prompt": row.prompt[0].content, "completion": row.completion[0].content}
    return {"prompt": plain_turns(row.prompt), "completion": plain_turns(row.completion), **_tools(row)}


def is_plain(row: TrainingRow) -> bool:
    """Say whether a row is one prompt and one response, which text can say."""
    return len(row.prompt) == 1 and not row.tools and not row.completion[0].tool_calls


def to_sharegpt(row: TrainingRow) -> dict[str, Any]:
    """Return a conversation as ShareGPT has it, with tools as LLaMA-Factory reads them."""
    turns = [part for turn in row.prompt + row.completion for part in _sharegpt_turns(turn)]
    tools = {"tools": json.dumps(row.tools, ensure_ascii=False)} if row.tools else {}
    return {"conversations": turns, **tools}


def to_alpaca(row: TrainingRow, place: str) -> dict[str, Any]:
    """Return an instruction and a response, with a system text and earlier turns where there are any.

    Args:
        row: the row.
        place: names the run's training set in messages.

    Raises:
        DataError: its turns do not alternate, or call tools.
    """
    exported: dict[str, Any] = {
        "instruction": row.prompt[-1].content,
        "input": "",
        "output": row.completion[0].content,
    }
    earlier = row.prompt[:-1]
    if earlier and earlier[0].role == "system":
        exported["system"] = earlier[0].content
        earlier = earlier[1:]
    users, assistants = earlier[::2], earlier[1::2]
    fits = len(users) == len(assistants) and not row.tools
    fits = fits and all(turn.role == "user" for turn in (*users, row.prompt[-1]))
    fits = fits and all(turn.role == "assistant" and not turn.tool_calls for turn in assistants)
    if not fits:
        raise DataError(
            f"the turns of sample '{row.id}' do not alternate between user and assistant alone, as alpaca "
            "needs; export another format",
            path=place,
            field="prompt",
        )
    if earlier:
        pairs = zip(users, assistants, strict=True)
        exported["history"] = [[user.content, assistant.content] for user, assistant in pairs]
    return exported


def _tools(row: TrainingRow) -> dict[str, Any]:
    return {"tools": list(row.tools)} if row.tools else {}


def _sharegpt_turns(turn: Message) -> list[dict[str, str]]:
    said = {"from": _SHAREGPT_NAMES[turn.role], "value": turn.content}
    if not turn.tool_calls:
        return [said]
    calls = [_sharegpt_call(call) for call in turn.tool_calls]
    called = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
    return [*([said] if turn.content else []), {"from": "function_call", "value": called}]


def _sharegpt_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function", call)
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments)
    return {"name": function.get("name", ""), "arguments": arguments}
