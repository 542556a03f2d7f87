"""What `data.columns` says of a file: whether the columns are there that it names, and their use."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from stores.column_names import CLASSES, KEYS, simple_name
from stores.columns import ColumnsConfig, has_column, template_names
from stores.fields import RowError
from stores.found_columns import find_prompt
from stores.head import Head

_MAPPED = (
    "prompt", "response", "answer", "id", "task", "system", "context", "kind", "gold", "trusted", "annotator",
)  # fmt: skip


def keep_those_there(config: ColumnsConfig, columns: Sequence[str]) -> ColumnsConfig:
    """Return a config without the columns that a file lacks."""

    def is_there(name: str) -> bool:
        return has_column(columns, name)

    kept: dict[str, Any] = {}
    for role in (*_MAPPED, "options"):
        value = getattr(config, role)
        if value is None:
            continue
        named = template_names(value) or (value,) if isinstance(value, str) else value
        literal = role == "options" and not isinstance(value, str) and not any(map(is_there, named))
        if literal or all(map(is_there, named)):
            kept[role] = value
    if config.annotators and all(map(is_there, config.annotators)):
        kept["annotators"] = config.annotators
    return ColumnsConfig(**kept, ignore=config.ignore)


def check_named(config: ColumnsConfig, rows: Sequence[Mapping[str, object]]) -> None:
    """Check that the columns are there that the config names.

    Raises:
        RowError: one is not.
    """
    head = Head(rows)
    for role in _MAPPED:
        value = getattr(config, role)
        if value is None:
            continue
        names = template_names(value) if role == "prompt" and template_names(value) else (value,)
        for name in names:
            if not has_column(head.columns, name):
                raise _no_column(role, name, head)
    for name in config.annotators:
        if not has_column(head.columns, name):
            raise _no_column("annotators", name, head)
    if isinstance(config.options, str) and not has_column(head.columns, config.options):
        raise _no_column("options", config.options, head)
    if isinstance(config.options, tuple):
        missing = [name for name in config.options if not has_column(head.columns, name)]
        if missing and len(missing) < len(config.options):
            raise _no_column("options", missing[0], head)
        if len(config.options) < 2:
            raise RowError(None, "data.columns.options: needs at least two columns, or two options")


def _no_column(role: str, name: str, head: Head) -> RowError:
    return RowError(
        None, f"data.columns.{role}: there is no column '{name}'; found: {', '.join(head.columns)}"
    )


def parts_by_config(config: ColumnsConfig, head: Head) -> dict[str, Any]:
    """Return the parts of a layout that the config names."""
    found: dict[str, Any] = {
        role: value
        for role in ("id", "task", "system", "kind", "gold", "trusted", "annotator")
        if (value := getattr(config, role)) is not None
    }
    if config.prompt is not None:
        found["template" if template_names(config.prompt) else "prompt"] = (
            config.prompt if template_names(config.prompt) else (config.prompt,)
        )
    if config.context is not None:
        if "template" in found:
            found["template"] = f"{{{config.context}}}\n\n{found['template']}"
        else:
            found["prompt"] = (config.context, *found.get("prompt", find_prompt(head, {config.context})))
    if isinstance(config.options, str):
        found["options"] = (config.options,)
    elif config.options is not None and has_column(head.columns, config.options[0]):
        found["options"] = config.options
        found["labels"] = _labels_of(config.options)
    elif config.options is not None:
        found["classes"] = config.options
    if config.annotators:
        found |= {"annotators": config.annotators, "response": config.annotators[0]}
        found["key"] = bool(found.get("options") or found.get("classes"))
    elif config.answer is not None:
        found |= {"response": config.answer, "key": True, "text": config.response}
    elif config.response is not None:
        found["response"] = config.response
        found["key"] = simple_name(config.response) in (*KEYS, *CLASSES)
    return found


def _labels_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Return what columns are counted as by the ends of their names: A to D, 1 to 4, 0 to 3; else A to D."""
    ends = [column[-1:] for column in columns]
    if all(end.isdigit() for end in ends) and len(set(ends)) == len(ends):
        return tuple(ends)
    return tuple(ascii_uppercase[: len(columns)]) if len(columns) <= len(ascii_uppercase) else ()
