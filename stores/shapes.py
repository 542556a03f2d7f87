"""Turning one raw row, in any of the shapes instruction data comes in, into a `Sample`."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from reprlib import repr as shortened
from string import ascii_uppercase
from typing import Literal, NamedTuple

from pydantic import ValidationError

from stores.fields import (
    RowError,
    is_blank,
    name_type,
    read_answer,
    read_optional_text,
    read_prompt,
    read_text,
    written,
)
from stores.sample import Message, Sample, plain_turns

Shape = Literal["prompt-completion", "messages", "alpaca", "sharegpt", "question-answer"]
_Role = Literal["system", "user", "assistant"]

# The first entry whose columns are all there is the shape of the file.
_REQUIRED: tuple[tuple[Shape, tuple[str, ...]], ...] = (
    ("prompt-completion", ("prompt", "completion")),
    ("prompt-completion", ("prompt", "response")),
    ("messages", ("messages",)),
    ("alpaca", ("instruction", "output")),
    ("sharegpt", ("conversations",)),
    ("question-answer", ("question", "answer")),
)
_COMMON = ("id", "task", "gold", "options")
_ALPACA_OPTIONAL = ("input", "system", "history")

_ROLES: Mapping[str, _Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_SHAREGPT_ROLES: Mapping[str, _Role] = {**_ROLES, "human": "user", "gpt": "assistant"}


class _Exchange(NamedTuple):
    """What every shape comes down to, and the field to blame for the response."""

    history: tuple[Message, ...]
    prompt: str
    response: str
    response_field: str


def detect_shape(row: Mapping[str, object]) -> Shape:
    """Return the shape that a row's column names give away.

    Raises:
        RowError: the columns belong to no known shape.
    """
    for shape, columns in _REQUIRED:
        if all(column in row for column in columns):
            return shape
    found = ", ".join(map(str, row)) or "none"
    known = "; ".join(f"{shape} ({', '.join(columns)})" for shape, columns in _REQUIRED)
    raise RowError(None, f"the columns fit no known shape; found: {found}; known: {known}")


def ignored_columns(row: Mapping[str, object], shape: Shape) -> list[str]:
    """Return the columns of a row that its shape has no use for, in their order."""
    used = {*_COMMON, *_required(row, shape), *(_ALPACA_OPTIONAL if shape == "alpaca" else ())}
    return [column for column in row if column not in used]


def given_id(row: Mapping[str, object]) -> str | None:
    """Return the id that a row brings along, or None where it has none (no column, null or blank).

    Raises:
        RowError: the id is neither text nor a whole number.
    """
    value = row.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return written(value, "id")
    return read_optional_text(value, "id")


def content_hash(
    history: Sequence[Message], prompt: str, options: Sequence[str], response: str | None = None
) -> str:
    """Return 16 hex digits that stand for what a sample says; leave out `response` to stand for its query."""
    turns = [[turn.role, turn.content] for turn in history]
    text = json.dumps([turns, prompt, list(options), response], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def to_sample(row: Mapping[str, object], shape: Shape, *, noisy: bool = False) -> Sample:
    """Turn a raw row into a sample. Its id is the row's own, else a hash of its content.

    Args:
        row: column names and values, as the file holds them.
        shape: the shape of the whole file, from `detect_shape`.
        noisy: take a response that is none of the options as it is: it is noise, and no error.

    Raises:
        RowError: a column is missing, of the wrong type or empty, or an answer is not one of the options.
    """
    for column in _required(row, shape):
        if column not in row:
            raise RowError(column, f"is missing; this file's first row has the shape {shape}")
    exchange = _exchange(row, shape)
    options = _options(row.get("options"))
    response = exchange.response
    gold = None if is_blank(row.get("gold")) else read_answer(row["gold"], "gold")
    if options:
        # In the question-answer shape the answer is a letter, even where an option's text is one, too.
        letters_first = shape == "question-answer"
        try:
            response = _option_chosen(response, options, exchange.response_field, letters_first)
        except RowError:
            if not noisy:
                raise
        gold = _option_chosen(gold, options, "gold", letters_first) if gold is not None else None
    return Sample(
        id=given_id(row) or content_hash(exchange.history, exchange.prompt, options, response),
        prompt=exchange.prompt,
        response=response,
        options=options,
        history=exchange.history,
        task=read_optional_text(row.get("task"), "task"),
        gold=gold,
    )


def to_row(sample: Sample) -> dict[str, object]:
    """Return a sample as a row of the shape prompt-completion, from which `to_sample` makes it again.

    Raises:
        RowError: the sample was made without being checked, and holds what none may.
    """
    try:
        sample = Sample.model_validate(vars(sample))
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise RowError(field or None, "is none that a Sample may have") from error
    turns = [*sample.history, Message(role="user", content=sample.prompt)]
    return {
        "id": sample.id,
        "prompt": plain_turns(turns),
        "completion": sample.response,
        "options": list(sample.options) or None,
        "task": sample.task,
        "gold": sample.gold,
    }


def _required(row: Mapping[str, object], shape: Shape) -> tuple[str, ...]:
    """Return the columns a row of this shape must have, in the spelling that this row uses."""
    spellings = [columns for known, columns in _REQUIRED if known == shape]
    return next((columns for columns in spellings if all(name in row for name in columns)), spellings[0])


def _exchange(row: Mapping[str, object], shape: Shape) -> _Exchange:
    match shape:
        case "prompt-completion":
            return _prompt_completion(row, _required(row, shape)[1])
        case "messages":
            return _conversation(_turns(row["messages"], "messages"), "messages")
        case "alpaca":
            return _alpaca(row)
        case "sharegpt":
            turns = _turns(row["conversations"], "conversations", ("from", "value"), _SHAREGPT_ROLES)
            return _conversation(turns, "conversations")
        case "question-answer":
            return _Exchange(
                (), read_prompt(row["question"], "question"), read_answer(row["answer"], "answer"), "answer"
            )


def _prompt_completion(row: Mapping[str, object], column: str) -> _Exchange:
    history: list[Message] = []
    prompt, response = row["prompt"], row[column]
    if isinstance(prompt, list):
        history = _turns(prompt, "prompt")
        if not history or history[-1].role != "user":
            raise RowError("prompt", "must end with a user turn")
        prompt = history.pop().content
    if isinstance(response, list):
        completion = _turns(response, column)
        if [turn.role for turn in completion] != ["assistant"]:
            raise RowError(column, "must be one assistant turn")
        response = completion[0].content
    return _Exchange(tuple(history), read_prompt(prompt, "prompt"), read_answer(response, column), column)


def _alpaca(row: Mapping[str, object]) -> _Exchange:
    history = []
    if system := read_optional_text(row.get("system"), "system"):
        history.append(Message(role="system", content=system))
    pairs = row.get("history") or []
    if not isinstance(pairs, list):
        raise RowError("history", f"must be a list of [user, assistant] pairs, not {name_type(pairs)}")
    for place, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowError(f"history[{place}]", "must be a [user, assistant] pair")
        history.append(Message(role="user", content=read_text(pair[0], f"history[{place}][0]")))
        history.append(Message(role="assistant", content=read_text(pair[1], f"history[{place}][1]")))
    prompt = read_prompt(row["instruction"], "instruction")
    if extra := read_optional_text(row.get("input"), "input"):
        prompt = f"{prompt}\n\n{extra}"
    return _Exchange(tuple(history), prompt, read_answer(row["output"], "output"), "output")


def _conversation(turns: list[Message], column: str) -> _Exchange:
    roles = [turn.role for turn in turns]
    if "assistant" not in roles:
        raise RowError(column, "has no assistant turn, so there is no response")
    if roles[-1] != "assistant":
        raise RowError(column, "goes on after the last assistant turn; end the row with the response")
    if "user" not in roles:
        raise RowError(column, "has no user turn before the last assistant turn")
    if roles[-2] != "user":
        raise RowError(
            column, f"has another turn ({roles[-2]}) between the last user turn and the last assistant turn"
        )
    prompt_field, response_field = f"{column}[{len(turns) - 2}]", f"{column}[{len(turns) - 1}]"
    prompt = read_prompt(turns[-2].content, prompt_field)
    return _Exchange(
        tuple(turns[:-2]), prompt, read_answer(turns[-1].content, response_field), response_field
    )


def _turns(
    value: object,
    column: str,
    keys: tuple[str, str] = ("role", "content"),
    roles: Mapping[str, _Role] = _ROLES,
) -> list[Message]:
    if not isinstance(value, list):
        raise RowError(column, f"must be a list of turns, not {name_type(value)}")
    role_key, text_key = keys
    turns = []
    for place, turn in enumerate(value):
        field = f"{column}[{place}]"
        if not isinstance(turn, dict):
            raise RowError(field, f"must be an object with {role_key} and {text_key}, not {name_type(turn)}")
        role = turn.get(role_key)
        if not isinstance(role, str) or role not in roles:
            raise RowError(f"{field}.{role_key}", f"{shortened(role)} is not one of {', '.join(roles)}")
        turns.append(Message(role=roles[role], content=read_text(turn.get(text_key), f"{field}.{text_key}")))
    return turns


def _options(value: object) -> tuple[str, ...]:
    if is_blank(value):
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise RowError("options", "is text, but not a JSON list") from None
    if not isinstance(value, list):
        raise RowError("options", f"must be a list, not {name_type(value)}")
    options = tuple(read_answer(option, f"options[{place}]") for place, option in enumerate(value))
    if len(options) < 2:
        raise RowError(
            "options", f"needs at least 2 entries, found {len(options)}; use null where there are none"
        )
    if len(options) > len(ascii_uppercase):
        raise RowError("options", f"has {len(options)} entries; letters go as far as {len(ascii_uppercase)}")
    if len(set(options)) < len(options):
        raise RowError("options", "holds the same option twice")
    return options


def _option_chosen(answer: str, options: tuple[str, ...], field: str, letters_first: bool) -> str:
    """Return the text of the option that an answer means by its text or its letter."""
    place = ord(answer.upper()) - ord("A") if re.fullmatch("[A-Za-z]", answer) else None
    by_letter = options[place] if place is not None and place < len(options) else None
    if letters_first and by_letter is not None:
        return by_letter
    if answer in options:
        return answer
    alike = [option for option in options if option.casefold() == answer.casefold()]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise RowError(field, f"{shortened(answer)} fits several options that differ in case alone")
    if by_letter is not None:
        return by_letter
    if place is not None:
        raise RowError(field, f"the letter {answer!r} lies outside the {len(options)} options")
    raise RowError(field, f"{shortened(answer)} is neither the letter nor the text of an option")
