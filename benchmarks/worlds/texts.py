"""Free text: long responses to exam questions; some say another thing, are cut, padded or misplaced."""

from typing import NamedTuple, get_args

import numpy
from numpy.random import Generator

from agents.assessment import Assessment
from stores.sample import Sample
from training.calibration import priors
from training.calibration.arrays import Bools, Numbers
from training.calibration.facts import FactSight, Plausibility, see_facts
from training.calibration.free_text import plausibility_row
from training.calibration.label_matrix import LabelMatrix
from training.calibration.turned import turn_some
from worlds.draw import NOISES, Drawn, TextNoise, World, choose, draw_agents, judge
from worlds.questions import Questions
from worlds.written import VIEWS, Known, Written, recorded

KINDS: tuple[TextNoise, ...] = get_args(TextNoise)
CONTENTS = 4
"""What a text can say: one of so many options of its question."""
_OTHER, _CUT, _PADDED = CONTENTS, CONTENTS + 1, CONTENTS + 2
_WIDTH = CONTENTS + 3
_WRITTEN = (
    "{option} is what should be answered here, and not: {other}. So much can be said to the question. {asked}"
)
_SAID = (
    "In short, it is {option}.",
    "We are asked this: {asked} Of all that could be said, {option} is right, while {other} is not.",
    "{option}. There are several reasons for that, and the most important one is how these things are known "
    "to work. It is sometimes believed to be {other}, but that does not fit what is asked.",
)
_PADDING = "{0} To say it once more in other words: {0} I hope that this is of help to you."
_KEPT = 0.6
_LENDERS = 200
_SHARP = (0.0, 0.5, 1.0, 2.0)


class Bank(NamedTuple):
    """Everything that is written or said about n questions.

    Args:
        questions: whose numbers are contents.
        prompts: one a question (n).
        written: a response by each content, in the data's words (n, CONTENTS).
        said: an answer by each content and wording, in an agent's words (n, CONTENTS, wordings).
    """

    questions: Questions
    prompts: tuple[str, ...]
    written: tuple[tuple[str, ...], ...]
    said: tuple[tuple[tuple[str, ...], ...], ...]

    def texts(self) -> list[str]:
        """Return all of them, with the responses that are cut or padded."""
        found = [*self.prompts]
        for row, right in enumerate(self.questions.right):
            found += self.written[row]
            found += [cut(self.written[row][right]), pad(self.written[row][right])]
            found += [text for wordings in self.said[row] for text in wordings]
        return found


def make_bank(questions: Questions, prompts: tuple[str, ...], words: tuple[tuple[str, ...], ...]) -> Bank:
    """Return responses and answers made of the options of questions (n, CONTENTS each)."""
    written, said = [], []
    for prompt, options in zip(prompts, words, strict=True):
        filled = [
            {"option": option, "other": options[at - 1], "asked": prompt} for at, option in enumerate(options)
        ]
        written.append(tuple(_WRITTEN.format(**fields) for fields in filled))
        said.append(tuple(tuple(one.format(**fields) for one in _SAID) for fields in filled))
    return Bank(questions, prompts, tuple(written), tuple(said))


def cut(text: str) -> str:
    """Return the first part of a text."""
    words = text.split(" ")
    return " ".join(words[: int(len(words) * _KEPT)])


def pad(text: str) -> str:
    """Return a text said twice, with words around it."""
    return _PADDING.format(text)


class Texts(NamedTuple):
    """The pool.

    Args:
        bank: everything that is written or said.
        encoder: of all that.
    """

    bank: Bank
    encoder: Known

    def draw(self, world: World, samples: int, random: Generator) -> Drawn:
        """Draw the responses, what agents say, how plausible they are found, and what is seen of facts.

        In half of the worlds the model rates no text, and nothing is known of how plausible it is.
        """
        # Each kind of noise among classes has one of texts in its place.
        world = world._replace(kind=KINDS[(*NOISES, *KINDS).index(world.kind) % len(NOISES)])
        rows = choose(len(self.bank.prompts), samples, random)
        questions = self.bank.questions.take(rows)
        given = _given(world, questions, random)
        drawn = draw_agents(questions, world, given, random)
        base, reasoning = drawn.matrix.answers.values()
        verdicts = judge(world, given, base, questions.right, random)
        verdicts = numpy.where(random.random(len(rows)) < world.unreadable, -1, verdicts)
        lent = rows[random.permutation(len(rows))]
        texts = [
            self._response(row, int(said), other) for row, said, other in zip(rows, given, lent, strict=True)
        ]
        wordings = random.integers(0, len(_SAID), (3, len(rows)))
        said = [
            self._said(rows, at, ways)
            for at, ways in zip((base, reasoning, drawn.review), wordings, strict=True)
        ]
        model = _Model(world, float(random.choice(_SHARP)) if random.random() < 0.5 else None, random)
        plausible = model.find_plausible(given, base, questions.right)
        records = []
        for at, row in enumerate(rows):
            sample = Sample(id=f"text-{row}", prompt=self.bank.prompts[row], response=texts[at])
            assessment = model.assess(bool(plausible[at]))
            answers = [said[0][at], said[1][at]]
            records.append(recorded(sample, answers, int(verdicts[at]), [False, False], assessment))
        written = Written(
            tuple(records),
            tuple(text or "" for text in said[2]),
            tuple(self._numbers(int(row), text) for row, text in zip(rows, texts, strict=True)),
            self.encoder,
            model.sight(texts, [f"text-{row}" for row in rows], plausible),
        )
        nothing = numpy.full(len(rows), -1)
        matrix = LabelMatrix(given, dict.fromkeys(VIEWS, nothing), verdicts, numpy.full(len(rows), _WIDTH))
        return Drawn(matrix, questions.right, drawn.review, written)

    def _response(self, row: int, number: int, other: int) -> str:
        written = self.bank.written[row]
        right = int(self.bank.questions.right[row])
        if number == _OTHER:
            # The lender may be the sample itself.
            other = other if other != row else (row + 1) % len(self.bank.prompts)
            return self.bank.written[other][int(self.bank.questions.right[other])]
        if number in (_CUT, _PADDED):
            return cut(written[right]) if number == _CUT else pad(written[right])
        return written[number]

    def _said(self, rows: Numbers, numbers: Numbers, wordings: Numbers) -> list[str | None]:
        said = self.bank.said
        return [
            said[row][number][way] if number >= 0 else None
            for row, number, way in zip(rows, numbers, wordings, strict=True)
        ]

    def _numbers(self, row: int, given: str) -> dict[str, int]:
        """Return what each text says that a sample may end with; a spoilt response says nothing right."""
        known = {text: number for number, text in enumerate(self.bank.written[row])}
        known |= {text: number for number, said in enumerate(self.bank.said[row]) for text in said}
        return {given: _OTHER, **known}


class _Model:
    """How the model rates texts.

    Args:
        world: says how far it knows, and how far it only believes its own answer.
        sharp: by how many standard deviations plausible texts are rated higher; None where it rates none.
        random: draws.
    """

    def __init__(self, world: World, sharp: float | None, random: Generator) -> None:
        self._world = world
        self._sharp = sharp
        self._random = random

    def find_plausible(self, given: Numbers, base: Numbers, right: Numbers) -> Bools:
        """Return which responses the model takes for true (n): only a turned fact is untrue."""
        true = numpy.where(given < CONTENTS, given == right, True)
        knows = self._random.random(len(given)) < max(self._world.judge, self._world.skill)
        found = numpy.where(knows, true, self._random.random(len(given)) < 0.5)
        return numpy.where(self._random.random(len(given)) < self._world.gullible, given == base, found)

    def assess(self, plausible: bool) -> Assessment | None:
        """Return what the model says of a text."""
        if self._sharp is None:
            return None
        if self._random.random() < self._world.unreadable:
            return Assessment()
        short = self._sharp * (not plausible)
        middle, spread, odds = self._random.normal(size=3)
        mean = -0.5 - 0.15 * short + 0.15 * float(middle)
        apart = 0.2 * abs(float(spread)) + 0.1 * short
        yes = 1 / (1 + numpy.exp(short - 1 - float(odds)))
        return Assessment(log_probabilities=(min(mean + apart, 0.0), mean - apart), yes=float(yes))

    def sight(self, texts: list[str], names: list[str], plausible: Bools) -> FactSight | None:
        """Return how far the model sees facts that are turned in some of the texts, as a run finds it out."""
        if self._sharp is None:
            return None
        pairs: list[tuple[list[float], list[float]]] = []
        for place, turned in turn_some(texts[:_LENDERS], names[:_LENDERS]):
            knows = self._random.random() < max(self._world.judge, self._world.skill)
            believed = not knows and bool(self._random.random() < 0.5)
            original = self.assess(bool(plausible[place]))
            pairs.append(
                (plausibility_row(texts[place], original), plausibility_row(turned, self.assess(believed)))
            )
        if len(pairs) < priors.FEWEST_TURNED:
            return None
        before, after = zip(*pairs, strict=True)
        return see_facts(Plausibility.of(before), Plausibility.of(after))


def _given(world: World, questions: Questions, random: Generator) -> Numbers:
    """Return the numbers of the given responses (n), wrong at the world's rate."""
    size = len(questions.right)
    wrong = numpy.zeros(size, dtype=bool)
    wrong[random.choice(size, round(world.noise * size), replace=False)] = True
    turned = (questions.right + random.integers(1, CONTENTS, size)) % CONTENTS
    spoilt = {"other": _OTHER, "cut": _CUT, "padded": _PADDED}
    ways = numpy.stack([turned, *(numpy.full(size, number) for number in spoilt.values())])
    if world.kind == "mixed":
        wrongly = ways[random.integers(0, len(ways), size), numpy.arange(size)]
    else:
        wrongly = ways[("turned", *spoilt).index(world.kind)]
    return numpy.where(wrong, wrongly, questions.right)
