r"""What a reply states as its answer: the words behind its last "Answer:", and the reply without markup.

| reply | what it states |
|---|---|
| `Let me think. Answer: Paris.` | `Paris.` |
| `**Answer:** Paris` | `Paris` |
| `The correct answer is Paris.` | `Paris.` |
| `Final Answer` and `Paris` on the next line | `Paris` |
| `So it is $\boxed{\text{Paris}}$` | `Paris}}$` |
| `I answered Paris.` | nothing |
"""

import re
from typing import NamedTuple

_MARKER = re.compile(
    r"(?:\bthe\s{1,3})?(?:\b(?:final|correct|best|right)\s{1,3})?\banswer"
    r"(?:[\s*_]{0,4}:|\s{1,3}(?:is\b|would\sbe\b)[\s*_]{0,4}:?|(?<=final\sanswer)[*_]{0,3}[ \t]{0,4}\n)"
    r"[\s*_]{0,8}",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"\\[dt]?frac\s?\{(-?\d{1,20})\}\s?\{(\d{1,20})\}")
_BOX = re.compile(r"\\f?boxed\s?\{")
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s?\{")


class Stated(NamedTuple):
    """A reply, cut at the last place where it announces its answer.

    Args:
        text: the whole reply; LaTeX's fractions are written `1/2`, its boxes announce an answer.
        rest: what follows the last announcement; empty where there is none.
        line: the first line of that.
        announced: whether the reply announces an answer at all.
    """

    text: str
    rest: str
    line: str
    announced: bool


def find_stated(reply: str) -> Stated:
    """Find what a reply states as its answer."""
    text = _WRAPPER.sub("", _BOX.sub("Answer: ", _FRACTION.sub(r"\1/\2", reply)))
    end = None
    for marker in _MARKER.finditer(text):
        end = marker.end()
    rest = "" if end is None else text[end:].strip()
    return Stated(text, rest, rest.partition("\n")[0].strip(), end is not None)


def without_announcements(text: str) -> str:
    """Return a text without the words that announce an answer."""
    return _MARKER.sub("", text)
