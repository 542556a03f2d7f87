r"""Programs, compared by their tokens: comments and idle spaces say nothing, Python's indentation does.

| left | right | same |
|---|---|---|
| `f(a,b)  # both` | `f(a, b)` | yes |
| `return x + 1` | `return x - 1`, `return x + 2` | no: only an operator or a literal differs |
| `return x + 1` | `return y + 1`, another algorithm | cannot be told |
"""

import re
from collections.abc import Sequence

from agents.answers.form import Form

_FENCE = re.compile(
    r"^[ \t]{0,3}```[ \t]*([\w+#.-]{0,20})[^\n`]{0,40}\n(.*?)(?:^[ \t]{0,3}```|\Z)", re.MULTILINE | re.DOTALL
)
# Where a quote or a comment is not closed, the search for its end is in vain: it is bounded.
_TOKEN = re.compile(
    r'(?P<long>"""(?:[^"\\]|\\.|"(?!"")){0,5000}"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\')){0,5000}\'\'\')'
    r'|(?P<string>"(?:[^"\\\n]|\\.){0,1000}"|\'(?:[^\'\\\n]|\\.){0,1000}\'|`[^`]*`)'
    r"|(?P<comment>/\*(?:[^*]|\*(?!/)){0,5000}\*/|//[^\n]*|\#[^\n]*|--[^\n]*)"
    r"|(?P<number>\d[\w.]*)|(?P<name>[^\W\d]\w*)"
    r"|(?P<operator>===|!==|<=>|==|!=|<=|>=|->|=>|&&|\|\||\*\*|//|<<|>>|[-+*/%]=|::|[^\w\s])",
)
_C_LIKE = re.compile(r"[;{][ \t]*(?://[^\n]*)?$", re.MULTILINE)
_SQL = re.compile(r"\s*(?:select|insert|update|delete|with|create|alter|drop)\b", re.IGNORECASE)
_LINE = re.compile(
    r"^[ \t]*(?:def \w+\(|class \w+|return\b|import \w|from [\w.]+ import"
    r"|(?:if|for|while|elif|with) .*:[ \t]*$|else:|try:"
    r"|except\b.*:|#include|public |private |function \w|const \w+ =|let \w+ =|var \w+ =|print\(|@\w+[ \t]*$"
    r"|[\w.\[\]]+ [-+*/]?= \S|.*[;{}][ \t]*$|[\w.]+\([^()]*\)[ \t]*$|(?:pass|break|continue)[ \t]*$)"
)
_ALONE = re.compile(
    r"\s*(?:def \w+\(.*|return\s\S.*[()\[\]+*/=<>.].*|import \w+|from [\w.]+ import .*|print\(.*\)"
    r"|(?i:select)\s.{1,400}\s(?i:from)\s.*|.{0,400}\w\(.{0,400}\);|.{0,400}\{.{0,400}\}|lambda \w.*:.*)\s*"
)
_LATEX = re.compile(
    r"[\s$*(\[{+\d-]{0,9}\\(?:[dt]?frac|f?boxed|sqrt|text|math\w{1,4}|left|log|sin|cos|pi)(?![a-z])"
)
_DEEPER = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_LONGEST = 100_000


class Code:
    """A program or a piece of one. Its first line keeps its indentation."""

    name = "code"
    form: Form = "long"
    comparable = False

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a program: fenced, or most of its lines are code."""
        if options or len(response) > _LONGEST:
            return False
        if response.lstrip().startswith("```"):
            return "json" not in response.lstrip()[:8].lower()
        lines = [
            line
            for line in response.split("\n")
            if line.strip() and not line.lstrip().startswith(("#", "//"))
        ]
        if len(lines) == 1:
            if _LATEX.match(lines[0]):
                return False
            return len(lines[0]) < 1000 and _ALONE.fullmatch(lines[0]) is not None
        lines = lines[:200]
        return bool(lines) and sum(_LINE.match(line[:300]) is not None for line in lines) * 2 >= len(lines)

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return nothing: a program may need any number of tokens."""
        return None

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the program in a reply's first fence, else all of the reply, spaces included."""
        fenced = _FENCE.search(reply)
        text = fenced[2].removesuffix("\n") if fenced else reply
        return text if text.strip() else None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two programs have the same tokens; None where more than a sign or a literal differs."""
        if left is None or right is None:
            return False
        left, right = self.extract(left) or left, self.extract(right) or right
        if left.strip() == right.strip() and _indented(left) == _indented(right):
            return True
        if max(len(left), len(right)) > _LONGEST:
            return None
        by_indent = not any(_C_LIKE.search(text) or _SQL.match(text) for text in (left, right))
        one, other = (_tokens(text, by_indent=by_indent) for text in (left, right))
        if [token for _, token in one] == [token for _, token in other]:
            return True if not by_indent or _indented(left) == _indented(right) else None
        return _differ(one, other)


def _indented(text: str) -> bool:
    return text.lstrip("\r\n")[:1] in (" ", "\t")


def _differ(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> bool | None:
    """Return False where programs differ in operators, literals or indentation alone."""
    bare = [[pair for pair in tokens if pair[0] != "indent"] for tokens in (one, other)]
    if bare[0] == bare[1]:
        return False
    if len(bare[0]) != len(bare[1]):
        return None
    for (kind, token), (another, second) in zip(*bare, strict=True):
        if token != second and (kind != another or kind not in ("operator", "number", "string")):
            return None
    return False


def _tokens(text: str, *, by_indent: bool) -> list[tuple[str, str]]:
    """Return the kind and the spelling of every token, with how deep each line is where that counts."""
    sql, c_like = _SQL.match(text) is not None, _C_LIKE.search(text) is not None
    found: list[tuple[str, str]] = []
    widths: list[int] = []
    line_start, depth = -2, 0
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup or "operator", match[0]
        if kind == "comment":
            is_one = token[:2] == "/*" or (token[0] == "#" and not c_like) or (token[:2] == "//" and c_like)
            if is_one or (token[:2] == "--" and sql):
                continue
            found.extend((part.lastgroup or "operator", part[0]) for part in _REST.finditer(token))
            continue
        start = text.rfind("\n", max(0, match.start() - 200), match.start())
        if by_indent and depth == 0 and start != line_start and not text[start + 1 : match.start()].strip():
            found.append(("indent", f"<{_level(widths, match.start() - start)}>"))
        line_start = start
        depth = max(0, depth + _DEEPER.get(token, 0))
        if kind in ("string", "long"):
            kind, token = "string", _quoted(token)
        found.append((kind, token.lower() if sql and kind == "name" else token))
    while found and found[-1][1] == ";":
        found.pop()
    return found


_REST = re.compile(r"(?P<number>\d[\w.]*)|(?P<name>[^\W\d]\w*)|(?P<operator>--|//|[^\w\s])")


def _level(widths: list[int], width: int) -> int:
    """Return how many blocks a line of this width stands in."""
    while widths and widths[-1] > width:
        widths.pop()
    if not widths or widths[-1] < width:
        widths.append(width)
    return len(widths)


def _quoted(token: str) -> str:
    inside = token[1:-1]
    return token if any(sign in inside for sign in "\\'\"`") else f'"{inside}"'
