"""What a model's reply says, and whether two answers say the same.

Replies are hostile input: every expression here is linear, since what it repeats is either bounded or told
apart by its first character.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from agents.numbers import find_number, is_number

Kind = Literal["choice", "number", "short", "free"]

_SHORT_WORDS = 6
# A sentence in a script without spaces counts as one word, so characters are bounded too.
_SHORT_CHARACTERS = 80
_LONGEST_PHRASE = 300
_MARKER = re.compile(
    r"(?:\bthe\s{1,3})?(?:\b(?:final|correct|best|right)\s{1,3})?\banswer"
    r"(?:[\s*_]{0,4}:|\s{1,3}(?:is\b|would\sbe\b)[\s*_]{0,4}:?|(?<=final\sanswer)[*_]{0,3}[ \t]{0,4}\n)"
    r"[\s*_]{0,8}",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"\\[dt]?frac\s?\{(-?\d{1,20})\}\s?\{(\d{1,20})\}")
_BOX = re.compile(r"\\f?boxed\s?\{")
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s?\{")

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
_WRONG = re.compile(r"[)\].:\"']{0,2}\s(?:isn['’]t|(?:is|was|would\sbe)\s(?:not|wrong|incorrect|false))\b")
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
_EDGES = "*_`\"' \t\r\n"


def kind_of(response: str, options: Sequence[str]) -> Kind:
    """How answers to a sample are compared, told from its label.

    Args:
        response: The sample's response.
        options: The sample's options, empty where it has none.
    """
    if options:
        return "choice"
    text = response.strip()
    if is_number(text):
        return "number"
    few = len(text.split()) <= _SHORT_WORDS and len(text) <= _SHORT_CHARACTERS
    return "short" if few and "\n" not in text else "free"


def room_for(kind: Kind, options: Sequence[str]) -> int | None:
    """Return how many tokens a direct answer needs at most; None where its kind does not tell.

    A sentence around a short text or an option fits; an explanation after it is not paid for. A number may
    need the sum before it.
    """
    if kind == "short":
        return 32
    if kind == "choice":
        # Three characters a token is little for any language a tokenizer was made for.
        return 24 + max(len(option) for option in options) // 3
    return None


def extract(reply: str, kind: Kind, options: Sequence[str] = ()) -> str | None:
    """Find the answer in a reply.

    Args:
        reply: What the model wrote.
        kind: How the answer will be compared.
        options: The option texts, for a choice.

    Returns:
        The option's own text for a choice, plain decimal digits for a number, the words themselves otherwise;
        None where the reply holds no answer, or more than one. Never a guess.
    """
    if kind == "free":
        return reply.strip() or None
    text = _WRAPPER.sub("", _BOX.sub("Answer: ", _FRACTION.sub(r"\1/\2", reply)))
    end = None
    for marker in _MARKER.finditer(text):
        end = marker.end()
    rest = "" if end is None else text[end:].strip()
    line = rest.partition("\n")[0].strip()
    if kind == "choice":
        found = _choose(line, options, stated=True) if line else None
        found = found or (_choose(rest, options, stated=True) if rest != line else None)
        return found or _choose(text, options, stated=False)
    if kind == "number":
        return find_number(line, stated=True) or find_number(text, stated=False)
    if line:
        return line.removeprefix("- ").lstrip(_EDGES + "#>").rstrip(_EDGES + ".,:;!?}$") or line
    # A marker with nothing behind it is no answer of its own.
    return (reply if end is None else _MARKER.sub("", text)).strip() or None


def agree(left: str | None, right: str | None, kind: Kind, options: Sequence[str] = ()) -> bool | None:
    """Whether two answers say the same; the order of the two does not matter.

    Args:
        left: An answer, as `extract` returns it or as a sample's response has it.
        right: The other answer.
        kind: How to compare them.
        options: The option texts, for a choice; either answer may be an option's text or its letter.

    Returns:
        True or False, or None for free text that differs, which only a judge can compare.
    """
    if left is None or right is None:
        return False
    if kind == "choice":
        chosen = _option(left, options)
        return chosen is not None and chosen == _option(right, options)
    if kind == "number":
        number = extract(left, "number")
        return number is not None and number == extract(right, "number")
    same = normalise(left) == normalise(right)
    if kind == "free":
        return same or None
    shorter, longer = sorted((_words(left), _words(right)), key=len)
    # Only a phrase can be an answer inside a sentence; two long texts are the same or they are not.
    return same or (len(shorter) <= _LONGEST_PHRASE and bool(_mentions(longer, (shorter,))))


def normalise(text: str) -> str:
    """Reduce a text to what its words say: no case, accents, punctuation or articles, hyphens as spaces.

    Args:
        text: Any text, in any script; marks that spell a word outside Latin stay. A text of nothing but
            punctuation is only trimmed.
    """
    return _words(text).casefold() or text.strip(_EDGES).casefold() or text.strip()


def _option(answer: str, options: Sequence[str]) -> str | None:
    """The option an answer is. Its text comes before its letter: an option may itself read "B"."""
    texts = [option for option in options if option == answer] or [
        option for option in options if normalise(option) == normalise(answer)
    ]
    return texts[0] if texts else extract(answer, "choice", options)


def _choose(reply: str, options: Sequence[str], stated: bool) -> str | None:
    """The one option a text names by letter, by words, or by both where they do not contradict."""
    text = reply.replace("*", "").replace("`", "").strip()
    phrases = tuple(_words(option) for option in options)
    lines = text.split("\n")
    ends = {normalise(line) for line in (lines[0], lines[-1]) if len(line) <= _LONGEST_PHRASE}
    # A first or last line that is an option and nothing else outweighs the ones a reply argues about.
    mentions = {index for index, option in enumerate(options) if normalise(option) in ends}
    if len(set(map(normalise, options))) < len(options):
        mentions = _spelled(text, tuple(options))
    elif len(mentions) != 1:
        mentions = _mentions(_words(text), phrases)
    letters = _letters(f"Answer: {text}" if stated else text, len(options))
    if len(letters) == 1:
        (index,) = letters
        return options[index] if index < len(options) and (not mentions or index in mentions) else None
    # Several letters are a list of the options, or of all but the ones a reply had no room for.
    return options[mentions.pop()] if len(mentions) == 1 and not letters else None


def _letters(text: str, count: int) -> set[int]:
    """Positions of the options that a text names by letter; a capital beyond the last option is kept."""
    found = set()
    for pattern in _LETTERS:
        for match in pattern.finditer(text):
            index = ord(match[1].upper()) - ord("A")
            before = _words(text[max(0, match.start() - 30) : match.start()])
            if _WRONG.match(text, match.end(1)) or _NEGATED.search(before):
                continue
            if index < count or match[1].isupper():
                found.add(index)
    return found


def _mentions(words: str, phrases: tuple[str, ...]) -> set[int]:
    """Positions of the phrases that stand in a text as whole words and are not denied there."""
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
        if not _NEGATED.search(words[max(0, match.start() - 40) : match.start()])
    }


def _spelled(text: str, options: tuple[str, ...]) -> set[int]:
    """Positions of the options that stand in a text letter by letter, where nothing less tells them apart."""
    return {options.index(match[0]) for match in _spellings(options).finditer(text)}


@lru_cache(maxsize=512)
def _spellings(options: tuple[str, ...]) -> re.Pattern[str]:
    longest = sorted(filter(None, options), key=len, reverse=True)
    return re.compile(rf"(?<![\w'’+-])(?:{'|'.join(map(re.escape, longest))})(?![\w'’%+-])")


@lru_cache(maxsize=512)
def _phrases(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """One expression with a group for each phrase."""
    groups = []
    for phrase in phrases:
        # "As" and "I" are chemical symbols, "as" and "i" are not; but "No" is "no".
        symbol = len(phrase) <= 2 and phrase != phrase.lower() and phrase.lower() != "no"
        groups.append(f"({re.escape(phrase)})" if symbol else f"((?i:{re.escape(phrase)}))")
    return re.compile(rf"(?<!\S)(?:{'|'.join(groups)})(?!\S)")


@lru_cache(maxsize=1 << 16)
def _spelling(code: int) -> str:
    """What a character is in a text about to be cut into words."""
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


def _words(text: str) -> str:
    """A text's words as they are spelt, one space between, without articles and accents."""
    return _cut_short(text) if len(text) <= _LONGEST_PHRASE else _cut(text)


def _cut(text: str) -> str:
    # Only Latin letters lose their marks: elsewhere a mark is a vowel or another letter altogether.
    plain = unicodedata.normalize("NFC", _ACCENTS.sub(r"\1", unicodedata.normalize("NFKD", text)))
    words = _WORD.findall(_JOINED.sub("", plain.translate(_Spellings())))
    last = len(words) - 1
    return " ".join(word for at, word in enumerate(words) if at == last or not _idle(word, at))


def _idle(word: str, at: int) -> bool:
    """Whether a word that others follow says nothing; "Vitamin A is" must keep its A."""
    return word.casefold() in ("a", "an", "the", "i") and (at == 0 or word not in ("A", "I"))


_cut_short = lru_cache(maxsize=4096)(_cut)
