"""Quantities: a number with its unit, its currency or its percent sign.

| left | right | same |
|---|---|---|
| `5 km` | `5000 m` | yes |
| `5 km` | `5` | yes: the unit is in the prompt |
| `5 km` | `5 m`, `5 kg` | no |
| `50 %` | `0.5` | yes: one has the percent sign, and the values fit |
| `50` | `0.5` | no |
| `three` | `3` | yes |
| `at least 5` | `5` | no |
| `about 12` | `12` | cannot be told |
"""

import re
import unicodedata
from decimal import Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from agents.answers.number import find_number
from stores.normal_form import normal_form

_LONGEST = 80
_UNITS: dict[str, tuple[str, str]] = {}
for _dimension, _units in {
    "length": "mm 0.001 cm 0.01 m 1 km 1000 in 0.0254 ft 0.3048 yd 0.9144 mi 1609.344 millimeter 0.001"
    " centimeter 0.01 meter 1 metre 1 kilometer 1000 kilometre 1000 centimetre 0.01 millimetre 0.001"
    " inch 0.0254"
    " inches 0.0254 foot 0.3048 feet 0.3048 yard 0.9144 mile 1609.344 nm 1e-9 μm 1e-6",
    "mass": "mg 0.000001 g 0.001 kg 1 t 1000 lb 0.45359237 lbs 0.45359237 oz 0.028349523125 gram 0.001"
    " kilogram 1"
    " milligram 0.000001 tonne 1000 pound 0.45359237 ounce 0.028349523125",
    "time": "ms 0.001 s 1 sec 1 min 60 h 3600 hr 3600 hrs 3600 second 1 minute 60 hour 3600 day 86400"
    " week 604800"
    " month 2629746 year 31556952 yr 31556952",
    "volume": "ml 0.001 cl 0.01 l 1 liter 1 litre 1 milliliter 0.001 millilitre 0.001",
    "area": "m^2 1 cm^2 0.0001 km^2 1000000 m2 1 cm2 0.0001 km2 1000000 ha 10000",
    "speed": "km/h 1 kmh 1 kph 1 mph 1.609344 m/s 3.6",
    "celsius": "°c 1",
    "fahrenheit": "°f 1",
    "kelvin": "k 1",
    "angle": "° 1 degree 1",
    "bytes": "kb 1e3 mb 1e6 gb 1e9 tb 1e12 byte 1",
    "energy": "j 1 kj 1000 joule 1 kcal 4184",
    "power": "w 1 kw 1000 watt 1 mw 1e6",
    "frequency": "hz 1 khz 1000 mhz 1e6 ghz 1e9",
    "voltage": "v 1 volt 1 mv 0.001 kv 1000",
    "€": "€ 1 eur 1 euro 1",
    "$": "$ 1 usd 1 dollar 1 cent 0.01",
    "£": "£ 1 gbp 1",
    "¥": "¥ 1 yen 1 jpy 1 円 1 元 1",
    "₹": "₹ 1 rupee 1 inr 1",
}.items():
    _words = _units.split()
    _UNITS.update({name: (_dimension, size) for name, size in zip(_words[::2], _words[1::2], strict=True)})
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_TEENS = "seventeen eighteen nineteen"
_SPOKEN = {word: value for value, word in enumerate(f"{_ONES} {_TEENS}".split())}
_SPOKEN |= {
    word: 10 * tens
    for tens, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_QUALIFIED = re.compile(
    r"(?:not|no|at least|at most|more than|less than|fewer than|over|under|below|above|up to|almost|nearly"
    r"|before"
    r"|after|until|since|minimum|maximum|mindestens|höchstens|über|unter|moins de|plus de|más de|menos de"
    r"|至少|至多"
    r"|超过|不到|[<>≤≥])\b|[<>≤≥]",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"(?:about|around|approximately|approx\.?|roughly|circa|ca\.|etwa|environ|大约|约|[~≈])\s*", re.I
)
_LEAD = re.compile(r"(?:US|A|C)?(?P<currency>[$€£¥₹])?\s?(?P<rest>.*)", re.DOTALL)
_BODY = re.compile(
    r"(?P<number>[-+]?(?:\d[\d.,\u00a0\u2009\u202f /]*|\.\d+)(?:[eE][-+]?\d+)?"
    r"(?:\s?(?:hundred|thousand|million|billion|trillion)\b)?)\s?(?P<unit>\D{0,20}(?:[\^]?\d)?)"
)
_TIMES_TEN = re.compile(r"\s?(?:\\times|\\cdot|×|x|\*)\s?10\^\{?([-+]?\d{1,2})\}?")
_ARITHMETIC = Context(prec=40)


class Quantity(NamedTuple):
    """A value with its unit.

    Args:
        value: the number as written, fractions divided.
        unit: a unit, a currency, `%`, or the noun that is counted; empty where there is none.
        about: whether the number is said to be a rough one.
    """

    value: Decimal
    unit: str
    about: bool


@lru_cache(maxsize=4096)
def read_quantity(text: str) -> Quantity | None:
    """Return the quantity that a text is, and nothing else; None where it is none or a bound of one."""
    if len(text) > _LONGEST:
        return None
    plain = _plain(text)
    rough = _ABOUT.match(plain)
    plain = plain[rough.end() :] if rough else plain
    spoken = _spoken(plain)
    if spoken is not None:
        return Quantity(spoken[0], spoken[1], bool(rough))
    lead = _LEAD.fullmatch(plain)
    if lead is None:
        return None
    sign = "-" if plain.startswith("-") else ""
    rest = lead["rest"].lstrip("-$€£¥₹") if lead["rest"][:2] in ("-$", "-€", "-£") else lead["rest"]
    body = _BODY.fullmatch((sign if not rest.startswith("-") and sign else "") + rest)
    if body is None:
        return None
    unit = (body["unit"].strip(" .") or lead["currency"] or "").lower()
    if lead["currency"] and body["unit"].strip(" ."):
        unit = lead["currency"]
    found = find_number(re.sub(r"(?<=\d)[  ](?=\d{3}(?!\d))", ",", body["number"].rstrip(" .,")), stated=True)
    if found is None or len(unit.split()) > 2 or re.search(r"[^\w\s%°$€£¥₹/^²³.]", unit):
        return None
    return Quantity(Decimal(found), _singular(unit), bool(rough))


@lru_cache(maxsize=4096)
def is_quantity(text: str) -> bool:
    """Say whether a text is a quantity, or a bound of one, and nothing else."""
    plain = _plain(text) if len(text) <= _LONGEST else ""
    bound = _QUALIFIED.match(plain)
    return read_quantity(plain[bound.end() :].strip() if bound else text) is not None


def compare_quantities(left: str, right: str) -> bool | None:
    """Say whether two quantities are the same; None where that cannot be told."""
    if max(len(left), len(right)) > _LONGEST:
        return None
    bounds = [found and found[0].lower() for found in map(_QUALIFIED.match, map(_plain, (left, right)))]
    if bounds[0] != bounds[1]:
        return False
    if bounds[0]:
        left, right = (_plain(text)[len(bounds[0]) :].strip() for text in (left, right))
    one, other = read_quantity(left), read_quantity(right)
    if one is None or other is None:
        return None
    same = _same(one, other)
    return None if one.about != other.about and same is not False else same


def keeps_unit(text: str) -> bool:
    """Say whether a quantity has a bound, a percent sign or a unit that is no currency."""
    found = read_quantity(text)
    if found is None:
        return True
    return found.unit == "%" or _UNITS.get(found.unit, ("$",))[0] not in tuple("€$£¥₹")


def _same(one: Quantity, other: Quantity) -> bool | None:
    percents = [quantity.unit == "%" for quantity in (one, other)]
    if percents[0] != percents[1] and "" in (one.unit, other.unit):
        percent, plain = (one, other) if percents[0] else (other, one)
        return plain.value in (percent.value, _ARITHMETIC.divide(percent.value, Decimal(100)))
    if one.unit == other.unit or "" in (one.unit, other.unit):
        return one.value == other.value
    known = [_UNITS.get(quantity.unit) for quantity in (one, other)]
    if known[0] is None or known[1] is None:
        # Two nouns may be two words for one thing.
        return None if one.value == other.value and known == [None, None] else False
    if known[0][0] != known[1][0]:
        return False
    sizes = [
        _ARITHMETIC.multiply(quantity.value, Decimal(unit[1]))
        for quantity, unit in zip((one, other), known, strict=True)
        if unit is not None
    ]
    return sizes[0] == sizes[1]


def _plain(text: str) -> str:
    """Return a text without LaTeX's dollars and spaces, with every sign as a keyboard has it."""
    text = text.strip().strip("*_`\"' ").rstrip("。.!")
    text = (
        text.replace("\\$", "$").replace("\\%", "%").replace("\\!", "").replace("\\,", " ").replace("−", "-")
    )
    if text.count("$") == 2 and text.startswith("$") and text.endswith("$"):
        text = text.strip("$")
    text = re.sub(
        r"(?<=\d)([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]{1,4})", lambda power: "^" + unicodedata.normalize("NFKC", power[1]), text
    )
    text = re.sub(r"(?<=\d)(?=[¼½¾⅓⅔⅕⅛⅜⅝⅞])", " ", text)
    text = normal_form("NFKC", text).replace("\u2044", "/").replace("−", "-")
    text = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in text)
    text = _TIMES_TEN.sub(r"e\1", text)
    power = re.fullmatch(r"(\d{1,4})\^\{?(\d{1,2})\}?", text)
    if power and len(power[1]) * int(power[2]) < 40:
        text = str(int(power[1]) ** int(power[2]))
    return re.sub(r"\s?\b(?:percent|per cent|Prozent|pour cent|por ciento)\b|\s?٪", "%", text).strip()


def _singular(unit: str) -> str:
    if unit in _UNITS:
        return unit
    short = unit.removesuffix("s")
    return short if short in _UNITS or len(short) > 2 else unit


def _spoken(text: str) -> tuple[Decimal, str] | None:
    """Return the number that words spell, and the noun behind it."""
    words = text.lower().replace("-", " ").split()
    total = current = used = 0
    for word in words:
        if word in _SPOKEN:
            current += _SPOKEN[word]
        elif word in _SCALES and used:
            current = current * _SCALES[word]
            if _SCALES[word] > 100:
                total, current = total + current, 0
        elif word != "and" or not used:
            break
        used += 1
    rest = words[used:]
    if not used or len(rest) > 1 or words[used - 1] == "and":
        return None
    return Decimal(total + current), _singular(rest[0].strip(".")) if rest else ""
