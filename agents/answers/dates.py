"""Dates and times of day: when two of them are the same, however they are written.

| left | right | same |
|---|---|---|
| `20 November 1999` | `1999-11-20`, `20. November 1999`, `1999年11月20日` | yes |
| `21 November 1999` | `20 November 1999` | no |
| `03/04/1999` | `04/03/1999` | cannot be told |
| `November 1999` | `20 November 1999` | cannot be told: less is said |
| `before 20 November 1999` | `20 November 1999` | no |
| `3 pm` | `15:00` | yes |
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from agents.answers.form import Form
from agents.answers.stated import find_stated
from stores.normal_form import normal_form

_LONGEST = 400
_HINT = re.compile(r"\d|noon|midday|midnight", re.IGNORECASE)
_MONTH_NAMES = (
    "january jan januar janvier enero gennaio janeiro января январь ocak stycznia januari يناير जनवरी",
    "february feb februar fevrier febrero febbraio fevereiro февраля февраль subat lutego فبراير फरवरी",
    "march mar marz mars marzo marco марта март mart marca maart مارس मार्च",
    "april apr avril abril aprile апреля апрель nisan kwietnia أبريل अप्रैल",
    "may mai mayo maggio maio мая май mayis maja mei مايو मई",
    "june jun juni juin junio giugno junho июня июнь haziran czerwca يونيو जून",
    "july jul juli juillet julio luglio julho июля июль temmuz lipca يوليو जुलाई",
    "august aug aout agosto августа август agustos sierpnia augustus augusti أغسطس अगस्त",
    "september sep sept septembre septiembre settembre setembro сентября сентябрь"
    " eylul wrzesnia سبتمبر सितंबर",
    "october oct oktober okt octobre octubre ottobre outubro октября октябрь ekim pazdziernika أكتوبر अक्टूबर",
    "november nov novembre noviembre novembro ноября ноябрь kasim listopada نوفمبر नवंबर",
    "december dec dezember dez decembre diciembre dicembre dezembro декабря"
    " декабрь aralik grudnia ديسمبر दिसंबर",
)
_MONTHS = {name: month for month, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_YEAR = r"(?P<year>[12]\d{3})"
_DAY = r"(?P<day>[0-3]?\d)"
_ISO = re.compile(rf"(?<!\d){_YEAR}[-/.](?P<month>[01]?\d)[-/.]{_DAY}(?!\d)")
_HAN = re.compile(
    r"(?P<year>[12]\d{3})\s?[年년]\s?(?:(?P<month>[01]?\d)\s?[月월]\s?(?:(?P<day>[0-3]?\d)\s?[日일号])?)?"
)
_DAY_FIRST = re.compile(
    rf"(?<!\d){_DAY}(?:st|nd|rd|th|er|\.|º)?[ ]{{0,2}}(?:of |de |-)?(?P<name>{_MONTH})\.?,?"
    rf"(?:[ -]{{1,2}}(?:de |del )?{_YEAR})?(?!\w)"
)
_MONTH_FIRST = re.compile(rf"(?<!\w)(?P<name>{_MONTH})\.? {_DAY}(?:st|nd|rd|th)?(?!\d)(?:,? {_YEAR})?(?!\w)")
_MONTH_ONLY = re.compile(rf"(?<!\w)(?P<name>{_MONTH})\.?,? (?:of |de )?{_YEAR}(?!\d)")
_NUMERIC = re.compile(
    r"(?<![\d/.-])(?P<one>[0-3]?\d)([/.-])(?P<other>[0-3]?\d)\2(?P<year>[12]\d{3})(?![\d/-])"
)
_TIME = re.compile(
    r"(?<![\d:])(?P<hour>[0-2]?\d)(?:[:.h](?P<minute>[0-5]\d))?(?::[0-5]\d)?\s?(?P<half>[ap]\.?m\b\.?|uhr\b|o'clock)?(?![\d:%])"
)
_QUALIFIER = re.compile(
    r"\b(?:not|before|after|until|till|since|by|around|about|circa|early|late|mid|vor|nach|bis|seit|avant|après|depuis|antes"
    r"|después|до|после|nicht|no|pas)\b|之前|以前|以后|之后|不|前|后",
)


class When(NamedTuple):
    """What a text says of a day or of a time of day.

    Args:
        days: every reading as (year, month, day), None where it does not say.
        minute: the minute of the day; None where no time is given.
    """

    days: frozenset[tuple[int | None, int | None, int | None]]
    minute: int | None


class Date:
    """A day, a month or a time of day."""

    name = "date"
    form: Form = "short"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a date or a time and nothing else."""
        return not options and _is_date(response)

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return what a sentence around a date needs."""
        return 128

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return what the reply states as its answer, else its words where they hold one date."""
        stated = find_stated(reply)
        text = (stated.line or stated.text).strip().strip("*_ ").rstrip(".")
        return text if text and (holds_date(text) or stated.line) else None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two answers are the same date; None where one says less or may be read in two ways."""
        if left is None or right is None:
            return False
        return compare_dates(left, right)


def holds_date(text: str) -> bool:
    """Say whether a text says one day or one time of day."""
    return read_date(text) is not None


def compare_dates(left: str, right: str) -> bool | None:
    """Say whether two texts say the same day or time."""
    if max(len(left), len(right)) > _LONGEST:
        return left.strip() == right.strip() or (None if read_date(left) is read_date(right) else False)
    one, other = read_date(left), read_date(right)
    plain = _plain(left), _plain(right)
    if one is None or other is None:
        return True if plain[0] == plain[1] else None if one is other else False
    if sorted(_QUALIFIER.findall(plain[0])) != sorted(_QUALIFIER.findall(plain[1])):
        return False
    if one == other and (len(one.days) <= 1 or plain[0] == plain[1]):
        return True
    if one.minute is not None and other.minute is not None and one.minute != other.minute:
        return False
    if bool(one.days) != bool(other.days):
        return None
    fits = any(_fits(day, another) for day in one.days for another in other.days)
    return None if fits or not one.days else False


@lru_cache(maxsize=4096)
def read_date(text: str) -> When | None:
    """Return the one date or time in a text; None where there is none, or where there are several."""
    if len(text) > _LONGEST or not _HINT.search(text):
        return None
    plain = _plain(text)
    days, rest = _days(plain)
    minute = _minute(rest, alone=not days)
    if len(days) > 1 or (not days and minute is None):
        return None
    return When(frozenset(days[0]) if days else frozenset(), minute)


def _fits(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def _plain(text: str) -> str:
    spelt = normal_form("NFKD", text.strip().strip("*_\"'` ").lower().replace("ı", "i").replace("ğ", "g"))
    plain = "".join(sign for sign in spelt if not "\u0300" <= sign <= "\u036f")
    plain = normal_form("NFC", plain)
    return " ".join(
        "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in plain).split()
    )


def _days(text: str) -> tuple[list[set[tuple[int | None, int | None, int | None]]], str]:
    """Return every day that a text says, each with all its readings, and the text without them."""
    found = []
    for pattern in (_ISO, _HAN, _DAY_FIRST, _MONTH_FIRST, _MONTH_ONLY, _NUMERIC):
        for match in pattern.finditer(text):
            if readings := _readings(match.groupdict()):
                found.append(readings)
        text = pattern.sub(" ", text)
    return found, text


def _readings(parts: dict[str, str | None]) -> set[tuple[int | None, int | None, int | None]]:
    def number(key: str) -> int | None:
        return int(parts[key] or 0) or None if parts.get(key) else None

    year = number("year")
    if parts.get("one"):
        pairs = {(number("one"), number("other")), (number("other"), number("one"))}
        return {(year, month, day) for day, month in pairs if day and month and month <= 12 and day <= 31}
    month = _MONTHS.get(parts.get("name") or "") or number("month")
    day = number("day")
    if (month is not None and month > 12) or (day is not None and day > 31) or month is None:
        return set()
    return {(year, month, day)}


def _minute(text: str, *, alone: bool) -> int | None:
    """Return the minute of the day that a text says; None where there is none, or where there are several."""
    if text.strip(" .") in ("noon", "midday"):
        return 12 * 60
    if text.strip(" .") == "midnight":
        return 0
    found = [
        match for match in _TIME.finditer(text) if match["half"] or (match["minute"] and ":" in match[0])
    ]
    if len(found) != 1 or (alone and len(text) > 80):
        return None
    hour, half = int(found[0]["hour"]), (found[0]["half"] or "")[:1]
    if half == "p" and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    return hour * 60 + int(found[0]["minute"] or 0) if hour < 24 else None


def _is_date(text: str) -> bool:
    if "\n" in text.strip() or len(text) > 60 or not holds_date(text):
        return False
    rest = _days(_plain(text))[1]
    rest = re.sub(r"\b(?:on|the|at|in|um|am|of|le|el)\b", "", _TIME.sub(" ", rest))
    return not re.search(r"\w", rest) or rest.strip() in ("noon", "midnight", "midday")
