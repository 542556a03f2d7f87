"""Turning one raw row into a `Sample`, by the layout of its file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stores.annotations import annotated_response, row_annotations
from stores.column_names import simple_name
from stores.columns import Layout, has_column, look_up
from stores.fields import (
    RowError,
    is_blank,
    is_empty,
    parse_nested,
    read_optional_text,
    read_response,
    read_truth,
    written,
)
from stores.options import (
    Keys,
    Options,
    check_options,
    read_options,
)
from stores.prompt_text import prompt_text
from stores.responses import (
    TRUTHS,
    Responses,
    read_golds,
    read_responses,
    response_value,
    take_chosen,
    with_others,
)
from stores.sample import Message, Sample
from stores.turns import Exchange, read_content, read_pairs, read_tools, read_turns, split_turns

_MEDIA = ("image", "images", "audio", "audios", "video", "videos")


class ReadRow(NamedTuple):
    """A row as a sample: whether its id is the row's own, and the row's line in its file."""

    sample: Sample
    explicit: bool
    line: int


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


def prompt_hash(sample: Sample) -> str:
    """Return what stands for all that a sample asks; files of the same rows differ in the space around."""
    return content_hash(
        sample.history, sample.prompt.strip(), sample.options, after=sample.after, tools=sample.tools
    )


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
    if options is None and isinstance(response_value(row, layout), bool):
        options = Options(TRUTHS)
    golds = read_golds(row, layout, options, keys)
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
        trusted=_trusted(row, layout, said.first, texts),
        annotations=row_annotations(row, layout, options, keys, said.first, noisy=noisy),
    )


def _trusted(row: Mapping[str, object], layout: Layout, response: str, options: Sequence[str]) -> str | None:
    """Return the response of a row whose user vouches for it; None of any other row.

    Raises:
        RowError: the response is empty or none of its options: nobody can vouch for it.
    """
    if layout.trusted is None or not read_truth(look_up(row, layout.trusted), layout.trusted):
        return None
    if not response.strip() or (options and response not in options):
        raise RowError(
            layout.trusted,
            "vouches for a response that is empty or none of its options",
            "an unusable response is trusted",
        )
    return response


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
) -> tuple[Exchange, Responses]:
    system = _system_turn(row, layout)
    if layout.turns is not None:
        exchange = _of_turns(row, layout)
        exchange = exchange._replace(history=_with_system(system, exchange.history))
        return exchange, take_chosen(exchange.response, exchange.response_field, options, keys, noisy=noisy)
    column = layout.response or "response"
    if not has_column(row, column):
        raise RowError(
            column, f"is missing; this file's rows have the shape {layout.shape}", "a column is missing"
        )
    value = response_value(row, layout, options)
    earlier = read_pairs(look_up(row, layout.history), layout.history) if layout.history else []
    turns = _prompt_turns(row, layout)
    if isinstance(value, list | dict) and (spoken := _spoken(value)) is not None:
        exchange = _of_spoken(turns, read_turns(spoken, column), column)
        exchange = exchange._replace(history=_with_system(system, (*earlier, *exchange.history)))
        return exchange, take_chosen(exchange.response, column, options, keys, noisy=noisy)
    if layout.annotators:
        said = annotated_response(row, layout, options, keys, noisy=noisy)
    else:
        said = read_responses(value, column, layout, options, keys, noisy=noisy)
    if layout.others is not None and said.first.strip():
        said = with_others(said, look_up(row, layout.others), layout.others)
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
    return [Message(role="user", content=prompt_text(row, layout))]


def _system_turn(row: Mapping[str, object], layout: Layout) -> Message | None:
    if layout.system is None or is_blank(value := look_up(row, layout.system)):
        return None
    return Message(role="system", content=read_content(parse_nested(value), layout.system))


def _with_system(system: Message | None, history: Sequence[Message]) -> tuple[Message, ...]:
    """Return a conversation that begins with a system turn; one that it holds already is not said twice."""
    if system is None or (history and history[0] == system):
        return tuple(history)
    return (system, *history)


def _optional(row: Mapping[str, object], column: str | None) -> str | None:
    if column is None or is_blank(value := look_up(row, column)):
        return None
    return read_optional_text(read_response(value, column), column)
