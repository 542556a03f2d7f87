"""Lists: several items, whose order counts only where they are numbered on both sides.

| left | right | same |
|---|---|---|
| `red, yellow, blue` | `blue, red and yellow`, a bulleted list of the three | yes |
| `red, yellow` | `red, yellow, blue` | no |
| `1. mix` `2. bake` | `1. bake` `2. mix` | no |
"""

import re
from collections import Counter
from collections.abc import Sequence

from agents.answers.form import Form
from agents.answers.short import compare_texts
from agents.answers.stated import find_stated
from agents.answers.words import normalise

_LONGEST = 2000
_MOST_COMPARED = 12
_LINE = re.compile(
    r"^[ \t]{0,8}(?:[-*•·–]|(?P<number>\d{1,3})[.)])[ \t]{1,4}(?P<item>\S[^\n]*)$", re.MULTILINE
)
_SEPARATOR = re.compile(r"\s?[;；、]\s?|[,，](?!\d)\s?(?:(?:and|or|und|et|y|e|и|و)\s)?|، ?")
_AND = re.compile(r"\s(?:and|und|et|y|и|ve|en|och|og|oraz|और|và)\s")
_LETTERS = re.compile(r"[^\W\d_]")


class Listing:
    """Several short items."""

    name = "list"
    form: Form = "short"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a list of short items and nothing else."""
        text = response.strip()
        if options or len(text) > _LONGEST:
            return False
        if len(_LINE.findall(text)) == len(text.split("\n")) >= 2:
            return all(len(item.split()) <= 6 for item in read_items(text))
        items = read_items(text)
        # Two names with a comma are as often one place: "Paris, Texas".
        enough = len(items) >= 3 or (len(items) == 2 and (";" in text or "、" in text or text[:1] == "["))
        return "\n" not in text and enough and all(item and len(item.split()) <= 4 for item in items)

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: a list may have any number of items."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the list that a reply states, else all of the reply."""
        stated = find_stated(reply)
        lines = [match[0].strip() for match in _LINE.finditer(stated.rest or stated.text)]
        if len(lines) >= 2 and not (stated.line and _SEPARATOR.search(stated.line)):
            return "\n".join(lines)
        return stated.line.rstrip(".") or (None if stated.announced else reply.strip() or None)

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two lists have the same items."""
        if left is None or right is None:
            return False
        left, right = self.extract(left) or left, self.extract(right) or right
        one, other = read_items(left), read_items(right)
        if len(one) <= 1 and len(other) <= 1:
            return compare_texts(left, right)
        return compare_items(one, other, ordered=_is_numbered(left) and _is_numbered(right))


def read_items(text: str) -> list[str]:
    """Return the items of a list; a text that is none is its only item."""
    text = text.strip()[:_LONGEST]
    lines = [match["item"] for match in _LINE.finditer(text)]
    if lines:
        return [_trim(line) for line in lines]
    text = text.strip("*_`")
    if text[:1] + text[-1:] in ("[]", "{}"):
        text = text[1:-1]
    parts = [part for part in _SEPARATOR.split(text) if part.strip()]
    if len(parts) > 1 or _AND.search(text):
        parts = [piece for part in parts for piece in _AND.split(part)]
    return [_trim(part) for part in parts]


def compare_items(one: Sequence[str], other: Sequence[str], *, ordered: bool = False) -> bool | None:
    """Say whether two lists have the same items, in the same order where that counts."""
    left, right = [normalise(item) for item in one], [normalise(item) for item in other]
    if left == right or (not ordered and Counter(left) == Counter(right)):
        return True
    if len(left) != len(right) or ordered or len(left) > _MOST_COMPARED:
        return False
    rest = list((Counter(left) - Counter(right)).elements())
    missing = list((Counter(right) - Counter(left)).elements())
    told = [compare_texts(a, b) for a, b in zip(sorted(rest), sorted(missing), strict=True)]
    if all(told):
        return True
    return None if all(same is not False for same in told) else False


def _trim(item: str) -> str:
    return item.strip().strip("\"'`*_ ").rstrip(".;,")


def _is_numbered(text: str) -> bool:
    return any(match["number"] for match in _LINE.finditer(text))
