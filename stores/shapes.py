"""Turning one raw row into a `Sample`, by the layout of its file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stores.column_names import simple_name
from stores.columns import Layout, fill_template, has_column, look_up, template_names
from stores.fields import (
    RowError,
    is_blank,
    is_empty,
    name_type,
    parse_nested,
    read_optional_text,
    read_prompt,
    read_response,
    read_text,
    written,
)
from stores.options import (
    Keys,
    Options,
    SeveralOptionsError,
    check_options,
    find_option,
    read_options,
    whole_number,
)
from stores.sample import Message, Sample
from stores.turns import Exchange, read_content, read_pairs, read_tools, read_turns, split_turns

UNANSWERABLE = "unanswerable"
"""The response to a question about a passage that has no answer in it."""
TRUTHS = ("yes", "no")
"""The options of a sample whose response is a bool."""

# Columns whose text is a list of right responses rather than one that looks like a list.
_LISTS = ("answers", "answersspans", "solutions", "correctanswers", "answeraliases", "chosen", "translation")
_MEDIA = ("image", "images", "audio", "audios", "video", "videos")


class _Responses(NamedTuple):
    """What a row gives as right: the first response, and any others."""

    first: str
    others: tuple[str, ...] = ()


def given_id(row: Mapping[str, object], column: str | None = "id") -> str | None:
    """Return the id that a row brings along, or None where it has none (no column, null or blank).

    Raises:
        RowError: the id is neither text nor a whole number.
    """
    value = look_up(row, column) if column is not None else None
    if isinstance(value, int) and not isinstance(value, bool):
        return written(value, column or "id")
    if isinstance(value, float) and value.is_integer():
        return written(int(value), column or "id")
    return None if is_blank(value) else read_optional_text(value, column or "id")


def content_hash(
    history: Sequence[Message],
    prompt: str,
    options: Sequence[str],
    response: str | None = None,
    *,
    after: Sequence[Message] = (),
    tools: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return 16 hex digits that stand for what a sample says; without `response`, for its prompt."""
    content: list[Any] = [[_turn_content(turn) for turn in history], prompt, list(options), response]
    if after or tools:
        content += [[_turn_content(turn) for turn in after], list(tools)]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _turn_content(turn: Message) -> list[Any]:
    more = turn.model_dump(include={"tool_calls", "tool_call_id", "name"}, exclude_defaults=True, mode="json")
    return [turn.role, turn.content, *([more] if more else [])]


def to_sample(
    row: Mapping[str, object], layout: Layout, keys: Keys | None = None, *, noisy: bool = False
) -> Sample:
    """Turn a raw row into a sample. Its id is the row's own, else a hash of its content.

    Args:
        row: column names and values, as the file holds them.
        layout: which column is what, from `find_layout`.
        keys: how the file's answers say which option they mean.
        noisy: take a response that is none of the options as it is, and an empty one: they are noise.

    Raises:
        RowError: the row cannot be used: a column is missing, of the wrong type or empty, for example.
    """
    keys = keys or Keys(letters_first=layout.key)
    _check_media(row, layout)
    options = row_options(row, layout)
    exchange, said = _exchange(row, layout, options, keys, noisy=noisy)
    if options is None and isinstance(_response_value(row, layout), bool):
        options = Options(TRUTHS)
    golds = _golds(row, layout, options, keys)
    texts = options.texts if options else ()
    tools = read_tools(look_up(row, layout.tools), layout.tools) if layout.tools else ()
    hashed = content_hash(
        exchange.history, exchange.prompt, texts, said.first, after=exchange.after, tools=tools
    )
    return Sample(
        id=given_id(row, layout.id) or hashed,
        prompt=exchange.prompt,
        response=said.first,
        other_responses=said.others,
        options=texts,
        history=exchange.history,
        after=exchange.after,
        tools=tools,
        task=_optional(row, layout.task),
        kind=_optional(row, layout.kind),
        gold=golds.first if golds else None,
        other_golds=golds.others if golds else (),
    )


def row_options(row: Mapping[str, object], layout: Layout) -> Options | None:
    """Return a row's options, by the layout of its file; None where it has none.

    Raises:
        RowError: they are no options.
    """
    if layout.wrong:
        texts = [text for column in layout.options if not is_blank(text := look_up(row, column))]
        # The right one comes first in such files. In this order no place tells which it is.
        return check_options(sorted(map(str, texts)), (), layout.options[0])
    if len(layout.options) == 1:
        (column,) = layout.options
        found = read_options(look_up(row, column), column)
        if found and _is_marks(row, layout):
            return Options(tuple(sorted(found.texts)))
        return found
    if layout.options:
        values = [look_up(row, column) for column in layout.options]
        # A row may have fewer options than the file has columns.
        while values and is_blank(values[-1]):
            values.pop()
        if not values:
            return None
        for column, value in zip(layout.options, values, strict=False):
            if is_blank(value):
                raise RowError(column, "is empty, and a later option is not", "an option is empty")
        return check_options(values, layout.labels[: len(values)], layout.options[0])
    return Options(layout.classes) if layout.classes else None


def _is_marks(row: Mapping[str, object], layout: Layout) -> bool:
    """Return whether a row's options carry a mark each, 1 for the right one, as in TruthfulQA."""
    return (
        bool(layout.response)
        and layout.response == layout.options[0]
        and isinstance(row.get(layout.response), dict)
    )


def _check_media(row: Mapping[str, object], layout: Layout) -> None:
    for column, value in row.items():
        is_media = simple_name(column) in _MEDIA and column not in layout.ignored
        if is_media and column not in layout.used() and not is_empty(value):
            raise RowError(
                column,
                f"holds an {simple_name(column)}, and models are shown text alone; to do without: "
                f"data.columns.ignore: [{column}]",
                "has an image, audio or video",
            )


def _exchange(
    row: Mapping[str, object], layout: Layout, options: Options | None, keys: Keys, *, noisy: bool
) -> tuple[Exchange, _Responses]:
    system = _system_turn(row, layout)
    if layout.turns is not None:
        exchange = _of_turns(row, layout)
        exchange = exchange._replace(history=_with_system(system, exchange.history))
        return exchange, _chosen(exchange.response, exchange.response_field, options, keys, noisy=noisy)
    column = layout.response or "response"
    if not has_column(row, column):
        raise RowError(
            column, f"is missing; this file's rows have the shape {layout.shape}", "a column is missing"
        )
    value = _response_value(row, layout, options)
    earlier = read_pairs(look_up(row, layout.history), layout.history) if layout.history else []
    turns = _prompt_turns(row, layout)
    if isinstance(value, list | dict) and (spoken := _spoken(value)) is not None:
        exchange = _of_spoken(turns, read_turns(spoken, column), column)
        exchange = exchange._replace(history=_with_system(system, (*earlier, *exchange.history)))
        return exchange, _chosen(exchange.response, column, options, keys, noisy=noisy)
    said = _read_responses(value, column, layout, options, keys, noisy=noisy)
    if layout.others is not None and said.first.strip():
        said = _with_others(said, look_up(row, layout.others), layout.others)
    asked = _asked(turns, layout)
    return asked._replace(history=_with_system(system, (*earlier, *asked.history)), response=said.first), said


def _of_turns(row: Mapping[str, object], layout: Layout) -> Exchange:
    column = layout.turns or ""
    if column not in row:
        raise RowError(
            column, f"is missing; this file's rows have the shape {layout.shape}", "a column is missing"
        )
    turns = read_turns(row[column], column)
    if layout.response is None:
        return split_turns(turns, column)
    value = parse_nested(look_up(row, layout.response))
    if isinstance(value, list | dict) and (spoken := _spoken(value)) is not None:
        return _of_spoken(turns, read_turns(spoken, layout.response), layout.response)
    response = read_response(value, layout.response)
    return split_turns([*turns, Message(role="assistant", content=response)], column)


def _of_spoken(prompt: list[Message], said: list[Message], column: str) -> Exchange:
    """Return the exchange of a prompt and a response that is turns, which may repeat the prompt."""
    if any(turn.role == "user" for turn in said):
        if said[-1].role != "assistant":
            raise RowError(column, "must be one assistant turn")
        lead = [turn for turn in prompt[:1] if turn.role == "system" and said[0].role != "system"]
        return split_turns([*lead, *said], column)
    if (
        not said
        or said[-1].role != "assistant"
        or (len(said) > 1 and not any(t.role == "tool" for t in said))
    ):
        raise RowError(column, "must be one assistant turn")
    _check_asks(prompt)
    return split_turns([*prompt, *said], column)


def _asked(turns: list[Message], layout: Layout) -> Exchange:
    _check_asks(turns)
    column = layout.prompt[-1] if layout.prompt else "prompt"
    return split_turns([*turns, Message(role="assistant")], column)


def _check_asks(turns: list[Message]) -> None:
    if not turns or turns[-1].role not in ("user", "tool"):
        raise RowError("prompt", "must end with a user turn")


def _spoken(value: object) -> list[object] | None:
    """Return turns where a response is some; None where it is anything else."""
    entries = value if isinstance(value, list) else [value]
    keys = {"role", "from", "author"}
    is_turn = all(isinstance(entry, dict) and bool(keys & entry.keys()) for entry in entries)
    return entries if is_turn and isinstance(value, list | dict) and (entries or value == []) else None


def _prompt_turns(row: Mapping[str, object], layout: Layout) -> list[Message]:
    """Return what a row asks, as turns; a prompt in one text is one turn."""
    if tuple(map(simple_name, layout.prompt)) == ("prompt",):
        value = look_up(row, layout.prompt[0])
        if isinstance(value, list):
            return read_turns(value, layout.prompt[0])
    return [Message(role="user", content=_prompt_text(row, layout))]


def _prompt_text(row: Mapping[str, object], layout: Layout) -> str:
    if layout.template is not None:
        names = template_names(layout.template)
        texts = {name: _passage(look_up(row, name), name) or "" for name in names}
        if not any(text.strip() for text in texts.values()):
            raise RowError(names[0], "is empty")
        return fill_template(layout.template, texts)
    if layout.prompt == (layout.response,):
        return _translation(row, layout)[0]
    parts: list[str] = []
    for column in layout.prompt:
        value = look_up(row, column)
        if (column == layout.prompt[-1] and not parts) or simple_name(column) in _ASKING:
            if not has_column(row, column):
                raise RowError(column, "is missing", "a column is missing")
            if simple_name(column) not in _NESTED:
                parts.append(read_prompt(value, column))
                continue
        if text := _passage(value, column):
            parts.append(text)
    if not parts:
        raise RowError(layout.prompt[-1], "is empty")
    return "\n\n".join([layout.instruction, *parts] if layout.instruction else parts)


# Of several columns those that must say something.
_ASKING = ("prompt", "instruction", "question", "query", "problem")
_NESTED = ("dialogue", "context", "passage", "document", "article")


def _passage(value: object, field: str) -> str:
    """Return what a passage says, nested as it may be; nothing where it is empty."""
    if is_empty(value):
        return ""
    if isinstance(value, str):
        text = read_text(value, field)
        nested = parse_nested(text)
        value = nested if _is_passages(nested) else text
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return read_response(value, field)
    if isinstance(value, Mapping):
        return _passage_of_object(value, field)
    if isinstance(value, list | tuple):
        inner = [_passage(entry, f"{field}[{place}]") for place, entry in enumerate(value)]
        return "\n\n".join(text for text in inner if text)
    raise RowError(field, f"must be text, not {name_type(value)}")


def _passage_of_object(value: Mapping[Any, object], field: str) -> str:
    for key in (
        "contexts",
        "sentences",
        "paragraphs",
        "paragraph_text",
        "passages",
        "passage_text",
        "text",
        "content",
    ):
        if key in value:
            titles = value.get("title")
            inner = value[key]
            if isinstance(titles, list) and isinstance(inner, list) and len(titles) == len(inner):
                return "\n\n".join(
                    f"{read_text(title, field)}\n{' '.join(map(str.strip, map(str, _flat(part))))}"
                    for title, part in zip(titles, inner, strict=True)
                )
            text = _passage(inner, f"{field}.{key}")
            return f"{titles}\n{text}" if isinstance(titles, str) and titles.strip() else text
    raise RowError(
        field,
        f"is an object of {', '.join(map(str, value))}; name what is shown, as in "
        f"data.columns.context: {field}.NAME",
        "a column is an object",
    )


def _flat(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_passages(value: object) -> bool:
    if isinstance(value, Mapping):
        return bool({"contexts", "sentences", "paragraphs", "text"} & value.keys())
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str | list) for entry in value)


def _translation(row: Mapping[str, object], layout: Layout) -> tuple[str, str]:
    column = layout.prompt[0]
    value = parse_nested(look_up(row, column))
    if not isinstance(value, Mapping) or len(value) != 2:
        raise RowError(column, "must be an object of two languages")
    (source, said), (target, meant) = value.items()
    said = read_prompt(said, f"{column}.{source}")
    return f"Translate from {source} to {target}:\n\n{said}", read_response(meant, f"{column}.{target}")


def _system_turn(row: Mapping[str, object], layout: Layout) -> Message | None:
    if layout.system is None or is_blank(value := look_up(row, layout.system)):
        return None
    return Message(role="system", content=read_content(parse_nested(value), layout.system))


def _with_system(system: Message | None, history: Sequence[Message]) -> tuple[Message, ...]:
    """Return a conversation that begins with a system turn; one that it holds already is not said twice."""
    if system is None or (history and history[0] == system):
        return tuple(history)
    return (system, *history)


def _response_value(row: Mapping[str, object], layout: Layout, options: Options | None = None) -> object:
    if layout.turns is not None or layout.response is None:
        return None
    column = layout.text if options is None and layout.text else layout.response
    value = look_up(row, column)
    return parse_nested(value) if simple_name(column) in _LISTS else value


def _read_responses(
    value: object, column: str, layout: Layout, options: Options | None, keys: Keys, *, noisy: bool
) -> _Responses:
    if layout.prompt == (layout.response,) and isinstance(value, Mapping):
        return _Responses(_translation({layout.prompt[0]: value}, layout)[1])
    if isinstance(value, bool) and options is None:
        return _Responses(TRUTHS[0] if value else TRUTHS[1])
    if layout.classes and options is not None and (number := whole_number(value)) is not None:
        return _Responses(_class_name(number, layout, keys, column, noisy=noisy))
    if isinstance(value, Mapping | list | tuple):
        return _several(value, column, layout, options, keys, noisy=noisy)
    if options is not None:
        return _Responses(_option_chosen(value, options, keys, column, noisy=noisy))
    response = read_response(value, column)
    _check_says(response, column, noisy=noisy)
    return _Responses(response)


def _class_name(number: int, layout: Layout, keys: Keys, column: str, *, noisy: bool) -> str:
    place = number - (keys.base or 0)
    if 0 <= place < len(layout.classes):
        return layout.classes[place]
    if str(number) in layout.classes:
        return str(number)
    raise RowError(
        column, f"the number {number} names none of the {len(layout.classes)} classes", "names no class"
    )


def _check_says(response: str, column: str, *, noisy: bool) -> None:
    if not noisy and not response.strip():
        raise RowError(column, "is empty", "the response is empty")


def _several(
    value: object, column: str, layout: Layout, options: Options | None, keys: Keys, *, noisy: bool
) -> _Responses:
    """Return the right responses that a list holds, or an object that holds a list."""
    if options is not None and isinstance(value, Mapping) and isinstance(value.get("labels"), list):
        return _marked(value, column)
    found = _listed(value, column)
    texts: list[str] = []
    for place, entry in enumerate(found):
        field = f"{column}[{place}]"
        if options is not None:
            texts.append(_option_chosen(entry, options, keys, field, noisy=noisy))
        elif not isinstance(entry, list | dict | bool):
            texts.append(read_response(entry, field))
        else:
            raise RowError(
                column, f"must be text, not a list of {name_type(entry)}", "the response is no text"
            )
    unique = tuple(dict.fromkeys(text for text in texts if text.strip()))
    if unique:
        return _Responses(unique[0], unique[1:])
    if options is None and may_be_unanswerable(layout):
        return _Responses(UNANSWERABLE)
    _check_says("", column, noisy=noisy)
    return _Responses("")


def may_be_unanswerable(layout: Layout) -> bool:
    """Return whether an empty list of answers says that the passage before a question has none."""
    return simple_name(layout.response or "") in ("answers", "answersspans") and len(layout.prompt) > 1


def _listed(value: object, column: str) -> list[object]:
    if isinstance(value, list | tuple):
        if value and all(isinstance(entry, Mapping) and "text" in entry for entry in value):
            return [entry["text"] for entry in value]
        return list(value)
    assert isinstance(value, Mapping)  # noqa: S101 - what `_several` is called with
    for key in ("text", "spans", "answers"):
        if isinstance(inner := value.get(key), list | tuple):
            return list(inner)
    if isinstance(value.get("value"), str):
        aliases = value.get("aliases")
        return [value["value"], *(aliases if isinstance(aliases, list) else [])]
    raise RowError(column, f"must be text, not {name_type(value)}", "the response is no text")


def _marked(value: Mapping[Any, Any], column: str) -> _Responses:
    texts = [read_prompt(text, column).strip() for text in value.get("choices", value.get("text", []))]
    right = [text for text, mark in zip(texts, value["labels"], strict=False) if mark]
    if not right:
        raise RowError(column, "marks no option as right")
    return _Responses(right[0], tuple(right[1:]))


def _chosen(text: str, column: str, options: Options | None, keys: Keys, *, noisy: bool) -> _Responses:
    _check_says(text, column, noisy=noisy)
    return _Responses(text if options is None else _option_chosen(text, options, keys, column, noisy=noisy))


def _with_others(said: _Responses, value: object, column: str) -> _Responses:
    """Return responses with those of another column besides."""
    value = parse_nested(value)
    if is_empty(value):
        return said
    others = [read_response(text, column) for text in (value if isinstance(value, list) else [value])]
    unique = dict.fromkeys((*said.others, *(text for text in others if text.strip() and text != said.first)))
    return _Responses(said.first, tuple(unique))


def _option_chosen(value: object, options: Options, keys: Keys, column: str, *, noisy: bool) -> str:
    if is_blank(value):
        _check_says("", column, noisy=noisy)
        return ""
    try:
        return options.texts[find_option(value, options, keys, column)]
    except RowError as error:
        if not noisy or isinstance(value, list | dict) or isinstance(error, SeveralOptionsError):
            raise
        return read_response(value, column)


def _golds(
    row: Mapping[str, object], layout: Layout, options: Options | None, keys: Keys
) -> _Responses | None:
    if layout.gold is None or is_empty(value := look_up(row, layout.gold)):
        return None
    return _read_responses(value, layout.gold, layout, options, keys, noisy=False)


def _optional(row: Mapping[str, object], column: str | None) -> str | None:
    if column is None or is_blank(value := look_up(row, column)):
        return None
    return read_optional_text(read_response(value, column), column)
