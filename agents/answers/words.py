"""Texts as words: what remains of them when they are compared.

| text | `normalise` |
|---|---|
| `The Dog!` | `dog` |
| `São Tomé` | `sao tome` |
| `well-known` | `well known` |
| `U.S.` | `us` |
| `C++ and C#` | `c++ and c#` |
| `1,200 km` | `1200 km` |
| `AA-` | `aa-` |
| `巴黎。` | `巴 黎` |
"""

import re
import unicodedata
from functools import lru_cache

# Only a phrase can be an answer inside a sentence; two longer texts are the same or they are not.
LONGEST_PHRASE = 300
EDGES = "*_`\"' \t\r\n"

_NEGATED = re.compile(
    r"(?<!\S)(?:not|isnt|wasnt|arent|werent|never|neither|nor|rather than|instead of|不 是)"
    r"(?: (?:be|really|very|quite|exactly|necessarily|option))?\s?$",
    re.IGNORECASE,
)
_ACCENTS = re.compile(r"([A-Za-z])[\u0300-\u036f]+")
_JOINED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))|(?<=\b[A-Za-z])\.(?=[A-Za-z]\b)")
# A word keeps a leading minus, decimals, and the ends that tell "C++" and "C#" from "C", and "AA-" from "AA".
_WORD = re.compile(
    r"(?:(?<!\S)-(?=\d))?[^\s+#.,-]+(?:(?<=\d)\.(?=\d)[^\s+#.,-]+)*"
    r"(?:(?:[+#]{1,2}|(?<=[A-Z])-)(?![^\s.,-]))?|(?<!\S)\+(?!\S)"
)


def normalise(text: str) -> str:
    """Reduce a text to what its words say: no case, accents, punctuation or articles, hyphens as spaces.

    Args:
        text: any text, in any script; marks that spell a word outside Latin stay. A text of nothing but
            punctuation is only trimmed.
    """
    return cut_words(text).casefold() or text.strip(EDGES).casefold() or text.strip()


def cut_words(text: str) -> str:
    """Return a text's words as they are spelt, one space between, without articles and accents."""
    return _cut_short(text) if len(text) <= LONGEST_PHRASE else _cut(text)


def mentions(words: str, phrases: tuple[str, ...]) -> set[int]:
    """Return the positions of the phrases that a text has as whole words and does not deny.

    Args:
        words: the text, as `cut_words` returns it.
        phrases: what to look for, each cut into words as well.

    Example:
        >>> mentions("nucleic acid is not base", ("acid", "nucleic acid", "base"))
        {1}
    """
    # Longest first, so that "nucleic acid" is not also a mention of "acid".
    order = [
        index for index in sorted(range(len(phrases)), key=lambda at: -len(phrases[at])) if phrases[index]
    ]
    if not order:
        return set()
    pattern = _phrases(tuple(phrases[index] for index in order))
    return {
        order[(match.lastindex or 1) - 1]
        for match in pattern.finditer(words)
        if not ends_in_denial(words[max(0, match.start() - 40) : match.start()])
    }


def ends_in_denial(words: str) -> bool:
    """Say whether words deny what follows them: "it is not", "rather than"."""
    return _NEGATED.search(words) is not None


@lru_cache(maxsize=512)
def _phrases(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Return one expression with a group for each phrase."""
    groups = []
    for phrase in phrases:
        # "As" and "I" are chemical symbols, "as" and "i" are not; but "No" is "no".
        symbol = len(phrase) <= 2 and phrase != phrase.lower() and phrase.lower() != "no"
        groups.append(f"({re.escape(phrase)})" if symbol else f"((?i:{re.escape(phrase)}))")
    return re.compile(rf"(?<!\S)(?:{'|'.join(groups)})(?!\S)")


@lru_cache(maxsize=1 << 16)
def _spelling(code: int) -> str:
    """Return what a character becomes in a text that is about to be cut into words."""
    character = chr(code)
    if character in "+#.,-" or character.isspace():
        return character
    category = unicodedata.category(character)
    if character in "'’ʼ" or category == "Cf":
        return ""
    if character == "\u2212":
        return "-"
    # Han and kana are written without spaces: each sign is a word, so that containment works.
    # A sign of arithmetic is one too: "5 < 3" is not "5 > 3".
    unspaced = "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff"
    if unspaced or (category == "Sm" and character not in "|~\u2044"):
        return f" {character} "
    return character if category[0] in "LMN" else " "


class _Spellings:
    """The table that `str.translate` asks for a spelling."""

    __getitem__ = staticmethod(_spelling)


def _cut(text: str) -> str:
    # Only Latin letters lose their marks: elsewhere a mark is a vowel or another letter altogether.
    plain = unicodedata.normalize("NFC", _ACCENTS.sub(r"\1", unicodedata.normalize("NFKD", text)))
    words = _WORD.findall(_JOINED.sub("", plain.translate(_Spellings())))
    last = len(words) - 1
    return " ".join(word for at, word in enumerate(words) if at == last or not _is_article(word, at))


def _is_article(word: str, at: int) -> bool:
    """Say whether a word that others follow says nothing; "Vitamin A is" must keep its A."""
    return word.casefold() in ("a", "an", "the", "i") and (at == 0 or word not in ("A", "I"))


_cut_short = lru_cache(maxsize=4096)(_cut)
