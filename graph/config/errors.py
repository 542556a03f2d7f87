"""Pydantic's errors about a config, in a user's words."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from agents.models.config import EmbeddedModelConfig, OpenAIModelConfig, VLLMModelConfig

_PROVIDERS: dict[str, type[BaseModel]] = {
    "embedded": EmbeddedModelConfig,
    "openai": OpenAIModelConfig,
    "vllm": VLLMModelConfig,
}

_SHOWN = 200


class Explanation(NamedTuple):
    """The key that is wrong, as its parts, and what is wrong with it."""

    place: tuple[str, ...]
    message: str


def explain(error: ValidationError, root: type[BaseModel]) -> Explanation:
    """Return the first fault of a config.

    Args:
        error: what pydantic found.
        root: the model of the whole config.
    """
    first = error.errors(include_url=False)[0]
    # So it calls the number in "a number, or `auto`", which no user wrote either.
    location = [str(part) for part in first["loc"] if part != "constrained-int"]
    # Pydantic puts the provider between a model's name and its keys; no user wrote it there.
    provider = location.pop(2) if location[:1] == ["models"] and len(location) > 2 else None
    place = tuple(location)
    if first["type"] == "extra_forbidden":
        near = suggest(place[-1], _known_keys(place, provider, root))
        return Explanation(place, f"unknown key '{'.'.join(place)}'{near}")
    message, shown = first["msg"].removeprefix("Value error, "), _show(first["input"], place)
    if first["type"] == "union_tag_not_found":
        message, shown = f"provider is missing; one of {', '.join(_PROVIDERS)}", ""
    elif first["type"] == "union_tag_invalid":
        message, shown = f"no provider '{first['ctx']['tag']}'; one of {', '.join(_PROVIDERS)}", ""
    if not place and ": " in message:
        # A message about several keys begins with one of them.
        key, _, message = message.partition(": ")
        place = tuple(key.split("."))
    return Explanation(place, f"{'.'.join(place)}: {message}{shown}" if place else message)


def suggest(name: str, known: Sequence[str]) -> str:
    """Return the end of a message: the name that was probably meant, or all known names."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(known)}" if known else ""


def _show(given: object, place: tuple[str, ...]) -> str:
    # An address may hold a password, and the name of a key's variable may be the key.
    is_secret = place[-1:] in (("base_url",), ("api_key_env",))
    if is_secret or not isinstance(given, str | int | float | bool | None):
        return ""
    return f" (given: {shorten(repr(given))})"


def shorten(text: str) -> str:
    """Return what was given, for a message, cut where it is long."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _known_keys(place: tuple[str, ...], provider: str | None, root: type[BaseModel]) -> list[str]:
    """Return the keys that exist beside an unknown one."""
    if provider is not None:
        return list(_PROVIDERS[provider].model_fields)
    model: Any = root
    for part in place[:-1]:
        fields: Mapping[str, Any] = getattr(model, "model_fields", {})
        model = fields[part].annotation if part in fields else None
    if not hasattr(model, "model_fields"):
        return []
    return list(model.model_fields)
