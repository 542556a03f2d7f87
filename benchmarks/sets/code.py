"""What a short function returns, and which expression has a value. No reply is executed to be compared."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from sets.drawn import Draw, Question

_WORDS = ("amber", "basil", "cedar", "delta", "ember", "fjord", "grape", "hazel", "indigo", "jasper", "koala",
          "lemon", "maple", "north", "olive", "pearl", "quartz", "river", "stone", "tulip")  # fmt: skip


class Function(NamedTuple):
    """The source of a function, how its arguments are drawn, and what it returns for them.

    `source` has places for the numbers a and b, which are drawn too. `returns` does what it does.
    """

    source: str
    arguments: Callable[[Draw], tuple[Any, ...]]
    returns: Callable[..., Any]


def _numbers(draw: Draw, least: int = 4, most: int = 6) -> list[int]:
    return draw.sample(range(1, 30), draw.randint(least, most))


def _words(draw: Draw) -> list[str]:
    return draw.sample(_WORDS, draw.randint(3, 4))


def _steps(n: int, a: int, b: int) -> int:
    """Return how often n can be divided by two until it is no more than a."""
    count = 0
    while n > a:
        n, count = n // 2, count + 1
    return count


# Each `returns` has the arguments, then a and b.
NUMBERS = (
    Function(
        "def f(n):\n    return n * {a} + {b}",
        lambda draw: (draw.randint(2, 20),),
        lambda n, a, b: n * a + b,
    ),
    Function(
        "def f(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total + {a}",
        lambda draw: (draw.randint(3, 7),),
        lambda n, a, b: sum(range(n)) + a,
    ),
    Function(
        "def f(items):\n    return len([x for x in items if x > {a}])",
        lambda draw: (_numbers(draw),),
        lambda items, a, b: len([x for x in items if x > a]),
    ),
    Function(
        "def f(items):\n    return max(items) - min(items)",
        lambda draw: (_numbers(draw),),
        lambda items, a, b: max(items) - min(items),
    ),
    Function(
        "def f(n):\n    return n // {a} + n % {a}",
        lambda draw: (draw.randint(20, 90),),
        lambda n, a, b: n // a + n % a,
    ),
    Function(
        "def f(items):\n    return sum(items[1:]) + {a}",
        lambda draw: (_numbers(draw, 3, 4),),
        lambda items, a, b: sum(items[1:]) + a,
    ),
    Function(
        "def f(n):\n    count = 0\n    while n > {a}:\n        n //= 2\n        count += 1\n    return count",
        lambda draw: (draw.randint(20, 200),),
        _steps,
    ),
    Function(
        "def f(a, b):\n    if a > b:\n        return a - b\n    return a + b + {b}",
        lambda draw: (draw.randint(3, 40), draw.randint(3, 40)),
        lambda one, two, a, b: one - two if one > two else one + two + b,
    ),
    Function(
        "def f(words):\n    return len(words) * {a} + len(words[0])",
        lambda draw: (_words(draw),),
        lambda words, a, b: len(words) * a + len(words[0]),
    ),
    Function(
        "def f(items):\n    return items[-1] * {a} - items[0]",
        lambda draw: (_numbers(draw),),
        lambda items, a, b: items[-1] * a - items[0],
    ),
)

TEXTS = (
    Function(
        "def f(text):\n    return text.upper()",
        lambda draw: (" ".join(draw.sample(_WORDS, 2)),),
        lambda text, a, b: text.upper(),
    ),
    Function(
        "def f(text):\n    return text[:{b}]",
        lambda draw: (draw.choice(_WORDS),),
        lambda text, a, b: text[:b],
    ),
    Function(
        "def f(words):\n    return words[-2]", lambda draw: (_words(draw),), lambda words, a, b: words[-2]
    ),
    Function(
        'def f(words):\n    return "-".join(words)',
        lambda draw: (_words(draw),),
        lambda words, a, b: "-".join(words),
    ),
    Function(
        "def f(words):\n    return sorted(words)[0]",
        lambda draw: (_words(draw),),
        lambda words, a, b: sorted(words)[0],
    ),
    Function(
        "def f(words):\n    return max(words, key=len)",
        lambda draw: (_words(draw),),
        lambda words, a, b: max(words, key=len),
    ),
    Function(
        'def f(words):\n    return " ".join(word for word in words if "a" in word)',
        lambda draw: (["maple", *_words(draw)],),
        lambda words, a, b: " ".join(word for word in words if "a" in word),
    ),
    Function(
        "def f(first, second):\n    return second.capitalize() + first[0]",
        lambda draw: tuple(draw.sample(_WORDS, 2)),
        lambda first, second, a, b: second.capitalize() + first[0],
    ),
)


def _draw(task: str, function: Function, draw: Draw) -> Question:
    arguments = function.arguments(draw)
    a, b = draw.randint(3, 9), draw.randint(2, 4)
    source = function.source.format(a=a, b=b)
    call = f"f({', '.join(map(repr, arguments))})"
    prompt = f"What does `{call}` return?\n\n```python\n{source}\n```"
    return Question(task, prompt, str(function.returns(*arguments, a, b)))


EXPRESSIONS: tuple[tuple[str, Callable[[list[int]], int]], ...] = (
    ("max(items)", max),
    ("min(items)", min),
    ("len(items)", len),
    ("sum(items)", sum),
    ("items[0]", lambda items: items[0]),
    ("items[-1]", lambda items: items[-1]),
    ("items[1]", lambda items: items[1]),
    ("items[0] + items[1]", lambda items: items[0] + items[1]),
    ("max(items) - min(items)", lambda items: max(items) - min(items)),
    ("sorted(items)[1]", lambda items: sorted(items)[1]),
    ("len(items) * 2", lambda items: len(items) * 2),
)


def _draw_expression(draw: Draw) -> Question:
    while True:
        items = _numbers(draw)
        chosen = draw.sample(EXPRESSIONS, 4)
        values = [value(items) for _, value in chosen]
        right = draw.randrange(4)
        if values.count(values[right]) == 1:
            break
    prompt = f"Which Python expression has the value {values[right]} where `items = {items}`?"
    options = tuple(text for text, _ in chosen)
    return Question("expression", prompt, options[right], options)


TEMPLATES: tuple[Callable[[Draw], Question], ...] = (
    *(partial(_draw, "returned number", function) for function in NUMBERS),
    *(partial(_draw, "returned text", function) for function in TEXTS),
    *[_draw_expression] * 6,
)
