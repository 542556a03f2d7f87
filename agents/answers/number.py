r"""Numbers: finding the one that a reply gives, and writing it in plain decimal digits.

| reply | answer |
|---|---|
| `$1,200.50` | `1200.5` |
| `1.200,50` | `1200.5` |
| `about 3.5 million people` | `3500000` |
| `\boxed{\frac{1}{2}}` | `0.5` |
| `3 boxes with 4 each make 12.` | `12` |
| `The answer is 12, since 3 x 4 is that.` | `12` |
| `He had 5 on the 3rd` | `5` |
| `3,5` | none: three and a half, or two numbers |
| `3 + 4` | none: an unfinished sum |

Every expression here is linear: replies are hostile input.
"""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Context, Decimal, DivisionByZero, InvalidOperation

from agents.answers.form import Form
from agents.answers.stated import find_stated

_LONGEST_NUMBER = 60
_LARGEST_EXPONENT = 30
_ARITHMETIC = Context(prec=100)
_DIVISION = Context(prec=28)

_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_NUMBER = re.compile(
    r"(?<![A-Za-z\d])(?<![A-Za-z]-)(?P<sign>[-+]?[$€£¥₹]?-?)"
    r"(?:(?P<whole>\d{1,3}) (?=\d{1,3}/\d))?"
    r"(?P<body>\d+(?:[.,\u00a0\u2009\u202f]\d+)*|(?<!\w)\.\d+)"
    r"(?:[eE](?P<exponent>[+-]?\d+))?(?:/(?P<below>\d++(?!/)))?"
    r"(?:[ -]?(?P<scale>(?i:hundred|thousand|million|billion|trillion))\b)?"
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b", re.IGNORECASE)
_OPERATOR = re.compile(r"[ \t]{0,3}(?:[-+×÷x/^]|\*(?!\*)|\*\*(?=\d))[ \t]{0,3}[{($€£¥₹]?\d")
_OPERAND = re.compile(r"\d(?:[ \t]{0,3}[-+*×÷x/^][ \t]{0,3}[{(]?|\*\*)$")
_GROUPED = re.compile(
    r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?|[1-9]\d{0,2}(?:[\u00a0\u2009\u202f]\d{3})+(?:\.\d+)?"
)
# "1.200" is left a decimal: only what no English reader could mean is read the European way.
_EUROPEAN = re.compile(r"[1-9]\d{0,2}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})")
_FACTORIAL = re.compile(r"\d{1,9}!")
_EITHER_SIGN = re.compile(r"(?:[±∓]|\\[pm]{2}|\+/?-)\s?[$€£]?\Z")
_GROUPS = re.compile(r"[,\u00a0\u2009\u202f]")


class Number:
    """A number and nothing else, but for a currency or a percent sign."""

    name = "number"
    form: Form = "working"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a number and nothing else."""
        return not options and is_number(response)

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: a number may need the sum before it."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the number that a reply states, else its last one."""
        # Imported here: a quantity is read with what this file reads a number with.
        from agents.answers.quantity import is_quantity, keeps_unit, read_quantity

        stated = find_stated(reply)
        text = stated.line.strip("*} ") or reply.strip()
        if _FACTORIAL.fullmatch(text):
            return text
        # A unit, a percent sign or a bound is a part of the answer, where nothing else is said.
        if is_quantity(text) and keeps_unit(text):
            return text.rstrip(".")
        number = find_number(stated.line, stated=True) or find_number(stated.text, stated=False)
        alone = read_quantity(text)
        return number if alone is None else _written(alone.value)

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two answers are the same number, however written."""
        if left is None or right is None:
            return False
        # "5!" may be a factorial or a loud five.
        if bool(_FACTORIAL.fullmatch(left.strip())) != bool(_FACTORIAL.fullmatch(right.strip())):
            return None
        # Imported here: a quantity is read with what this file reads a number with.
        from agents.answers.quantity import compare_quantities, is_quantity

        if is_quantity(left) and is_quantity(right):
            return compare_quantities(left, right)
        number = self.extract(left)
        return number is not None and number == self.extract(right)


def _written(value: Decimal) -> str:
    text = format(_ARITHMETIC.normalize(value), "f")
    return "0" if text == "-0" else text


def is_number(text: str) -> bool:
    """Say whether a text is a number and nothing else, but for a currency or a percent sign."""
    text = _minus(text.strip())
    match = _NUMBER.match(text)
    bare = match and not match["scale"] and text[match.end() :].strip() in ("", ".", *"%$€£¥₹")
    return bool(match and bare and _value(match) is not None)


def find_number(reply: str, *, stated: bool) -> str | None:
    """Return the number a reply gives, in plain decimal digits; None where there is none or it is unclear.

    Args:
        reply: the text; its last number counts.
        stated: the text follows "Answer:": its first number counts where it begins with it.
    """
    text = _minus(reply)
    found = [match for match in _NUMBER.finditer(text) if not _ORDINAL.match(text, match.end())]
    if not found:
        return None
    match = found[-1]
    # "12, since 3 x 4" states its first number, "3 + 4 = 7" and "3 boxes of 4 make 12" their last.
    first = found[0]
    if stated and len(text[: first.start()].split()) <= 1 and not _OPERATOR.match(text, first.end()):
        match = first
    after = text[match.end() : match.end() + 1]
    if _EITHER_SIGN.search(text[max(0, match.start() - 5) : match.start()]):
        return None
    # The rest of a sum or a power is no answer, nor is the 10 of "10²" or the 1 of "1½".
    if after and unicodedata.category(after) == "No":
        return None
    if _OPERAND.search(text[max(0, match.start() - 10) : match.start()]) or _OPERATOR.match(
        text, match.end()
    ):
        return None
    return _value(match)


def _minus(text: str) -> str:
    """Return a text with every minus sign as the one on the keyboard."""
    return text.replace("\u2212", "-").replace("\ufe63", "-").replace("\uff0d", "-")


def _value(match: re.Match[str]) -> str | None:
    """Return a number's plain decimal digits; None for one that is ambiguous or too long to be an answer."""
    body, exponent, below = match["body"], match["exponent"] or "0", match["below"] or "1"
    if len(body) > _LONGEST_NUMBER or len(exponent) > 3 or len(below) > _LONGEST_NUMBER:
        return None
    if _GROUPED.fullmatch(body):
        body = _GROUPS.sub("", body)
    elif _EUROPEAN.fullmatch(body):
        body = body.replace(".", "").replace(",", ".")
    power = int(exponent)
    if abs(power) > _LARGEST_EXPONENT:
        return None
    try:
        value = _ARITHMETIC.scaleb(Decimal(body), power)
        if match["below"]:
            value = _DIVISION.divide(value, Decimal(below))
    except (InvalidOperation, DivisionByZero):
        return None
    value = _ARITHMETIC.add(value, Decimal(match["whole"] or 0))
    scale = (match["scale"] or "").lower()
    value = _ARITHMETIC.scaleb(value, _SCALES.get(scale, 0))
    text = format(_ARITHMETIC.normalize(-value if "-" in match["sign"] else value), "f")
    if len(text) > _LONGEST_NUMBER:
        return None
    return "0" if text == "-0" else text
