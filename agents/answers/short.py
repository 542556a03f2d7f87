r"""Short texts: a name, a word, a phrase.

| reply | answer |
|---|---|
| `Let me think. Answer: Paris.` | `Paris` |
| `**Answer:** **Paris**` | `Paris` |
| `\boxed{\text{Paris}}` | `Paris` |
| `The capital of France is Paris.` | the whole sentence |
| `Answer:` | none |

| left | right | agree |
|---|---|---|
| `Paris` | `The capital of France is Paris.` | yes |
| `Paris` | `It is not Paris` | no |
| `São Tomé` | `Sao Tome` | yes |
| `C` | `It is written in C++.` | no |
"""

from collections.abc import Sequence

from agents.answers.form import Form
from agents.answers.stated import find_stated, without_announcements
from agents.answers.words import EDGES, LONGEST_PHRASE, cut_words, mentions, normalise

_MOST_WORDS = 6
# A sentence in a script without spaces counts as one word, so characters are bounded too.
_MOST_CHARACTERS = 80


class Short:
    """A few words on one line. An answer may hold them inside a sentence."""

    name = "short"
    form: Form = "short"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a few words on one line."""
        text = response.strip()
        return (
            not options
            and "\n" not in text
            and len(text) <= _MOST_CHARACTERS
            and len(text.split()) <= _MOST_WORDS
        )

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return what a sentence around a short text needs; an explanation after it is not paid for."""
        return 32

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return what the reply states as its answer, else all its words."""
        stated = find_stated(reply)
        if stated.line:
            return (
                stated.line.removeprefix("- ").lstrip(EDGES + "#>").rstrip(EDGES + ".,:;!?}$") or stated.line
            )
        # An announcement with nothing behind it is no answer of its own.
        return (without_announcements(stated.text) if stated.announced else reply).strip() or None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two texts are the same words, or one has the other inside and does not deny it."""
        if left is None or right is None:
            return False
        if normalise(left) == normalise(right):
            return True
        shorter, longer = sorted((cut_words(left), cut_words(right)), key=len)
        return len(shorter) <= LONGEST_PHRASE and bool(mentions(longer, (shorter,)))
