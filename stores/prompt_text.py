"""The text of a row's prompt: what is asked, with the passage that it is about."""

from collections.abc import Mapping
from typing import Any

from stores.column_names import simple_name
from stores.columns import Layout, fill_template, has_column, look_up, template_names
from stores.fields import (
    RowError,
    is_empty,
    name_type,
    parse_nested,
    read_prompt,
    read_response,
    read_text,
)

# Of several columns those that must say something.
_ASKING = ("prompt", "instruction", "question", "query", "problem")
_NESTED = ("dialogue", "context", "passage", "document", "article")


def prompt_text(row: Mapping[str, object], layout: Layout) -> str:
    """Return a row's prompt: a template that is filled, or the columns that are asked, passages before them.

    Raises:
        RowError: a column is missing or cannot be read, or the prompt is empty.
    """
    if layout.template is not None:
        names = template_names(layout.template)
        texts = {name: _passage(look_up(row, name), name) or "" for name in names}
        if not any(text.strip() for text in texts.values()):
            raise RowError(names[0], "is empty")
        return fill_template(layout.template, texts)
    if layout.prompt == (layout.response,):
        return read_translation(row, layout)[0]
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


def read_translation(row: Mapping[str, object], layout: Layout) -> tuple[str, str]:
    """Return the request and the response of a translation.

    Raises:
        RowError: the column holds no pair of texts.
    """
    column = layout.prompt[0]
    value = parse_nested(look_up(row, column))
    if not isinstance(value, Mapping) or len(value) != 2:
        raise RowError(column, "must be an object of two languages")
    (source, said), (target, meant) = value.items()
    said = read_prompt(said, f"{column}.{source}")
    return f"Translate from {source} to {target}:\n\n{said}", read_response(meant, f"{column}.{target}")
