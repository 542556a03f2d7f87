"""Reading chat turns in the dialects that data sets are published in.

| dialect                | a turn                                                        |
| ---------------------- | ------------------------------------------------------------- |
| OpenAI, TRL, Qwen      | `{"role": "user", "content": "..."}`, `developer` is a system |
| ShareGPT, LLaMA-Factory | `{"from": "human", "value": "..."}`, `function_call`          |
| OpenAssistant, others  | `{"author": "prompter", "text": "..."}`                       |
| pairs                  | `{"input": "...", "output": "..."}`: two turns                |
| LIMA, UltraChat        | texts alone: user and assistant in turn                       |
"""

import json
from collections.abc import Mapping, Sequence
from reprlib import repr as shortened
from typing import Any, Literal, NamedTuple

from stores.fields import RowError, is_blank, is_empty, name_type, parse_nested, read_prompt, read_text
from stores.sample import Message

Role = Literal["system", "user", "assistant", "tool"]

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "customer": "user",
    "instruction": "user",
    "usr": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "agent": "assistant",
    "assistant_response": "assistant",
    "response": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "tool_result": "tool",
    "function_response": "tool",
    "environment": "tool",
}
"""What data sets call whose turn it is, in small letters."""

_CALLS = ("function_call", "tool_call")
_ROLE_KEYS = ("role", "from", "author", "speaker", "sender", "user")
_TEXT_KEYS = ("content", "value", "text", "message", "utterance", "body", "parts")
_PAIR_KEYS = (
    ("input", "output"),
    ("instruction", "output"),
    ("prompt", "response"),
    ("user", "assistant"),
    ("question", "answer"),
    ("human", "assistant"),
    ("query", "response"),
)
_MEDIA = (
    "image",
    "image_url",
    "input_image",
    "audio",
    "input_audio",
    "audio_url",
    "video",
    "video_url",
    "file",
)
_PART_TEXTS = ("text", "input_text", "output_text")


class Exchange(NamedTuple):
    """What every shape comes down to, and the field to blame for the response."""

    history: tuple[Message, ...]
    prompt: str
    after: tuple[Message, ...]
    response: str
    response_field: str


def looks_like_turns(value: object) -> bool:
    """Return whether a value is a conversation: a list of turns, as JSON text maybe."""
    value = parse_nested(value)
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(turn, dict) and bool(_key(turn, _ROLE_KEYS) or _pair(turn)) for turn in value)


def read_turns(value: object, column: str) -> list[Message]:
    """Return a conversation's turns.

    Args:
        value: a list of turns, or the same as JSON text.
        column: what messages call it.

    Raises:
        RowError: it is no conversation, or holds what cannot be shown to a model as text.
    """
    value = parse_nested(value)
    if not isinstance(value, list):
        raise RowError(column, f"must be a list of turns, not {name_type(value)}", "is no list of turns")
    if value and all(isinstance(turn, str) for turn in value):
        roles: tuple[Role, Role] = ("user", "assistant")
        return [
            Message(role=roles[place % 2], content=read_text(turn, f"{column}[{place}]"))
            for place, turn in enumerate(value)
        ]
    turns: list[Message] = []
    for place, turn in enumerate(value):
        turns += _read_turn(turn, f"{column}[{place}]")
    return turns


def read_tools(value: object, column: str) -> tuple[dict[str, Any], ...]:
    """Return the descriptions of tools: a list of objects, one object, or the same as JSON text."""
    if is_empty(value):
        return ()
    value = parse_nested(value)
    tools = value if isinstance(value, list) else [value]
    tools = [parse_nested(tool) for tool in tools]
    if is_empty(tools):
        return ()
    if not all(isinstance(tool, dict) for tool in tools):
        raise RowError(column, "must be a list of objects that describe tools, or the same as JSON text")
    for tool in tools:
        check_storable(tool, column)
    return tuple(tools)


def read_pairs(value: object, column: str) -> list[Message]:
    """Return the turns of a list of [user, assistant] pairs."""
    value = parse_nested(value)
    if is_empty(value):
        return []
    if not isinstance(value, list | tuple):
        raise RowError(column, f"must be a list of [user, assistant] pairs, not {name_type(value)}")
    if looks_like_turns(value):
        return read_turns(value, column)
    turns = []
    for place, pair in enumerate(value):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise RowError(
                f"{column}[{place}]", "must be a [user, assistant] pair", "has a turn without its pair"
            )
        turns.append(Message(role="user", content=read_text(pair[0], f"{column}[{place}][0]")))
        turns.append(Message(role="assistant", content=read_text(pair[1], f"{column}[{place}][1]")))
    return turns


def split_turns(turns: Sequence[Message], column: str) -> Exchange:
    """Return the last exchange of a conversation, and what came before it.

    Raises:
        RowError: the conversation does not end with a response to a user.
    """
    roles = [turn.role for turn in turns]
    last = len(turns) - 1
    if "assistant" not in roles:
        raise RowError(column, "has no assistant turn, so there is no response")
    if roles[-1] != "assistant":
        raise RowError(
            column,
            f"goes on after the last assistant turn ({roles[-1]}); end the row with the response",
            f"ends with a {roles[-1]} turn",
        )
    if turns[-1].tool_calls:
        raise RowError(
            f"{column}[{last}]",
            "ends with the call of a tool, which cannot be judged as text",
            "ends with the call of a tool",
        )
    if "user" not in roles:
        raise RowError(column, "has no user turn before the last assistant turn")
    asked = max(place for place, role in enumerate(roles) if role == "user")
    between = turns[asked + 1 : -1]
    if other := next(
        (turn.role for place, turn in enumerate(between) if not _is_of_tools(place, between)), None
    ):
        raise RowError(
            column,
            f"has another turn ({other}) between the last user turn and the last assistant turn",
            "has another turn between the last user turn and the response",
        )
    prompt = read_prompt(turns[asked].content, f"{column}[{asked}]")
    return Exchange(tuple(turns[:asked]), prompt, tuple(between), turns[-1].content, f"{column}[{last}]")


def _is_of_tools(place: int, turns: Sequence[Message]) -> bool:
    """Return whether a turn is a tool's, or calls one: by what it holds, or as a result comes next."""
    if turns[place].role == "assistant":
        return bool(turns[place].tool_calls) or any(
            turn.role == "tool" for turn in turns[place + 1 : place + 2]
        )
    return turns[place].role == "tool"


def _read_turn(turn: object, field: str) -> list[Message]:
    if not isinstance(turn, dict):
        raise RowError(
            field,
            f"must be an object with role and content, not {name_type(turn)}",
            "has a turn that is none",
        )
    role_key = _key(turn, _ROLE_KEYS)
    pair = _pair(turn) if role_key is None or role_key == "user" else None
    if pair is not None:
        return [
            Message(role=role, content=read_text(turn[key], f"{field}.{key}"))
            for role, key in zip(("user", "assistant"), pair, strict=True)
        ]
    if role_key is None:
        raise RowError(
            f"{field}.role", f"is missing; a turn is an object with role and content, not {shortened(turn)}",
            "has a turn without a role",
        )  # fmt: skip
    name = turn[role_key]
    if isinstance(name, dict):
        name = name.get("role")
    text_key = _key(turn, _TEXT_KEYS) or "content"
    if isinstance(name, str) and name.strip().lower() in _CALLS:
        content = read_text(turn.get(text_key), f"{field}.{text_key}")
        calls = _calls_in(content)
        check_storable(calls, f"{field}.{text_key}")
        return [Message(role="assistant", content="" if calls else content, tool_calls=calls)]
    role = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        known = ", ".join(ROLES)
        raise RowError(
            f"{field}.{role_key}", f"{shortened(name)} is not one of {known}", "has an unknown role"
        )
    calls = _tool_calls(turn, field)
    value = turn.get(text_key)
    if value is None and (calls or role == "assistant"):
        content = ""
    else:
        content = read_content(value, f"{field}.{text_key}")
    result_of, named = turn.get("tool_call_id"), turn.get("name")
    return [
        Message(
            role=role,
            content=content,
            tool_calls=calls,
            tool_call_id=read_text(result_of, f"{field}.tool_call_id") if result_of is not None else None,
            name=read_text(named, f"{field}.name") if named is not None else None,
        )
    ]


def read_content(value: object, field: str) -> str:
    """Return a turn's text: as it is, or its text parts joined.

    Raises:
        RowError: a part is no text, as an image.
    """
    if not isinstance(value, list):
        if isinstance(value, dict) and isinstance(value.get("parts"), list):
            return read_content(value["parts"], f"{field}.parts")
        return read_text(value, field)
    texts = []
    for place, part in enumerate(value):
        at = f"{field}[{place}]"
        if isinstance(part, str):
            texts.append(read_text(part, at))
            continue
        if not isinstance(part, dict):
            raise RowError(at, f"must be a part with a type and text, not {name_type(part)}")
        kind = part.get("type")
        # Parquet gives every part the keys of all, those of the other types as null.
        media = next((name for name in _MEDIA if kind == name or part.get(name) is not None), None)
        if media is not None and kind not in _PART_TEXTS:
            raise RowError(
                at,
                f"is of the type {media}; models are shown text alone",
                f"holds a part of the type {media}",
            )
        if isinstance(text := part.get("text", part.get("content")), str) and kind in (None, *_PART_TEXTS):
            texts.append(read_text(text, at))
        else:
            raise RowError(
                at, f"is of the type {shortened(kind)}; only text is read", "holds a part that is no text"
            )
    return "".join(texts)


def _tool_calls(turn: Mapping[str, object], field: str) -> tuple[dict[str, Any], ...]:
    calls = parse_nested(turn.get("tool_calls"))
    if is_empty(calls):
        call = parse_nested(turn.get("function_call"))
        calls = [] if is_empty(call) else [{"type": "function", "function": call}]
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise RowError(f"{field}.tool_calls", "must be a list of objects")
    for call in calls:
        check_storable(call, f"{field}.tool_calls")
    return tuple(calls)


def _calls_in(text: str) -> tuple[dict[str, Any], ...]:
    """Return the calls that a function_call turn spells in JSON; none where it is other text."""
    value = parse_nested(text)
    found = value if isinstance(value, list) else [value]
    calls = [call for call in found if isinstance(call, dict) and isinstance(call.get("name"), str)]
    if calls and len(calls) == len(found):
        return tuple(
            {
                "type": "function",
                "function": {
                    "name": call["name"],
                    "arguments": call.get("arguments", call.get("parameters", {})),
                },
            }
            for call in calls
        )
    return ()


def check_storable(value: object, field: str) -> None:
    """Check that plain data can be written as JSON.

    Raises:
        RowError: it holds what JSON has no word for, or text that is none.
    """
    try:
        read_text(json.dumps(value, ensure_ascii=False, allow_nan=False), field)
    except (TypeError, ValueError, RecursionError) as exc:
        raise RowError(field, "holds what JSON cannot") from exc


def _key(turn: Mapping[str, object], known: Sequence[str]) -> str | None:
    """Return the key that a turn uses: the first of those known that is not null, else the first there."""
    there = [key for key in known if key in turn]
    return next((key for key in there if not is_blank(turn[key])), there[0] if there else None)


def _pair(turn: Mapping[str, object]) -> tuple[str, str] | None:
    return next((pair for pair in _PAIR_KEYS if all(isinstance(turn.get(key), str) for key in pair)), None)
