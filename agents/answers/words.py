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
| `It is [0, 1).` | `it is [0,1)` |
| `a != b` | `a!=b` |
"""

import re
import unicodedata
from functools import lru_cache

from stores.normal_form import normal_form

# Only a phrase can be an answer inside a sentence; two longer texts are the same or they are not.
LONGEST_PHRASE = 300
# Nothing is read out of a longer text: it is cut at its spaces alone, and compared as it is spelt.
LONGEST_READ = 1 << 15
# An expression for a longer phrase takes too long to make, and to look for.
LONGEST_SOUGHT = 1000
EDGES = "*_`\"' \t\r\n"

_NEGATED = re.compile(
    r"(?<!\S)(?:not|isnt|wasnt|arent|werent|never|neither|nor|rather than|instead of"
    r"|(?:不|没|沒|无|無|非|未|并 非|没 有)(?: [是为])?|nicht|keine?[nmrs]?|ne|pas|nunca|non|não|nao|не|нет"
    r"|ليس|ليست|غير|لا|inte|ikke|niet|geen|nie|không|khong phai|không phải|ไม่)"
    r"(?: (?:be|really|very|quite|exactly|necessarily|option|est|es|è|e|é|to))?\s?$",
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

    Operators and brackets that belong to a formula stay, and so does the case of its letters.

    Args:
        text: any text, in any script; marks that spell a word outside Latin stay. A text of nothing but
            punctuation is only trimmed.
    """
    return _normalise_short(text) if len(text) <= LONGEST_PHRASE else _normalise(text)


def _normalise(text: str) -> str:
    if len(text) > LONGEST_READ:
        return " ".join(text.casefold().split())
    words = " ".join(fold(word) for word in cut_tokens(text) if word not in PAUSES)
    return words or text.strip(EDGES).casefold() or text.strip()


def cut_tokens(text: str) -> tuple[str, ...]:
    """Return a text's words as they are spelt, its formulas in one piece, and its pauses.

    Example:
        >>> cut_tokens("It is [0, 1), or a != b.")
        ('It', 'is', '[0,1)', ',', 'or', 'a!=b')
    """
    return _tokens_short(text) if len(text) <= LONGEST_PHRASE else _tokens(text)


@lru_cache(maxsize=1 << 14)
def is_formula(word: str) -> bool:
    """Say whether a token has a sign that counts, such as an operator or a bracket."""
    return word not in PAUSES and _SIGN.search(word) is not None


@lru_cache(maxsize=1 << 14)
def fold(word: str) -> str:
    """Return a token without its case; a formula keeps it."""
    return word if is_formula(word) else word.casefold().replace("i\u0307", "i")


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
    long = {index for index in order if len(phrases[index]) > LONGEST_SOUGHT}
    found = {index for index in long if _holds(words, phrases[index])}
    order = [index for index in order if index not in long]
    if not order:
        return found
    pattern = _phrases(tuple(phrases[index] for index in order))
    return found | {
        order[(match.lastindex or 1) - 1]
        for match in pattern.finditer(words)
        if not ends_in_denial(words[max(0, match.start() - 40) : match.start()])
    }


def _holds(words: str, phrase: str) -> bool:
    """Say whether a text has a long phrase that it does not deny."""
    text = f" {words} ".casefold()
    at = text.find(f" {phrase} ".casefold())
    return at >= 0 and not ends_in_denial(text[max(0, at - 40) : at + 1])


def ends_in_denial(words: str) -> bool:
    """Say whether words deny what follows them: "it is not", "rather than"."""
    return _NEGATED.search(words) is not None


# Stands for a comma or a bracket around an aside, and for a colon or a dash, between words.
PAUSES = (",", ":")

_SIGN = re.compile(r"[=<>^*/\\|&~@%(){}\[\]≠≤≥×÷±∈∞≈!_]|(?<=\w)\+(?=\w)")
_OPERATORS = "=<>^|&≠≤≥×÷±∈≈"
_SPACED_OPERATOR = re.compile(
    rf"(?<=\S)[ \t]{{1,3}}(?=[{_OPERATORS}!*/](?:[^\w*]|=))|(?<=[{_OPERATORS}])[ \t]{{1,3}}"
)
_PAUSE = re.compile(r"[,;、，；](?=\s|\Z)|[、，；]")
_ASIDE = re.compile(r"(?:(?<=\s)|(?<=[\u3040-\u9fff]))[(（]([^\W\d_]{2}[^()（）=<>\[\]{}^\\]{0,80})[)）]")
_STATES = re.compile(r"[:：](?=\s|\Z)|：|\s[-–—]{1,2}(?=\s)|—")
_BRACKETED = re.compile(r"\w?[(\[{][^\s()\[\]{}]{0,60}(?:[ \t]{1,3}[^\s()\[\]{}]{1,60}){0,8}[)\]}]")
_SPACE = re.compile(r"(,)?[ \t]+")
_SUM = re.compile(r"(?<=[\w)}\]])[ \t]{1,3}([-+])[ \t]{1,3}(?=\w(?!\w)|\d|[\\(])")
_EMPHASIS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\w)|(?<=\w)\*(?![\w*])")
_POWER = re.compile(r"(?:(?<=[\d)])|(?<=\b[a-ln-z]))([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")


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
    if character in "'’ʼ" or category == "Cf" or "\u064b" <= character <= "\u0652" or character == "\u0640":
        return ""
    if character in "أإآ":
        return "ا"
    if category == "Nd":
        return str(unicodedata.digit(character))
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


def _tokens(text: str) -> tuple[str, ...]:
    if len(text) > LONGEST_READ:
        return tuple(text.split())
    plain = _EMPHASIS.sub("", _POWER.sub(lambda power: "^" + unicodedata.normalize("NFKC", power[1]), text))
    plain = _ASIDE.sub(" \ue000 \\1 ", plain.translate(_WIDE))
    plain = _SUM.sub(r"\1", _SPACED_OPERATOR.sub("", plain))
    plain = _BRACKETED.sub(_join_formula, plain)
    plain = _STATES.sub(" \ue001 ", _PAUSE.sub(" \ue000 ", plain))
    found: list[str] = []
    for chunk in plain.split():
        if chunk in _MARKS:
            found.append(_MARKS[chunk])
            continue
        bare = chunk.lstrip("\"'“”‘’«»$€£¥₹").rstrip("\"'“”‘’«».,;:!?。！？؟।…$€£¥₹")
        if _SIGN.search(bare) and not _is_aside(bare):
            found.append(bare)
        else:
            found.extend(cut_words(chunk).split())
    last = len(found) - 1
    kept = [word for at, word in enumerate(found) if at == last or not _is_article(word, at)]
    while kept and kept[-1] in PAUSES:
        kept.pop()
    return tuple(kept)


_LATIN = re.compile("[A-Za-z]")
_LOOKALIKES = str.maketrans(
    "аеіјорѕсухАВЕІЈКМНОРЅСТУХαοινρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeijopscyxABEIJKMHOPSCTYXaoivpABEZHIKMNOPTYX"
)
_MARKS = {"\ue000": ",", "\ue001": ":"}
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0xFF0C: 0xFF0C,
    0xFF1A: 0xFF1A,
    0xFF1B: 0xFF1B,
}


def _join_formula(match: re.Match[str]) -> str:
    """Return a bracketed formula in one piece; words in brackets stay words."""
    text = match[0]
    inside = text[1:-1]
    if text[0] == "(" and inside.replace(" ", "").isalpha() and len(inside) > 1:
        return text
    return _SPACE.sub(lambda space: space[1] or "\u00b7", text)


def _is_aside(word: str) -> bool:
    """Say whether a word's only signs are brackets around it."""
    inside = word.strip("()[]{}")
    return inside != word and not _SIGN.search(inside) and inside.isalpha() and len(inside) > 1


def _cut(text: str) -> str:
    if len(text) > LONGEST_READ:
        return " ".join(text.split())
    # Only Latin letters lose their marks: elsewhere a mark is a vowel or another letter altogether.
    text = text.replace("İ", "I").replace("ı", "i")
    plain = normal_form("NFC", _ACCENTS.sub(r"\1", normal_form("NFKD", text)))
    words = [_in_one_script(word) for word in _WORD.findall(_JOINED.sub("", plain.translate(_Spellings())))]
    last = len(words) - 1
    return " ".join(word for at, word in enumerate(words) if at == last or not _is_article(word, at))


def _in_one_script(word: str) -> str:
    """Return a word whose Latin letters are mixed with others that look like them, in Latin alone."""
    return word.translate(_LOOKALIKES) if not word.isascii() and _LATIN.search(word) else word


def _is_article(word: str, at: int) -> bool:
    """Say whether a word that others follow says nothing; "Vitamin A is" must keep its A."""
    return word.casefold() in ("a", "an", "the", "i") and (at == 0 or word not in ("A", "I"))


_cut_short = lru_cache(maxsize=4096)(_cut)
_tokens_short = lru_cache(maxsize=8192)(_tokens)
_normalise_short = lru_cache(maxsize=8192)(_normalise)
