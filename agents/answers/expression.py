r"""Mathematical expressions, read without running any of them: LaTeX or plain, to a value at chosen points.

Two expressions are equal where they have the same value wherever they are tried. Nothing is evaluated as
code, and an expression of n signs takes time linear in n.

| text | at x = 2 |
|---|---|
| `\frac{1}{2}x`, `x/2` | 1 |
| `2\sqrt{2}` | 2.828 |
| `x^2 - 1` | 3 |
"""

import cmath
import math
import re
from collections.abc import Callable, Mapping
from zlib import crc32

_LONGEST = 500
_DEEPEST = 40
_TOKEN = re.compile(
    r"\s+|(?P<number>\d+(?:\.\d+)?|\.\d+)|\\(?P<command>[a-zA-Z]+)|(?P<word>[a-zA-Z]+)|(?P<sign>.)", re.DOTALL
)
_FUNCTIONS: Mapping[str, Callable[[complex], complex]] = {
    "sqrt": cmath.sqrt, "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan,
    "log": cmath.log, "ln": cmath.log,
    "exp": cmath.exp, "arcsin": cmath.asin, "arccos": cmath.acos, "arctan": cmath.atan, "sinh": cmath.sinh,
    "cosh": cmath.cosh, "tanh": cmath.tanh, "abs": lambda value: complex(abs(value)),
    "sec": lambda v: 1 / cmath.cos(v),
    "csc": lambda v: 1 / cmath.sin(v), "cot": lambda v: 1 / cmath.tan(v),
}  # fmt: skip
_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "theta",
        "lambda",
        "mu",
        "nu",
        "rho",
        "sigma",
        "tau",
        "phi",
        "varphi",
        "omega",
        "infty",
        "pm",
        "eta",
        "zeta",
        "kappa",
        "xi",
        "chi",
        "psi",
        "ell",
        "hbar",
        "Delta",
        "Omega",
        "Phi",
        "Psi",
        "Sigma",
        "Gamma",
        "Theta",
        "Lambda",
    ]
)
_IGNORED = frozenset(
    ["left", "right", "displaystyle", "limits", "big", "Big", "bigl", "bigr", "quad", "qquad"]
)


class UnreadableError(ValueError):
    """A text is no expression that is known here."""


class Expression:
    """A text that is read as an expression.

    Args:
        text: the expression, of up to 500 characters.

    Raises:
        UnreadableError: on `value`: it is no expression.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise UnreadableError("too long")
        self._tokens = _cut(text)
        self._at = self._depth = 0
        self._seed = 0
        self.variables: set[str] = set()

    def value(self, seed: int) -> complex:
        """Return the value where every variable has a value that its name and the seed tell."""
        self._at, self._depth, self._seed = 0, 0, seed
        self.variables.clear()
        try:
            value = self._sum()
        except (ArithmeticError, ValueError, RecursionError) as error:
            raise UnreadableError(str(error)) from error
        if self._at < len(self._tokens) or not cmath.isfinite(value):
            raise UnreadableError("not an expression")
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> bool:
        if self._peek() in wanted and self._peek():
            self._at += 1
            return True
        return False

    def _sum(self) -> complex:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnreadableError("too deep")
        negative = self._take("-")
        if not negative:
            self._take("+")
        value = -self._product() if negative else self._product()
        while self._peek() in ("+", "-"):
            plus = self._take("+")
            self._at += not plus
            value += self._product() if plus else -self._product()
        self._depth -= 1
        return value

    def _product(self) -> complex:
        value = self._power()
        while True:
            if self._take("*", "\\cdot", "\\times", "×", "·"):
                value *= self._power()
            elif self._take("/", "\\div", "÷"):
                value /= self._power()
            elif self._begins_factor():
                value *= self._power()
            else:
                return value

    def _begins_factor(self) -> bool:
        sign = self._peek()
        return bool(sign) and (sign[0].isalnum() or sign[0] in "\\({." or sign == "√")

    def _power(self) -> complex:
        value = self._atom()
        while self._take("!"):
            if not (value.imag == 0 and value.real == int(value.real) and 0 <= value.real <= 20):
                raise UnreadableError("a factorial of no small number")
            value = complex(math.factorial(int(value.real)))
        if self._take("^", "**"):
            negative = self._take("-")
            power = self._power()
            value = complex(value) ** (-power if negative else power)
        return value

    def _atom(self) -> complex:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnreadableError("too deep")
        value = self._bare_atom()
        self._depth -= 1
        return value

    def _bare_atom(self) -> complex:
        sign = self._peek()
        self._at += 1
        if not sign:
            raise UnreadableError("it ends too early")
        if sign[0].isdigit() or sign[0] == ".":
            return complex(float(sign))
        if sign in ("(", "{", "["):
            value = self._sum()
            if not self._take({"(": ")", "{": "}", "[": "]"}[sign]):
                raise UnreadableError("a bracket is not closed")
            return value
        if sign in ("-", "+"):
            return -self._atom() if sign == "-" else self._atom()
        return self._named(sign.removeprefix("\\"))

    def _named(self, name: str) -> complex:
        if name in ("frac", "dfrac", "tfrac"):
            above = self._group()
            return above / self._group()
        if name in _FUNCTIONS or name == "√":
            return self._function("sqrt" if name == "√" else name)
        if name in ("pi", "π"):
            return complex(math.pi)
        if name == "e":
            return complex(math.e)
        if (len(name) == 1 and name.isalpha()) or name in _GREEK or name == "∞":
            if self._take("_"):
                name = f"{name}_{self._peek()}"
                self._group()
            self.variables.add(name)
            return complex(1 + crc32(f"{name} {self._seed}".encode()) % 9973 / 4001)
        raise UnreadableError(name)

    def _function(self, name: str) -> complex:
        power = complex(1)
        if name == "sqrt" and self._take("["):
            root = self._sum()
            if not self._take("]"):
                raise UnreadableError("a bracket is not closed")
            return self._group() ** (1 / root)
        if name == "log" and self._take("_"):
            base = self._group()
            return cmath.log(self._argument()) / cmath.log(base)
        if self._take("^"):
            power = self._group()
        return _FUNCTIONS[name](self._argument()) ** power

    def _argument(self) -> complex:
        return self._atom() if self._peek() in ("(", "{") else self._power()

    def _group(self) -> complex:
        """Return the value of a group in braces, or of one sign: `\\frac12` is a half."""
        sign = self._peek()
        if sign.isdigit() and len(sign) > 1:
            self._tokens[self._at : self._at + 1] = list(sign)
        return self._atom()


def _cut(text: str) -> list[str]:
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        if match["command"]:
            if match["command"] not in _IGNORED:
                found.append("\\" + match["command"])
        elif match["word"]:
            found.extend([match["word"]] if match["word"] in (*_FUNCTIONS, "pi") else match["word"])
        elif match["number"] or match["sign"]:
            found.append(match[0])
    return found
