"""What a row gives as right: its response in any form that data sets have, and the others that count."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from stores.column_names import simple_name
from stores.columns import Layout, look_up
from stores.fields import (
    RowError,
    is_blank,
    is_empty,
    name_type,
    parse_nested,
    read_prompt,
    read_response,
)
from stores.options import (
    Keys,
    Options,
    SeveralOptionsError,
    find_option,
    whole_number,
)
from stores.prompt_text import read_translation

UNANSWERABLE = "unanswerable"
"""The response to a question about a passage that has no answer in it."""
TRUTHS = ("yes", "no")
"""The options of a sample whose response is a bool."""

# Columns whose text is a list of right responses rather than one that looks like a list.
_LISTS = ("answers", "answersspans", "solutions", "correctanswers", "answeraliases", "chosen", "translation")


class Responses(NamedTuple):
    """What a row gives as right: the first response, and any others."""

    first: str
    others: tuple[str, ...] = ()


def response_value(row: Mapping[str, object], layout: Layout, options: Options | None = None) -> object:
    """Return what the column of the response holds; None where a conversation holds the response."""
    if layout.turns is not None or layout.response is None:
        return None
    column = layout.text if options is None and layout.text else layout.response
    value = look_up(row, column)
    return parse_nested(value) if simple_name(column) in _LISTS else value


def read_responses(
    value: object, column: str, layout: Layout, options: Options | None, keys: Keys, *, noisy: bool
) -> Responses:
    """Return the responses that a value of the response's column gives.

    Raises:
        RowError: it gives none that can be read.
    """
    if layout.prompt == (layout.response,) and isinstance(value, Mapping):
        return Responses(read_translation({layout.prompt[0]: value}, layout)[1])
    if isinstance(value, bool) and options is None:
        return Responses(TRUTHS[0] if value else TRUTHS[1])
    if layout.classes and options is not None and (number := whole_number(value)) is not None:
        return Responses(_class_name(number, layout, keys, column, noisy=noisy))
    if isinstance(value, Mapping | list | tuple):
        return _several(value, column, layout, options, keys, noisy=noisy)
    if options is not None:
        return Responses(_option_chosen(value, options, keys, column, noisy=noisy))
    response = read_response(value, column)
    _check_says(response, column, noisy=noisy)
    return Responses(response)


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
) -> Responses:
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
        return Responses(unique[0], unique[1:])
    if options is None and may_be_unanswerable(layout):
        return Responses(UNANSWERABLE)
    _check_says("", column, noisy=noisy)
    return Responses("")


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


def _marked(value: Mapping[Any, Any], column: str) -> Responses:
    texts = [read_prompt(text, column).strip() for text in value.get("choices", value.get("text", []))]
    right = [text for text, mark in zip(texts, value["labels"], strict=False) if mark]
    if not right:
        raise RowError(column, "marks no option as right")
    return Responses(right[0], tuple(right[1:]))


def take_chosen(text: str, column: str, options: Options | None, keys: Keys, *, noisy: bool) -> Responses:
    """Return a response of a conversation, as the option that it means where there are options.

    Raises:
        RowError: it is none of the options, and noise is not allowed.
    """
    _check_says(text, column, noisy=noisy)
    return Responses(text if options is None else _option_chosen(text, options, keys, column, noisy=noisy))


def with_others(said: Responses, value: object, column: str) -> Responses:
    """Return responses with those of another column besides."""
    value = parse_nested(value)
    if is_empty(value):
        return said
    others = [read_response(text, column) for text in (value if isinstance(value, list) else [value])]
    unique = dict.fromkeys((*said.others, *(text for text in others if text.strip() and text != said.first)))
    return Responses(said.first, tuple(unique))


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


def read_golds(
    row: Mapping[str, object], layout: Layout, options: Options | None, keys: Keys
) -> Responses | None:
    """Return the right responses that the gold column gives; None where it gives none."""
    if layout.gold is None or is_empty(value := look_up(row, layout.gold)):
        return None
    return read_responses(value, layout.gold, layout, options, keys, noisy=False)
