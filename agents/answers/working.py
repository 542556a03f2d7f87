r"""A working with its answer at the end, as GSM8K and sets of reasoning have it.

| left | right | same |
|---|---|---|
| `3 and 9 are 12.` and `#### 12` below | `So it is \boxed{12}.` | yes |
| `#### 12` below another working | `#### 13` below a working | no |

All of a reply is the answer, so that a new response keeps the form; what its end says is compared.
"""

import re
from collections.abc import Sequence

from agents.answers.form import Form
from agents.answers.maths import Maths, compare_expressions, find_box
from agents.answers.number import Number
from agents.answers.short import compare_texts
from agents.answers.stated import find_stated

_LONGEST_END = 200
_MARKED = re.compile(r"^[ \t]{0,4}#{4}[ \t]{0,4}(\S[^\n]{0,200})\s*\Z", re.MULTILINE)
_BOLD_END = re.compile(r"\*\*([^*\n]{1,100})\*\*[ \t.]{0,4}\Z")
_NUMBER, _MATHS = Number(), Maths()


class Working:
    """A text that ends with its answer, marked as such."""

    name = "working"
    form: Form = "working"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a working whose last line, or whose box, is the answer."""
        text = response.strip()
        if options or len(text) < 12:
            return False
        if _MARKED.search(text[-400:]):
            return "\n" in text
        return find_box(text) is not None and not text.startswith("\\boxed") and len(text) > 40

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: a working may need any number of tokens."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return all of a reply that ends with an answer."""
        return reply.strip() or None if find_end(reply) is not None else None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two workings come to the same answer."""
        if left is None or right is None:
            return False
        one, other = find_end(left), find_end(right)
        if one is None or other is None:
            return True if left.strip() == right.strip() else None
        return compare_ends(one, other)


def find_end(text: str) -> str | None:
    """Return the answer at the end of a working; None where none is marked."""
    text = text.strip()
    marked = _MARKED.search(text[-400:])
    if marked:
        return marked[1].strip()
    box = find_box(text)
    if box:
        return box
    stated = find_stated(text).line
    if stated and len(stated) <= _LONGEST_END:
        return stated.strip("*$ ").rstrip(".")
    bold = _BOLD_END.search(text[-120:])
    if bold:
        return bold[1].strip()
    last = text.rpartition("\n")[2]
    if "\n" not in text and len(text) <= 60:
        return text
    return _NUMBER.extract(last) if len(last) <= 400 else None


def compare_ends(left: str, right: str) -> bool | None:
    """Say whether two answers are the same, as numbers, expressions or short texts."""
    numbers = _NUMBER.extract(left), _NUMBER.extract(right)
    if all(_NUMBER.recognises(text, ()) for text in (left, right)):
        return numbers[0] == numbers[1]
    if any(_MATHS.recognises(text, ()) for text in (left, right)):
        return compare_expressions(left, right)
    told = compare_texts(left, right)
    return told if told is not None or None in numbers else numbers[0] == numbers[1]
