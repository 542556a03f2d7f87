"""The models that an endpoint lists, and what it tells of their contexts."""

from collections.abc import Mapping
from typing import Any

from agents.models.refusal import Hide, one_line

_MOST = 10_000
_LONGEST_NAME = 300
# No model reads less at once, and none yet more.
_LEAST_CONTEXT, _MOST_CONTEXT = 64, 1 << 31


def read_listing(content: Any, hide: Hide = str) -> dict[str, int | None]:
    """Return the models in the JSON of a list, each with its context in tokens where that is told.

    Args:
        content: what the endpoint sent; what is no list of models lists none.
        hide: takes the key out of names.
    """
    data = content.get("data") if isinstance(content, dict) else None
    models = [model for model in data[:_MOST] if isinstance(model, dict)] if isinstance(data, list) else []
    return {
        one_line(hide(model["id"]), _LONGEST_NAME): _context_of(model)
        for model in models
        if isinstance(model.get("id"), str)
    }


def _context_of(model: Mapping[str, Any]) -> int | None:
    """Return a listed model's context, by what vLLM, OpenRouter, Groq and others call it."""
    names = ("max_model_len", "context_length", "context_window", "max_context_length")
    found = next((model[name] for name in names if isinstance(model.get(name), int)), None)
    return found if found is not None and _LEAST_CONTEXT < found < _MOST_CONTEXT else None
