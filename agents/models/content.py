"""What a chat message holds: text, thoughts and a refusal, in whatever fields and parts they come."""

from collections.abc import Mapping
from typing import Any, NamedTuple

# Fields of their own that servers use: vLLM and DeepSeek, vLLM of late and Ollama, and OpenRouter.
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
# What holds a part's text.
_NAMES = ("thinking", "reasoning", "text", "summary", "content", "parts", "value")
_DEEPEST = 4
_MOST_TOKENS = 2**31


class Content(NamedTuple):
    """A message's text; None in place of thoughts or a refusal that it does not have."""

    text: str
    thoughts: str | None = None
    refusal: str | None = None


def read_content(message: Mapping[str, Any]) -> Content:
    """Return what a chat message holds.

    Args:
        message: an endpoint's, or a LangChain message's content and further fields.

    Raises:
        TypeError: its content is neither text nor a part, nor a list of parts.

    Example:
        `{"content": [{"type": "thinking", "thinking": "So"}, {"type": "text", "text": "Paris"}]}` is the text
        "Paris" with the thoughts "So".
    """
    content = message.get("content")
    is_part = isinstance(content, dict) and not content.keys().isdisjoint(_NAMES)
    if content is not None and not is_part and not isinstance(content, str | list):
        raise TypeError(f"content is {type(content).__name__}")
    found: dict[str, list[str]] = {"text": [], "thoughts": [], "refusal": []}
    for name in _THOUGHT_FIELDS:
        if message.get(name):
            _collect(message[name], "thoughts", found)
            # Some servers send the same in two of them.
            break
    _collect(content, "text", found)
    if isinstance(message.get("refusal"), str):
        _collect(message["refusal"], "refusal", found)
    thoughts = "\n".join(part for part in found["thoughts"] if part.strip())
    return Content("".join(found["text"]), thoughts or None, "".join(found["refusal"]) or None)


def _collect(value: Any, kind: str, found: dict[str, list[str]], depth: int = 0) -> None:
    """Add the texts of a part to those of its kind."""
    if isinstance(value, str):
        found[kind].append(value)
    elif isinstance(value, list) and depth < _DEEPEST:
        for part in value:
            _collect(part, kind, found, depth + 1)
    elif isinstance(value, dict) and depth < _DEEPEST:
        kind = _kind_of(str(value.get("type", "")), kind)
        if value.get("thought") is True:
            kind = "thoughts"
        name = next((name for name in (kind, *_NAMES) if name in value), None)
        if name is not None:
            _collect(value[name], kind, found, depth + 1)


def _kind_of(type_: str, kind: str) -> str:
    if "think" in type_ or "reasoning" in type_:
        return "thoughts"
    return "refusal" if type_ == "refusal" else kind


def read_count(value: Any) -> int:
    """Return a number of tokens; 0 for what is none, or more than any model reads."""
    counts = isinstance(value, int) and not isinstance(value, bool)
    return value if counts and 0 <= value < _MOST_TOKENS else 0
