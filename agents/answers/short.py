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
| `Paris` | `Paris, Texas` | no |
| `New York` | `New York City` | cannot be told |
| `São Tomé` | `Sao Tome` | yes |
| `O(n)` | `O(n log n)` | no |
| `5 km` | `5000 m` | yes |
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from agents.answers.claims import claims, takes_back
from agents.answers.dates import compare_dates, holds_date
from agents.answers.form import Form
from agents.answers.lexicon import DENIALS, YES_OR_NO
from agents.answers.quantity import compare_quantities, is_quantity
from agents.answers.stated import find_stated, without_announcements, without_condition
from agents.answers.words import EDGES, LONGEST_PHRASE, PAUSES, cut_tokens, fold, is_formula, normalise

_LONGEST_SYMBOL = 30
_AND = frozenset(["and", "und", "et", "y", "e", "и", "و", "和", "と", "ve"])
_MOST_WORDS = 6
# A sentence in a script without spaces counts as one word, so characters are bounded too.
_MOST_CHARACTERS = 80
_INFLECTIONS = (
    ("い", "くない"), ("い", "くありません"), ("る", "ない"), ("ます", "ません"), ("う", "わない"),
    ("だ", "ではない"),
    ("です", "ではありません"), ("です", "じゃない"), ("", "ではない"), ("", "じゃない"), ("", "でない"),
    ("다", "지 않다"), ("요", "지 않아요"), ("li", "siz"), ("lı", "sız"), ("lu", "suz"), ("lü", "süz"),
)  # fmt: skip
_SENTENCE = re.compile(r"(?<=[^\W\d_]{2})[.!?][\"'”’)]{0,2}(?=\s)|[。！？।؟\n]|(?<=[^\s.!?])[!?](?=\s)")


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
        """Return what a few sentences around a short text need: a reply that is cut is no answer."""
        return 128

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return what the reply states as its answer, else all its words."""
        stated = find_stated(reply)
        if stated.line:
            return (
                stated.line.removeprefix("- ").lstrip(EDGES + "#>").rstrip(EDGES + ".,:;!?}$。")
                or stated.line
            )
        # An announcement with nothing behind it is no answer of its own.
        said = without_announcements(stated.text) if stated.announced else without_condition(reply)
        return said.strip() or None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two texts are the same words, or one is a sentence around the other."""
        if left is None or right is None:
            return False
        told = _by_signs(left.strip(), right.strip()) or _by_signs(right.strip(), left.strip())
        if told is not None:
            return None if told == "unknown" else False
        if normalise(left) == normalise(right):
            return True
        return compare_texts(self.extract(left) or left, self.extract(right) or right)


def compare_texts(left: str, right: str) -> bool | None:
    """Say whether two short texts say the same; None where that cannot be told."""
    # Of one sample, the same answers are compared with each other again and again.
    brief = max(len(left), len(right)) <= LONGEST_PHRASE
    return _compare_brief(left, right) if brief else _compare(left, right)


def _compare(left: str, right: str) -> bool | None:
    if normalise(left) == normalise(right):
        return True
    if _inflected(left, right) or _inflected(right, left):
        return False
    if holds_date(left) and holds_date(right):
        return compare_dates(left, right)
    if is_quantity(left) and is_quantity(right):
        return compare_quantities(left, right)
    shorter, longer = sorted((left, right), key=lambda text: (len(cut_tokens(text)), text))
    answer = cut_tokens(shorter)
    if not answer or len(shorter) > LONGEST_PHRASE:
        return False
    told = _last_claim(longer, answer)
    return _unlike(shorter, longer) if told is False else told


_compare_brief = lru_cache(maxsize=8192)(_compare)


def _by_signs(plain: str, marked: str) -> Literal["different", "unknown"] | None:
    """Say what a sign that words do not have makes of a symbol: `-x` is not `x`; None where there is none."""
    if len(plain) > _LONGEST_SYMBOL or plain == marked or not marked:
        return None
    if marked[0] in "¬~!" and marked[1:].strip() == plain and plain[:1].isalnum():
        return "different"
    if len(plain) <= 2 and plain[:1].isalpha() and marked in (f"-{plain}", f"{plain}'", f"{plain}′"):
        return "different"
    # "5!" may be a factorial or a loud five, and CO is no cobalt.
    if marked == f"{plain}!" and (plain.isdecimal() or (len(plain) == 1 and plain.islower())):
        return "unknown"
    symbols = len(plain) == 2 and plain.isupper() and marked == plain.capitalize()
    return "unknown" if symbols and plain.lower() not in YES_OR_NO else None


def _inflected(plain: str, negated: str) -> bool:
    """Say whether a word is the negated form of another, as Japanese and Turkish inflect it."""
    plain, negated = (text.strip(EDGES + ".!?。") for text in (plain, negated))
    return any(
        negated.endswith(denied) and plain == negated.removesuffix(denied) + affirmed
        for affirmed, denied in _INFLECTIONS
    )


def _last_claim(longer: str, answer: tuple[str, ...]) -> bool | None:
    """Say what the last sentence that holds an answer makes of it."""
    told: bool | None = False
    wanted = frozenset(map(fold, answer))
    for sentence in _SENTENCE.split(longer):
        tokens = cut_tokens(sentence)
        if len(tokens) <= len(answer):
            told = told or _folded(tokens) == _folded(answer)
        elif wanted <= set(map(fold, tokens)):
            said = claims(tokens, answer)
            # A later sentence takes back what an earlier one says, or it merely goes on about it.
            if not told or said or (said is False and takes_back(tokens, answer)):
                told = said
    return told


def _folded(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(fold(token) for token in tokens if token not in PAUSES)


def _unlike(shorter: str, longer: str) -> bool | None:
    """Say whether texts that neither claim the other differ for sure.

    A name without its middle, or with its parts in another order, may be the same name.
    """
    few, many = _folded(cut_tokens(shorter)), _folded(cut_tokens(longer))
    if any(map(is_formula, (*few, *many))) or len(few) < 2 or len(many) > 2 * len(few):
        return False
    if sorted(few) == sorted(many) and _AND.intersection(few) and not DENIALS.intersection(few):
        return None
    if (set(few) ^ set(many)) & DENIALS or not set(few) <= set(many):
        return False
    kept = iter(many)
    if len(many) > len(few):
        return False if " ".join(few) in " ".join(many) or not all(word in kept for word in few) else None
    # "3:2" turned round is another score.
    return None if len(few) == 2 and all(word.isalpha() for word in few) else False
