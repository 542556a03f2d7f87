"""Options of multiple choice, and the keys that say which of them is the answer.

Published data sets spell both in many ways. Reading makes a tuple of texts and a place in it.
`respell_option` is the way back: it writes another option in the way that a row wrote its own.

| options                                            | answers                                       |
| -------------------------------------------------- | --------------------------------------------- |
| `["red", "blue"]`, also as JSON or Python text      | `1`, `"1"`, `1.0`: counted from 0 or from 1    |
| `{"text": ["red", "blue"], "label": ["A", "B"]}`   | one of the row's own labels                   |
| `{"A": "red", "B": "blue"}`                        | `"B"`, `"(b)"`, `"B."`, `"B. blue"`, `"Option B"` |
| `[{"key": "A", "value": "red"}, ...]`              | `"blue"`: the text itself                     |
| columns `A` to `D`, `opa` to `opd`, `option1`, ... | `true`, `false`                               |
"""

import re
from collections.abc import Mapping, Sequence
from reprlib import repr as shortened
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple

from stores.fields import RowError, is_blank, name_type, parse_nested, read_answer
from stores.normal_form import normal_form

FALSE_TRUE = (("false", "no", "incorrect", "wrong"), ("true", "yes", "correct", "right"))
"""Texts of the two options that a bool can mean."""

MOST_OPTIONS = 1_000
"""Every answer is compared with every option of its sample, and those with each other."""

_LABEL_KEYS = ("label", "labels", "key", "letter", "id", "option_id")
_TEXT_KEYS = ("text", "texts", "value", "choices", "option", "content")
# A letter, or up to three digits, with what data sets put around them; every repetition is bounded.
_DECORATED = re.compile(
    r"""\s{0,9} (?P<before> (?:[*_"']{0,3}) (?:(?:the\s)? (?:correct\s)?
        (?:option|choice|answer|opción|respuesta|réponse|antwort|选项|答案)
        (?:\s{0,3}:|\s is|：)? \s{0,3})? [*_"']{0,3} [(\[{（【<]? )
        (?P<key>[A-Za-z]|\d{1,3})
        (?P<after> (?: [)\]}）】>]? [.:,、。：．)]? | \s?[-–—] ) [*_"']{0,3} )
        (?P<rest> $ | \s+.* | (?<=[.):、。：．）])\S.*) $""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


# "A,C", "A and C", "AC": letters in their order.
_SEVERAL = re.compile(r"[(\[]?[A-Z](?:\s?(?:[,;/&+、，]|\sand\s|\s)\s?[A-Z]){1,25}[)\].]?|[A-Z]{2,26}")
# What an option's text may begin with: "B. ", "(2) ", "a )".
_MARKER = re.compile(r"\s*[(\[]?(?P<label>[A-Za-z]|\d{1,2})\s?(?:[)\]、．]\s*|[.:]\s+)(?=\S)")


class SeveralOptionsError(RowError):
    """An answer names several options at once, and a choice has one."""


class Options(NamedTuple):
    """A row's options: their texts, and the labels that the row gives them, none where it gives none."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()


class Keys(NamedTuple):
    """How a file's answers are to be read, told from all its rows.

    Args:
        base: what the first option is counted as, 0 or 1; None where numbers are texts of options.
        letters_first: whether a letter is a key even where an option's text is that letter.
    """

    base: int | None = 0
    letters_first: bool = True


def read_options(value: object, field: str) -> Options | None:
    """Return the options that one column holds; None where it holds none.

    Raises:
        RowError: they are no options: fewer than two, an empty one, or one twice.
    """
    value = parse_nested(value)
    if is_blank(value):
        return None
    if isinstance(value, str):
        value = _spelled(value)
    if isinstance(value, str):
        raise RowError(
            field,
            "is text, but not a JSON list, and no list of lines or of texts between |",
            "the options are text, but no list",
        )
    found = _options_in(value, field)
    if found is None:
        raise RowError(field, f"must be a list, or an object of labels and texts, not {name_type(value)}")
    texts, labels = found
    return check_options(texts, labels, field)


def _spelled(text: str) -> object:
    """Return the options that stand in lines, between `|`, or as `a ) 38 , b ) 27`; else the text."""
    for sign in ("\n", "|"):
        parts = [part.strip() for part in text.split(sign)]
        while parts and not parts[-1]:
            parts.pop()
        if len(parts) > 1 and all(parts):
            return parts
    parts = [part.strip() for part in re.split(r"\s,\s(?=[a-z]\s\))", text)]
    labels = [part[:1] for part in parts]
    if len(parts) > 1 and labels == list(ascii_lowercase[: len(parts)]):
        return dict(zip(labels, (part[1:].strip()[1:].strip() for part in parts), strict=True))
    return text


def check_options(texts: Sequence[object], labels: Sequence[object], field: str) -> Options:
    """Return options in text.

    Args:
        texts: the options.
        labels: the labels of all of them, or none.
        field: what messages call them.

    Raises:
        RowError: as for `read_options`.
    """
    if len(texts) > MOST_OPTIONS:
        raise RowError(
            field,
            f"has {len(texts):,} entries, and more than {MOST_OPTIONS:,} are not told apart; use null, and "
            "let the prompt say what can be answered",
            "has too many options",
        )
    options = []
    for place, text in enumerate(texts):
        try:
            options.append(read_answer(text, f"{field}[{place}]").strip())
        except RowError as error:
            empty = error.message.startswith("is empty")
            raise RowError(
                error.field, error.message, "an option is empty" if empty else error.reason
            ) from None
    if len(options) < 2:
        raise RowError(
            field,
            f"needs at least 2 entries, found {len(options)}; use null where there are none",
            "has fewer than two options",
        )
    if len(set(options)) < len(options):
        raise RowError(field, "holds the same option twice", "holds the same option twice")
    named = tuple(read_answer(label, field).strip() for label in labels) if labels else ()
    if named and (len(named) != len(options) or len(set(named)) < len(named)):
        raise RowError(field, f"has {len(set(named))} labels for {len(options)} options")
    return Options(tuple(options), named or _labels_in(options))


def _labels_in(options: Sequence[str]) -> tuple[str, ...]:
    """Return the letters that options begin with themselves, A to D in any order; none where they do not."""
    found = [_MARKER.match(text) for text in options]
    labels = [match["label"].upper() for match in found if match is not None and match["label"].isalpha()]
    return tuple(labels) if sorted(labels) == list(ascii_uppercase[: len(options)]) else ()


def _bare_text(text: str) -> str:
    """Return an option's text without the marker that it begins with, and without a full stop."""
    match = _MARKER.match(text)
    return text[match.end() if match else 0 :].rstrip(" .。").casefold()


def _options_in(value: object, field: str) -> tuple[Sequence[object], Sequence[object]] | None:
    """Return the texts and labels of options, unchecked; None where a value holds none."""
    if isinstance(value, Mapping):
        keys = {str(key).strip().casefold(): key for key in value}
        text_key = next((keys[key] for key in _TEXT_KEYS if key in keys), None)
        inner = parse_nested(value[text_key]) if text_key is not None else None
        if isinstance(inner, list):
            label_key = next((keys[key] for key in _LABEL_KEYS if key in keys), None)
            labels = parse_nested(value[label_key]) if label_key is not None else ()
            # One mark for each option, as in TruthfulQA, says which is right and labels none.
            marks = isinstance(labels, list) and all(
                isinstance(label, int) and label in (0, 1) for label in labels
            )
            return inner, labels if isinstance(labels, list) and not (marks and len(labels) != 2) else ()
        # Parquet gives every row the keys of all rows: those that a row lacks are null.
        there = {key: text for key, text in value.items() if text is not None}
        return list(there.values()), list(there)
    if not isinstance(value, list):
        return None
    if value and all(isinstance(entry, Mapping) for entry in value):
        return _options_of_objects(value, field)
    return value, ()


def _options_of_objects(
    entries: Sequence[Mapping[str, object]], field: str
) -> tuple[Sequence[object], Sequence[object]]:
    text_key = next(
        (key for key in (*_TEXT_KEYS, "answer", "label") if all(key in entry for entry in entries)), None
    )
    if text_key is None:
        raise RowError(f"{field}[0]", "must be text, or an object with a label and a text")
    label_key = next(
        (key for key in _LABEL_KEYS if key != text_key and all(key in entry for entry in entries)), None
    )
    return [entry[text_key] for entry in entries], [
        entry[label_key] for entry in entries
    ] if label_key else ()


def find_option(answer: object, options: Options, keys: Keys, field: str) -> int:
    """Return the place of the option that an answer means, from 0 on.

    Args:
        answer: a text, a number or a bool, as the row has it.
        options: the row's.
        keys: how the file's answers are read.
        field: what messages call the answer.

    Raises:
        RowError: it means none of the options, or several.
    """
    if isinstance(answer, bool):
        return _by_truth(answer, options)
    text = read_answer(answer, field).strip()
    plain = normal_form("NFKC", text)
    place = _label_place(plain, options)
    if place is None and keys.letters_first:
        place = _letter_place(plain, options, bare=True)
    if place is None:
        place = _text_place(text, options, keys, field)
    if place is None:
        place = _decorated_place(plain, options, keys)
    if place is not None:
        return place
    if (place := _bare_place(plain, options)) is not None:
        return place
    if _are_several(plain, options):
        raise SeveralOptionsError(
            field,
            f"{shortened(text)} names several options at once, and a choice has one; where any of them is "
            "right, write a list",
            "the answer names several options",
        )
    if re.fullmatch("[A-Za-z]", plain):
        raise RowError(
            field,
            f"the letter {text!r} lies outside the {len(options.texts)} options",
            "the answer lies outside the options",
        )
    raise RowError(
        field,
        f"{shortened(text)} is neither the letter nor the text of an option",
        "the answer is none of the options",
    )


def _bare_place(text: str, options: Options) -> int | None:
    """Return the place of the one option that differs in its marker or full stop alone."""
    bare = [_bare_text(option) for option in options.texts]
    said = text.rstrip(" .。").casefold()
    return bare.index(said) if said and bare.count(said) == 1 else None


def _are_several(text: str, options: Options) -> bool:
    letters = re.findall("[A-Z]", text.replace("and", "")) if _SEVERAL.fullmatch(text) else []
    known = ascii_uppercase[: len(options.texts)]
    return len(letters) > 1 and letters == sorted(set(letters)) and all(one in known for one in letters)


def whole_number(answer: object) -> int | None:
    """Return the number that an answer spells, in digits or as a number; None where it spells none."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int):
        # Nobody counts so many options, and Python spells out no number of thousands of digits.
        return answer if abs(answer) < 10**6 else None
    if isinstance(answer, float):
        return int(answer) if answer.is_integer() else None
    if isinstance(answer, str):
        match = re.fullmatch(r"[(\[]?(\d{1,6})(?:\.0+)?[)\].]?", normal_form("NFKC", answer.strip()))
        return int(match[1]) if match else None
    return None


def _by_truth(answer: bool, options: Options) -> int:
    alike = [place for place, text in enumerate(options.texts) if text.casefold() in FALSE_TRUE[answer]]
    return alike[0] if len(alike) == 1 else int(answer)


def _label_place(text: str, options: Options) -> int | None:
    """Return the place of one of the row's own labels."""
    labels = [normal_form("NFKC", label).casefold() for label in options.labels]
    found = text.strip().casefold()
    return labels.index(found) if found in labels else None


def _letter_place(text: str, options: Options, *, bare: bool = False) -> int | None:
    if bare and not re.fullmatch("[A-Za-z]", text):
        return None
    if options.labels and len(options.texts) <= len(ascii_uppercase):
        if (place := _label_place(text, options)) is not None:
            return place
        if any(re.fullmatch("[A-Za-z]", label) for label in options.labels):
            return None
    place = ord(text.upper()) - ord("A")
    return place if 0 <= place < len(options.texts) else None


def _text_place(text: str, options: Options, keys: Keys, field: str) -> int | None:
    number = whole_number(text)
    if keys.base is not None and number is not None and _number_place(number, options, keys) is not None:
        return None
    if text in options.texts:
        return options.texts.index(text)
    alike = [place for place, option in enumerate(options.texts) if option.casefold() == text.casefold()]
    if len(alike) > 1:
        raise RowError(field, f"{shortened(text)} fits several options that differ in case alone")
    if alike:
        return alike[0]
    # pandas writes whole numbers with a fraction where a column has gaps.
    return options.texts.index(str(number)) if number is not None and str(number) in options.texts else None


def _number_place(number: int, options: Options, keys: Keys) -> int | None:
    place = number - (keys.base or 0)
    return place if 0 <= place < len(options.texts) else None


def _decorated_place(text: str, options: Options, keys: Keys) -> int | None:
    number = whole_number(text)
    if number is not None:
        labelled = _label_place(str(number), options)
        if labelled is not None:
            return labelled
        return None if keys.base is None else _number_place(number, options, keys)
    match = _DECORATED.fullmatch(text)
    if match is None:
        return None
    key, rest = match["key"], match["rest"].strip()
    if rest and not match["after"].strip("*_\"'"):
        return None
    if key.isdigit():
        place = _label_place(key, options)
        if place is None and keys.base is not None:
            place = _number_place(int(key), options, keys)
    else:
        place = _letter_place(key, options)
    if place is not None and rest and rest.casefold() != options.texts[place].casefold():
        return None
    return place


def respell_option(answer: object, options: Options, keys: Keys, place: int) -> object:
    """Return an option as a row would write it as its answer.

    Args:
        answer: what the row has as its answer now.
        options: the row's.
        keys: how the file's answers are read.
        place: which option is meant, from 0 on.

    Example:
        With the options red and blue, "(A)" becomes "(B)", "A. red" becomes "B. blue", 0 becomes 1, "red"
        becomes "blue". An answer that means no option becomes the option's text.
    """
    try:
        now = find_option(answer, options, keys, "answer")
    except RowError:
        return options.texts[place]
    if isinstance(answer, bool):
        return place if len(options.texts) > 2 else _by_truth(True, options) == place
    if isinstance(answer, int | float):
        if str(answer) in options.texts and options.texts.index(str(answer)) == now:
            return options.texts[place]
        return (
            type(answer)(int(answer) - now + place)
            if not options.labels
            else _as_number(options.labels[place])
        )
    text = str(answer)
    plain = text.strip().casefold()
    if plain == options.texts[now].casefold() and not _is_key(text, options, keys, now):
        return options.texts[place]
    return _respelled_key(text, options, keys, now, place)


def _as_number(label: str) -> object:
    return int(label) if label.isdigit() else label


def _is_key(text: str, options: Options, keys: Keys, now: int) -> bool:
    """Return whether an answer that is an option's text was read as a key of the same option."""
    plain = normal_form("NFKC", text.strip())
    if _label_place(plain, options) == now:
        return True
    return keys.letters_first and _letter_place(plain, options, bare=True) == now


def _respelled_key(text: str, options: Options, keys: Keys, now: int, place: int) -> str:
    bare = text.strip()
    if options.labels and normal_form("NFKC", bare).casefold() == options.labels[now].casefold():
        return text.replace(bare, _in_case(options.labels[place], bare))
    plain = normal_form("NFKC", text)
    number = whole_number(plain)
    match = _DECORATED.fullmatch(plain)
    if match is None or (number is not None and keys.base is None and not options.labels):
        return options.texts[place]
    if number is not None and re.fullmatch(r"\d+\.0+", plain.strip()):
        return f"{number - now + place}.0"
    if number is not None or match["key"].isdigit():
        new = options.labels[place] if options.labels else str(int(match["key"]) - now + place)
    else:
        new = options.labels[place] if options.labels else ascii_uppercase[place : place + 1]
    if not new:
        return options.texts[place]
    start, end = match.span("key")
    wide = len(text) == len(plain) and text[start] != plain[start]
    key = _widened(_in_case(new, match["key"])) if wide else _in_case(new, match["key"])
    rest = match["rest"]
    if rest.strip():
        rest = rest.replace(rest.strip(), options.texts[place])
        return f"{text[:start]}{key}{text[end : match.start('rest')]}{rest}"
    return f"{text[:start]}{key}{text[end:]}"


def _in_case(new: str, old: str) -> str:
    return new.lower() if old.isalpha() and old.islower() else new


def _widened(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
