"""Word problems of one to three steps. The response is a whole number."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from sets.drawn import Draw, Question

_NAMES = ("Ada", "Bruno", "Carla", "Deniz", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Leo",
          "Mina", "Nils", "Olga", "Pavel", "Rosa", "Samir", "Tilda", "Viktor")  # fmt: skip
_THINGS = ("apples", "stickers", "marbles", "pencils", "cards", "shells", "buttons", "candles", "postcards")


class Problem(NamedTuple):
    """A text with places for `name`, `thing` and the numbers a to d; how each is drawn, and the answer."""

    text: str
    numbers: Sequence[range]
    answer: Callable[..., Fraction | int]


PROBLEMS = (
    Problem(
        "{name} buys {a} boxes with {b} {thing} each and gives {c} {thing} away. How many {thing} are left?",
        (range(3, 9), range(6, 25), range(4, 18)),
        lambda a, b, c: a * b - c,
    ),
    Problem(
        "{name} has {a} {thing}. A friend has {b} times as many. How many {thing} do they have together?",
        (range(7, 60), range(2, 7)),
        lambda a, b: a + a * b,
    ),
    Problem(
        "A ticket costs {a} euros for adults and {b} euros for children. {name} pays for {c} adults "
        "and {d} children. How many euros is that?",
        (range(9, 25), range(3, 9), range(2, 6), range(2, 9)),
        lambda a, b, c, d: a * c + b * d,
    ),
    Problem(
        "{name} earns {a} euros an hour and works {b} hours a day. How many euros does {name} earn in "
        "{c} days?",
        (range(11, 29), range(3, 9), range(3, 12)),
        lambda a, b, c: a * b * c,
    ),
    Problem(
        "{name} shares {a} {thing} equally among {b} friends, and keeps none. How many does each friend get?",
        (range(24, 200), range(3, 13)),
        lambda a, b: Fraction(a, b),
    ),
    Problem(
        "A jacket costs {a} euros. In a sale it is {b} percent off. How many euros does {name} pay for it?",
        (range(40, 220, 20), range(10, 60, 5)),
        lambda a, b: a * Fraction(100 - b, 100),
    ),
    Problem(
        "A tank holds {a} litres. {b} litres flow in every minute, and {c} litres flow out. It is "
        "empty at first. After how many minutes is it full?",
        (range(60, 400, 10), range(8, 30), range(2, 8)),
        lambda a, b, c: Fraction(a, b - c),
    ),
    Problem(
        "{name} reads {a} pages on Monday and {b} pages more on Tuesday than on Monday. The book has "
        "{c} pages. How many pages are left?",
        (range(15, 60), range(4, 30), range(180, 400)),
        lambda a, b, c: c - a - (a + b),
    ),
    Problem(
        "A train leaves with {a} passengers. At the first stop {b} get off and {c} get on. At the "
        "second stop half of those on the train get off. How many are still on the train?",
        (range(60, 240), range(10, 50), range(10, 50)),
        lambda a, b, c: Fraction(a - b + c, 2),
    ),
    Problem(
        "A rectangular garden is {a} metres long and {b} metres wide. {name} puts a fence around it "
        "that costs {c} euros a metre. How many euros does the fence cost?",
        (range(8, 40), range(5, 25), range(3, 16)),
        lambda a, b, c: 2 * (a + b) * c,
    ),
    Problem(
        "{name} saves {a} euros a week and has {b} euros already. A bicycle costs {c} euros. How many "
        "weeks does it take until {name} has exactly enough?",
        (range(8, 40), range(20, 120), range(150, 500)),
        lambda a, b, c: Fraction(c - b, a),
    ),
    Problem(
        "{name} is {a} years old. In {b} years {name} will be twice as old as Toni is today. How old "
        "is Toni today?",
        (range(12, 60), range(2, 20)),
        lambda a, b: Fraction(a + b, 2),
    ),
    Problem(
        "A recipe for {a} people takes {b} grams of flour. How many grams of flour does {name} need "
        "for {c} people?",
        (range(2, 9), range(150, 900, 50), range(4, 21)),
        lambda a, b, c: Fraction(b * c, a),
    ),
    Problem(
        "A car drives {a} kilometres an hour for {b} hours, and then {c} kilometres an hour for {d} "
        "hours. How many kilometres does it drive?",
        (range(50, 130, 5), range(2, 6), range(30, 100, 5), range(2, 6)),
        lambda a, b, c, d: a * b + c * d,
    ),
    Problem(
        "There are {a} {thing} in a bag. A third of them are red, and {b} are blue. The others are "
        "green. How many are green?",
        (range(30, 150), range(5, 40)),
        lambda a, b: a - Fraction(a, 3) - b,
    ),
)


def _draw(problem: Problem, draw: Draw) -> Question:
    name, thing = draw.choice(_NAMES), draw.choice(_THINGS)
    while True:
        numbers = [draw.choice(values) for values in problem.numbers]
        answer = Fraction(problem.answer(*numbers))
        # No one owns a half, and nothing is left where more was taken than there was.
        if answer.denominator == 1 and answer > 0:
            break
    text = problem.text.format(name=name, thing=thing, **dict(zip("abcd", numbers, strict=False)))
    return Question("maths", text, str(answer))


TEMPLATES = tuple(partial(_draw, problem) for problem in PROBLEMS)
