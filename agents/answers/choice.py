r"""One of a sample's options, named by its letter, by its words, or by both.

| reply | options | answer |
|---|---|---|
| `(B)`, `b.`, `Option B it is` | positive, neutral, negative | `neutral` |
| `**Answer:** B. neutral` | positive, neutral, negative | `neutral` |
| `It isn't positive, it is neutral.` | positive, neutral, negative | `neutral` |
| `It is not (A). It is (B).` | positive, neutral, negative | `neutral` |
| `B. positive` | positive, neutral, negative | none: letter and words contradict |
| `(A) or (B)` | positive, neutral, negative | none: two |
| `A dog barks` | cat, dog, horse | `dog` |
| `A nucleic acid.` | acid, nucleic acid, base | `nucleic acid` |
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

from agents.answers.form import Form
from agents.answers.letters import WIDE_SIGNS, find_letter
from agents.answers.stated import find_stated
from agents.answers.words import (
    LONGEST_PHRASE,
    LONGEST_SOUGHT,
    cut_words,
    ends_in_denial,
    mentions,
    normalise,
)

# A letter is only ever an option where nothing else explains it: "A dog" and "I think" hold no answer, and
# "A:" before a text is as often short for "Answer:".
_LETTERS = (
    re.compile(r"^[ \t(\[{\"'$<]{0,8}([A-Za-z])[ \t\r)\]}\"'$>.,:;!?]{0,8}$", re.MULTILINE),
    re.compile(r"^[ \t\"'#>-]{0,8}([A-Za-z])(?:\.(?!\w)|\)|(?<![Aa]):)", re.MULTILINE),
    re.compile(r"(?<!\w)[(\[] ?([A-Za-z]) ?[)\]]"),
    re.compile(r"\b([A-Z]) is (?:the )?(?:correct|right|best|answer)\b"),
    re.compile(
        r"\b(?i:options?|choices?|letter|answer|choose|select|pick)(?i:\s(?:is|would\sbe))?[\s:(\[\"']{1,4}"
        r"([B-HJ-Zb-hj-z](?![\w+#'’-])|[AIai](?=\s{0,3}$|[^\w\s+#'’-]|\s(?:is|because|since|as|[-–—(])))",
        re.MULTILINE,
    ),
)
# No reply argues about more places; each is looked at for a denial.
_MOST_LETTERS = 500
_WRONG = re.compile(r"[)\].:\"']{0,2}\s(?:isn['’]t|(?:is|was|would\sbe)\s(?:not|wrong|incorrect|false))\b")


class Choice:
    """One of the options. An answer is always the text of an option."""

    name = "choice"
    form: Form = "choice"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Recognise a sample that has options."""
        return bool(options)

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return what a few sentences around the longest option need: a reply that is cut is no answer."""
        # Three characters a token is little for any language a tokenizer was made for.
        return 128 + max(len(option) for option in options) // 3

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the text of the one option that a reply names."""
        text, rest, line, _ = find_stated(reply.translate(WIDE_SIGNS))
        for said in (line, rest, text):
            place = find_letter(said)
            if place is not None and place < len(options) and not _is_option(said, options):
                return options[place]
        found = _choose(line, options, stated=True) if line else None
        found = found or (_choose(rest, options, stated=True) if rest != line else None)
        return found or _choose(text, options, stated=False)

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two answers are the same option; each may be its text or its letter."""
        if left is None or right is None:
            return False
        chosen = self._option(left, options)
        return chosen is not None and chosen == self._option(right, options)

    def _option(self, answer: str, options: Sequence[str]) -> str | None:
        """Return the option that an answer is. Text comes before letter: an option may itself read "B"."""
        texts = [option for option in options if option == answer] or [
            option for option in options if normalise(option) == normalise(answer)
        ]
        return texts[0] if texts else self.extract(answer, options)


def _is_option(text: str, options: Sequence[str]) -> bool:
    return normalise(text) in set(map(normalise, options))


def _choose(reply: str, options: Sequence[str], stated: bool) -> str | None:
    """Return the one option that a text names: by letter, by words, or by both where they agree."""
    text = reply.replace("*", "").replace("`", "").strip()
    phrases = tuple(cut_words(option) for option in options)
    lines = text.split("\n")
    ends = {normalise(line) for line in (lines[0], lines[-1]) if len(line) <= LONGEST_PHRASE}
    # A first or last line that is an option and nothing else outweighs the ones a reply argues about.
    named = {index for index, option in enumerate(options) if normalise(option) in ends}
    if len({phrase.casefold() for phrase in phrases}) < len(options):
        named = _spelled(text, tuple(options))
    elif len(named) != 1:
        named = mentions(cut_words(text), phrases)
    letters = _letters(f"Answer: {text}" if stated else text, len(options))
    if len(letters) == 1:
        (index,) = letters
        return options[index] if index < len(options) and (not named or index in named) else None
    # Several letters are a list of the options, or of all but the ones a reply had no room for.
    return options[named.pop()] if len(named) == 1 and not letters else None


def _letters(text: str, count: int) -> set[int]:
    """Return the positions of the options that a text names by letter, capitals beyond the last included."""
    found = set()
    for pattern in _LETTERS:
        for match in islice(pattern.finditer(text), _MOST_LETTERS):
            index = ord(match[1].upper()) - ord("A")
            if index in found:
                continue
            before = cut_words(text[max(0, match.start() - 30) : match.start()])
            if _WRONG.match(text, match.end(1)) or ends_in_denial(before):
                continue
            if index < count or match[1].isupper():
                found.add(index)
    return found


def _spelled(text: str, options: tuple[str, ...]) -> set[int]:
    """Return the positions of the options that a text spells letter by letter, case and signs included."""
    if any(len(option) > LONGEST_SOUGHT for option in options):
        return set()
    return {options.index(match[0]) for match in _spellings(options).finditer(text)}


@lru_cache(maxsize=512)
def _spellings(options: tuple[str, ...]) -> re.Pattern[str]:
    longest = sorted(filter(None, options), key=len, reverse=True)
    return re.compile(rf"(?<![\w'’+-])(?:{'|'.join(map(re.escape, longest))})(?![\w'’%+-])")
