r"""Mathematical expressions, equations, intervals and sets.

| left | right | same |
|---|---|---|
| `\frac{1}{2}x` | `x/2` | yes |
| `x^2 - 1` | `(x-1)(x+1)` | yes |
| `x = 4` | `4` | yes |
| `[0, 1)` | `[0, 1]` | no |
| `\{1, 2\}` | `\{2, 1\}` | yes |
| `O(n)` | `O(n \log n)` | no |

Libraries that judge equality were looked at: those that parse with SymPy take unbounded time on hostile
input, or stop it by a signal that only the main thread can receive. `agents.answers.expression` tries values.
"""

import cmath
import re
from collections.abc import Sequence

from agents.answers.expression import Expression, UnreadableError
from agents.answers.form import Form
from agents.answers.stated import find_stated

_LONGEST = 400
_RELATION = re.compile(r"\\(?:leq?|geq?|neq?|lt|gt|approx|equiv|in|notin)(?![a-zA-Z])|[<>!=]=|[=<>≠≤≥≈∈∉]")
_NAMES = {
    "\\le": "<=", "\\leq": "<=", "≤": "<=", "\\ge": ">=", "\\geq": ">=", "≥": ">=",
    "\\ne": "!=", "\\neq": "!=",
    "≠": "!=", "\\lt": "<", "\\gt": ">", "\\equiv": "=", "∈": "\\in", "∉": "\\notin", "≈": "\\approx",
}  # fmt: skip
_TURNED = {">": "<", ">=": "<="}
_MARKUP = re.compile(
    r"\\(?:text|mathrm|mbox)\s?\{[^{}]*\}|\\[,;:! ]|\^\{?\\circ\}?|\\(?:left|right)(?![a-zA-Z])"
    r"|\\[()\[\]]|\$|(?<=\d),(?=\d{3}(?!\d))"
)
_CONCLUSION = re.compile(r"(?:\b(?:therefore|thus|hence|so),?\s|\$\$|\\\[)", re.IGNORECASE)
_FORMAL = re.compile(
    r"\\[a-zA-Z]+|\$[^$]+\$|[\^_=<>≤≥≠√π∞]|(?<![a-zA-Z])[a-zA-Z]\(|\d[a-zA-Z]\b"
    r"|\b(?:sqrt|sin|cos|tan|log|ln|exp)\(|[\[(].*,.*[\])]|\b[a-zA-Z] ?[-+*/] ?\w"
)
_WORDS = re.compile(r"[^\W\d_]{3,}")
_TIMES = 3


class Maths:
    """An expression, an equation, an interval or a set."""

    name = "maths"
    form: Form = "working"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is one expression and nothing else."""
        text = response.strip()
        if options or "\n" in text or len(text) > _LONGEST or not _FORMAL.search(text):
            return False
        plain = re.sub(r"\\[a-zA-Z]+|\bsqrt\b|\bsin\b|\bcos\b|\btan\b|\blog\b|\bexp\b|\binf\b", " ", text)
        return not _WORDS.search(plain) and ("\\" in text or "$" in text or _is_readable(_clean(text)))

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: an expression may need the working before it."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the expression that a reply states, else the one behind its last conclusion."""
        boxed = find_box(reply)
        if boxed:
            return boxed
        stated = find_stated(reply)
        text = stated.line or stated.text.strip().rpartition("\n")[2]
        if not stated.line:
            text = (
                _CONCLUSION.split(text)[-1]
                if "$" not in text
                else (re.findall(r"\$([^$]+)\$", text) or [text])[-1]
            )
        return text.strip().strip("*").rstrip(".").strip() or None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two expressions are equal; None where one of them cannot be read."""
        if left is None or right is None:
            return False
        return compare_expressions(self.extract(left) or left, self.extract(right) or right)


def find_box(text: str) -> str | None:
    r"""Return what the last `\boxed{}` of a text holds; None where there is none that ends."""
    at = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if at < 0:
        return None
    start = text.index("{", at) + 1
    depth = 1
    for place in range(start, min(len(text), start + _LONGEST)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return text[start:place].strip() or None
    return None


def compare_expressions(left: str, right: str) -> bool | None:
    """Say whether two expressions are equal, as the table above has it."""
    left, right = _clean(left), _clean(right)
    if left.replace(" ", "") == right.replace(" ", ""):
        return True
    if max(len(left), len(right)) > _LONGEST:
        return None
    one, other = _relation(left), _relation(right)
    if len(one) == 3 and len(other) == 3:
        return _compare_relations(one, other)
    if len(one) == 3 or len(other) == 3:
        relation, alone = (one, other[0]) if len(one) == 3 else (other, one[0])
        if relation[1] not in ("=", "\\in", "\\approx") or not re.fullmatch(
            r"[^\W\d]\w?(?:\([a-z]\))?", relation[0].strip()
        ):
            return None
        return compare_expressions(relation[2], alone)
    return _compare_groups(left, right)


def _clean(text: str) -> str:
    text = _MARKUP.sub("", text.strip().strip("*`").rstrip("."))
    return text.replace("−", "-").replace("\\{", "⟨").replace("\\}", "⟩").replace("\\%", "").strip()


def _relation(text: str) -> tuple[str, ...]:
    parts = list(_RELATION.finditer(text))
    if len(parts) != 1:
        return (text,)
    (sign,) = parts
    name = _NAMES.get(sign[0], sign[0])
    left, right = text[: sign.start()].strip(), text[sign.end() :].strip()
    return (right, _TURNED[name], left) if name in _TURNED else (left, name, right)


def _compare_relations(one: tuple[str, ...], other: tuple[str, ...]) -> bool | None:
    straight = [compare_expressions(one[0], other[0]), compare_expressions(one[2], other[2])]
    crossed = [compare_expressions(one[0], other[2]), compare_expressions(one[2], other[0])]
    if all(straight):
        return one[1] == other[1]
    if all(crossed):
        return one[1] == other[1] if one[1] in ("=", "!=") else False
    # 2x = 4 and x = 2 say the same: two equations may be one.
    return False if straight[0] and straight[1] is False and re.fullmatch(r"\w", one[0]) else None


def _compare_groups(left: str, right: str) -> bool | None:
    one, other = _group(left), _group(right)
    if one is None and other is None:
        return _compare_values(left, right)
    if one is None or other is None:
        return None if _is_readable(left) == _is_readable(right) else False
    if one[0] != other[0] or len(one[1]) != len(other[1]):
        return False
    if one[0] == "⟨⟩":
        left_items, right_items = list(one[1]), list(other[1])
        for item in left_items[:20]:
            same = next(
                (at for at, another in enumerate(right_items[:20]) if compare_expressions(item, another)),
                None,
            )
            if same is None:
                return False
            right_items.pop(same)
        return not right_items
    told = [compare_expressions(a, b) for a, b in zip(one[1], other[1], strict=True)]
    return True if all(told) else False if False in told else None


def _group(text: str) -> tuple[str, list[str]] | None:
    """Return the brackets and the items of a tuple, an interval or a set."""
    if text[:1] not in ("(", "[", "⟨", "{") or text[-1:] not in (")", "]", "⟩", "}"):
        return None
    items, depth, start = [], 0, 1
    for at, sign in enumerate(text):
        depth += (sign in "([⟨{") - (sign in ")]⟩}")
        if depth == 0 and at < len(text) - 1:
            return None
        if sign == "," and depth == 1:
            items.append(text[start:at])
            start = at + 1
    items.append(text[start:-1])
    brackets = text[0] + text[-1]
    if len(items) == 1 and brackets != "⟨⟩":
        return None
    return ("⟨⟩" if brackets == "{}" else brackets), [item.strip() for item in items]


def _compare_values(left: str, right: str) -> bool | None:
    try:
        one, other = Expression(left), Expression(right)
        pairs = [(one.value(seed), other.value(seed)) for seed in range(_TIMES)]
    except UnreadableError:
        return None
    if all(cmath.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in pairs):
        return True
    apart = one.variables ^ other.variables
    return (
        None
        if apart
        and one.variables
        and other.variables
        and not (one.variables <= other.variables or other.variables <= one.variables)
        else False
    )


def _is_readable(text: str) -> bool:
    parts = _relation(text)
    for part in (parts[0], parts[-1]):
        group = _group(part)
        for item in group[1][:20] if group else [part]:
            try:
                Expression(item).value(0)
            except UnreadableError:
                return False
    return True
