"""The Jinja environment that fills prompts: it reaches nothing of Python, and takes so much and no more.

A run directory may come from anywhere, and its templates with it. What a template does is paid from a budget
that no prompt for a model comes near: loops, calls and every text that is made.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

# In characters: more than any model can be sent.
_BUDGET = 1 << 25
_CONSTANT = 1 << 16
# What a turn of a loop or a call costs, and what an entry of a list does.
_STEP = 512
_ENTRY = 16
_LARGEST = 100_000
_BITS = 10_000
_AT_RANDOM = ("random", "lipsum")
# How Python writes what has no text of its own: where it lies in memory, which changes.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+>")
_WIDTH = re.compile(r"\*|\d{5}")

# What is left of the budget, in a list of one; None outside of a rendering.
_LEFT: ContextVar[list[int] | None] = ContextVar("left", default=None)


class Sandbox(ImmutableSandboxedEnvironment):
    """Fills templates within a budget; beyond it, a template fails with a `SecurityError`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_printed,
        )
        self.filters = {name: _within_budget(name, use) for name, use in self.filters.items()}
        self.filters |= {"counted": _counted, "joined": _joined, "compared": _compared}
        # A request is to be the same whenever it is made, or a resumed run would pay for it again.
        for name in _AT_RANDOM:
            self.filters.pop(name, None)
            self.globals.pop(name, None)

    def template_of(self, tree: nodes.Template) -> Template:
        """Compile a parsed template, which is changed, so that its loops and texts are paid for."""
        # What is constant Jinja computes now and writes into the program, which Python takes a hundred times
        # the memory to compile. What is too large for this budget is computed when the template is filled.
        with budget(_CONSTANT):
            return self.from_string(_Metered().visit(tree))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right` where the result is no larger than the budget."""
        if operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            grown = left.bit_length() + right.bit_length() if operator == "*" else left.bit_length() * right
            _check_bound(grown, _BITS)
        elif operator == "*":
            text, times = (left, right) if isinstance(left, Sized) else (right, left)
            _spend(len(text) * times if isinstance(text, Sized) and isinstance(times, int) else 0)
        elif operator == "+":
            _spend(_size(left) + _size(right))
        elif operator == "%" and isinstance(left, str):
            _check_growth("format", left, (right,))
        made = super().call_binop(context, operator, left, right)
        return _checked(made, (left, right)) if operator == "%" else made

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template may call."""
        # The base class wraps `str.format`.
        owner = getattr(getattr(function, "__wrapped__", function), "__self__", None)
        _check_growth(getattr(function, "__name__", ""), owner, (*args, *kwargs.values()))
        made = super().call(context, function, *args, **kwargs)
        return _checked(made, (owner, *args, *kwargs.values()))


@contextmanager
def budget(amount: int = _BUDGET) -> Iterator[None]:
    """Give what is rendered in the block a budget of its own.

    Args:
        amount: the budget, in characters.
    """
    token = _LEFT.set([amount])
    try:
        yield
    finally:
        _LEFT.reset(token)


class _Metered(NodeTransformer):
    """Puts the filters that count into a parsed template."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the name that Jinja looks for
        self.generic_visit(node)
        printed = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        price = nodes.Const(_STEP + printed, lineno=node.lineno)
        node.iter = nodes.Filter(node.iter, "counted", [price], [], None, None, lineno=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802 - likewise
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "compared")
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, "compared")
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Test:  # noqa: N802 - likewise
        self.generic_visit(node)
        # These look at the name alone, and it need not be there.
        if node.name not in ("defined", "undefined"):
            node.node = _filtered(node.node, "compared")
            node.args = [_filtered(argument, "compared") for argument in node.args]
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:  # noqa: N802 - likewise
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered(node.node, "compared")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - likewise
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "joined", [], [], None, None, lineno=node.lineno)


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _compared(value: Any) -> Any:
    _spend(_size(value))
    return value


def _counted(values: Iterable[Any], price: int) -> Iterator[Any]:
    for value in values:
        _spend(price)
        yield value


def _joined(parts: Iterable[Any]) -> str:
    texts = [_as_text(part) for part in parts]
    _spend(sum(map(len, texts)))
    return "".join(texts)


def _printed(value: Any) -> Any:
    _spend(_size(value))
    return value if isinstance(value, str) else _as_text(value)


def _as_text(value: Any) -> str:
    """Return how a template writes a value.

    Raises:
        SecurityError: it has no text: it is a method without its brackets, or a filter's unfinished list.
    """
    text = str(value)
    _checked(text, (value,))
    return text


def _checked(made: Any, given: Iterable[Any]) -> Any:
    """Pay for what was made of values; refuse it where an address stands in it that no text had."""
    _spend(_size(made))
    if not isinstance(made, str) or not _ADDRESS.search(made):
        return made
    if any(map(_says_address, given)):
        return made
    raise SecurityError("it writes what is no text: call the method, or add `| list` or `| join`")


def _says_address(value: Any) -> bool:
    if isinstance(value, str):
        return _ADDRESS.search(value) is not None
    held = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, list | tuple | Mapping) and any(map(_says_address, held))


def _within_budget(name: str, use: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of Jinja's that is paid for."""
    given = 1 if hasattr(use, "jinja_pass_arg") else 0

    @wraps(use)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        value, *others = args[given:]
        _check_growth(name, value, (*others, *kwargs.values()))
        return _checked(use(*args, **kwargs), (value, *others, *kwargs.values()))

    return filtered


def _check_growth(name: str, value: Any, arguments: tuple[Any, ...]) -> None:
    """Pay for a call or filter before it is made: by what it is given, or by what it would make of that."""
    _spend(_STEP + _size(value) + sum(map(_size, arguments)))
    for argument in arguments:
        # A width, an indent, a count: what it makes is as large.
        for number in argument if isinstance(argument, tuple) else (argument,):
            if isinstance(number, int):
                _check_bound(number, _LARGEST)
                _spend(number)
    if name in ("format", "format_map") and isinstance(value, str) and _WIDTH.search(value):
        raise SecurityError("a width in a format is too large")
    if name == "wordwrap":
        # It cuts a long word off its rest once a line.
        width = arguments[0] if arguments and isinstance(arguments[0], int) else 79
        _spend(_size(value) ** 2 // max(width, 1))
    if name == "replace" and len(arguments) > 1 and isinstance(value, str):
        old, new = map(str, arguments[:2])
        _spend(value.count(old) * len(new))
    if name == "join" and arguments:
        # The filter is given the list first, the method the text between.
        _spend(_size(value) * _size(arguments[0]))


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return _ENTRY * len(value) if isinstance(value, list | tuple | Mapping) else 0


def _check_bound(number: int, bound: int) -> None:
    if number > bound:
        raise SecurityError(f"a number is too large (more than {bound:,})")


def _spend(amount: int) -> None:
    # A negative number makes nothing, and is no gain.
    amount = max(amount, 0)
    if amount > _BUDGET:
        raise SecurityError("it takes more than a prompt may (its loops, calls or texts are too large)")
    left = _LEFT.get()
    if left is not None:
        left[0] -= amount
        if left[0] < 0:
            raise SecurityError("it takes more than a prompt may (its loops, calls or texts are too large)")
