"""Writes docs/config.md from the settings models: `python docs/config_page.py`."""

import ast
import inspect
import textwrap
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from agents.models.config import ModelConfig
from graph.config.run import RunConfig

PAGE = Path(__file__).with_name("config.md")

_HEAD = """# Config

<!-- written by `python docs/config_page.py`; a test compares -->

A config is one YAML file. Every key has a default but `data.train`, so a config holds only what differs.
An unknown key is an error that suggests the near one.

- `--set key.path=value` changes a key on the command line, for example `--set selection.keep=0.4`.
- Paths in a config are relative to the config's folder, those on the command line to the working directory.
- A run keeps the resolved config in its directory, with absolute paths and without secrets.
- `robustft schema` writes a JSON schema of the config, for completion and checks in an editor.
"""
_BOUNDS = (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))
_MODELS = """Named models. An agent or `training.model` refers to one by its name.
Without a name it refers to `default`. `models.NAME.provider` says which of these three kinds it is.
"""


class Key(NamedTuple):
    """One key of a config as the reference shows it."""

    path: str
    kind: str
    default: str
    bounds: str
    text: str


def render() -> str:
    """Return the text of the page."""
    parts = [_HEAD]
    for name, field in RunConfig.model_fields.items():
        parts.append(f"## `{name}`\n")
        if name == "models":
            parts.append(_models())
        else:
            section = field.annotation
            assert isinstance(section, type)  # noqa: S101
            assert issubclass(section, BaseModel)  # noqa: S101
            parts.append(f"{_summary(section)}\n\n{_table(keys(section, name))}\n")
    return "\n".join(parts)


def keys(model: type[BaseModel], place: str) -> Iterator[Key]:
    """Yield every key below a settings model, in the order of its fields."""
    texts = _field_texts(model)
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{place}.{name}")
        else:
            text = field.description or texts.get(name, "")
            yield Key(f"{place}.{name}", _kind(inner), _default(field), _bounds(field), text)


def providers() -> dict[str, type[BaseModel]]:
    """Return the settings of a model by the provider that they are for."""
    union = typing.get_args(ModelConfig)[0]
    return {
        typing.get_args(one.model_fields["provider"].annotation)[0]: one for one in typing.get_args(union)
    }


def _models() -> str:
    parts = [_MODELS]
    for provider, model in providers().items():
        rows = (key for key in keys(model, "models.NAME") if not key.path.endswith(".provider"))
        parts.append(f"### `provider: {provider}`\n\n{_summary(model)}\n\n{_table(rows)}\n")
    return "\n".join(parts)


def _table(rows: Iterator[Key]) -> str:
    lines = ["| key | type | default | bounds | what it does |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        lines.append(f"| `{row.path}` | {row.kind} | {row.default} | {row.bounds} | {row.text} |")
    return "\n".join(lines)


def _summary(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _field_texts(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field of a model, those of its base classes included."""
    texts: dict[str, str] = {}
    for owner in reversed(model.mro()):
        if owner is BaseModel or not issubclass(owner, BaseModel):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)  # noqa: S101
        for field, below in zip(body.body, body.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                texts[field.target.id] = " ".join(str(below.value.value).split())
    return texts


def _kind(annotation: Any) -> str:
    """Return a type as a reader of YAML knows it."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        # The bounds of a part of a union are its own, and not the field's.
        rules = (rule for part in arguments[1:] for rule in getattr(part, "metadata", ()))
        return " ".join([_kind(arguments[0]), *filter(None, [_said(rules)])])
    if origin is dict:
        return "mapping"
    if origin is Literal:
        said = (str(value).lower() if isinstance(value, bool) else value for value in arguments)
        return ", ".join(f"`{value}`" for value in said)
    if origin in (UnionType, typing.Union):
        return " or ".join(_kind(part) for part in arguments if part is not NoneType)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None:
        return "none"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    text = yaml.safe_dump(value, default_flow_style=True).partition("\n")[0]
    return f"`{text}`"


def _bounds(field: FieldInfo) -> str:
    return _said(field.metadata)


def _said(rules: Iterable[Any]) -> str:
    """Return bounds in words."""
    limits = [
        f"{word} {format(bound, ',' if isinstance(bound, int) else 'g')}"
        for rule in rules
        for name, word in _BOUNDS
        if (bound := getattr(rule, name, None)) is not None
    ]
    return ", ".join(limits)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
