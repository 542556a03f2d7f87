"""JSON objects and lists, compared as data: spaces and the order of keys say nothing.

| left | right | same |
|---|---|---|
| `{"a": 1, "b": 2}` | `{"b": 2, "a": 1.0}` | yes |
| `[1, 2]` | `[2, 1]` | no |
| `[0, 1]` | `[0, 1)` | no |
| `{"a": 1}` | `{"a": 1` | cannot be told: the second is no JSON |
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from agents.answers.form import Form

_FENCE = re.compile(r"```(?:json\w{0,2}|JSON)?[ \t]*\n([^`]*)\n[ \t]*```")
_START = re.compile(r"[{\[]")
_INTERVAL = re.compile(r"[\[(][-+\d.,/ ∞]{1,200}[\])]")
_TRIES = 4
_LONGEST = 200_000
_DECODER = json.JSONDecoder()


class Data:
    """A JSON object or a JSON list."""

    name = "json"
    form: Form = "short"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is JSON and nothing else."""
        text = _unfenced(response)
        return not options and text[:1] in ("{", "[") and _end_of_json(text, 0) == len(text)

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: data may need any number of tokens."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the first JSON in a reply, as it is spelt; None where there is none."""
        text = _unfenced(reply)
        for match in list(_START.finditer(text[:_LONGEST]))[:_TRIES]:
            end = _end_of_json(text, match.start())
            if end is not None:
                return text[match.start() : end]
        return None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two answers are the same data; None where one cannot be read."""
        if left is None or right is None:
            return False
        one, other = self.extract(left), self.extract(right)
        if _brackets(left) and _brackets(right) and _brackets(left) != _brackets(right):
            return False
        if one is None or other is None:
            return True if left.strip() == right.strip() else None
        return _canonical(one) == _canonical(other)


def _brackets(text: str) -> str | None:
    """Return the brackets of an interval or a tuple of numbers: `[0, 1)` is no list."""
    return text.strip()[0] + text.strip()[-1] if _INTERVAL.fullmatch(text.strip()) else None


def _unfenced(text: str) -> str:
    fenced = _FENCE.search(text)
    return (fenced[1] if fenced else text).strip()


def _end_of_json(text: str, start: int) -> int | None:
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _canonical(text: str) -> str:
    """Return one spelling of the same data: sorted keys, and 1 for 1.0."""
    data: Any = json.loads(text, parse_float=_number, parse_int=_number)
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def _number(text: str) -> float | str:
    # A long number must not be rounded, nor turned into digits at length.
    return float(text) if len(text) < 16 else f"number {text}"
