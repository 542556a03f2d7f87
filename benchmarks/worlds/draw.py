"""Draw a world: labels with noise, and the answers of agents whose every property is set."""

from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import numpy
from numpy.random import Generator

from training.calibration.arrays import Bools, Numbers
from training.calibration.label_matrix import LabelMatrix
from worlds.questions import Questions
from worlds.written import Written

Noise = Literal["uniform", "class", "systematic", "topic", "invalid"]
"""uniform: any other response. class: always the next one. systematic: one response is always given for one
other. topic: uniform, but for the questions most like one of them. invalid: mostly what cannot be right."""

TextNoise = Literal["turned", "other", "cut", "padded", "mixed"]
"""turned: the same with another fact. other: the response to another prompt. cut: its first part. padded:
said twice, with words around it. mixed: any of these."""

Bias = Literal["none", "never", "swap", "topic", "place"]
"""none. never: one response is never said, another in its place. swap: two are said for each other. topic:
all questions most like one of them get the same answer. place: guesses favour the first place."""

NOISES: tuple[Noise, ...] = get_args(Noise)
BIASES: tuple[Bias, ...] = get_args(Bias)
RATES = (0.0, 0.02, 0.05, 0.1, 0.3, 0.5, 0.7)
_TOPIC = 0.25
_PLACE = 0.5


class World(NamedTuple):
    """What is drawn. All but the names are probabilities or shares.

    Args:
        questions: the pool.
        noise: of a label to be wrong.
        kind: how labels are wrong.
        skill: where an agent stands between guessing (0) and always right (1), bias apart.
        bias: how all agents err alike.
        shared: of a question to be as hard for the second agent as for the first.
        alike: of two wrong answers to one question to be the same.
        unreadable: of an answer to be unreadable.
        copies: of the second agent to repeat the first.
        judge: where the judge stands between tossing a coin (0) and always right (1).
        gullible: of the judge to say what the first agent's answer implies.
    """

    questions: str
    noise: float
    kind: Noise | TextNoise
    skill: float
    bias: Bias
    shared: float
    alike: float
    unreadable: float
    copies: float
    judge: float
    gullible: float


class Drawn(NamedTuple):
    """One draw of a world.

    Args:
        matrix: what is known.
        right: the right responses (n).
        review: what the reviewer would say, were it asked (n).
        written: the same in words, where a method is applied to a run's records; else None.
        parts: those of a mixture, in the order of its rows; none where there is one.
    """

    matrix: LabelMatrix
    right: Numbers
    review: Numbers
    written: Written | None = None
    parts: tuple["Drawn", ...] = ()

    def vouch(self, known: Bools) -> "Drawn":
        """Return the draw whose user vouches for some of the right responses (n)."""
        matrix = replace(self.matrix, trusted=numpy.where(known, self.right, -1))
        written = None if self.written is None else self.written.vouch(known, self.right)
        return self._replace(matrix=matrix, written=written)


def draw_world(pools: list[str], noise: float, random: Generator) -> World:
    """Return a world with this rate of noise, all else drawn evenly."""
    return World(
        questions=str(random.choice(pools)),
        noise=noise,
        kind=NOISES[random.integers(len(NOISES))],
        skill=float(random.choice([0.0, 0.2, 0.4, 0.6, 0.8, 0.92])),
        bias=BIASES[random.integers(len(BIASES))] if random.random() < 0.5 else "none",
        shared=float(random.choice([0.0, 0.5, 0.8])),
        alike=float(random.choice([0.0, 0.3, 0.7])),
        unreadable=float(random.choice([0.0, 0.1, 0.3])),
        copies=float(random.choice([0.0, 0.3, 0.6])),
        judge=float(random.choice([0.0, 0.3, 0.6])),
        gullible=float(random.choice([0.0, 0.5, 0.9])),
    )


def draw(pool: Questions, world: World, samples: int, random: Generator) -> Drawn:
    """Draw the labels of some questions of a pool, and all that agents say of them."""
    questions = pool.take(choose(len(pool.right), samples, random))
    return draw_agents(questions, world, labels(world, questions, random), random)


def choose(size: int, samples: int, random: Generator) -> Numbers:
    """Return which of so many questions are drawn, at most all, in ascending order."""
    return numpy.sort(random.choice(size, min(samples, size), replace=False))


def draw_agents(questions: Questions, world: World, given: Numbers, random: Generator) -> Drawn:
    """Draw all that agents say of some questions with given responses (n)."""
    base, reasoning, review = _answers(world, questions, random)
    asked = (base != given) | (reasoning != given)
    verdicts = judge(world, given, base, questions.right, random)
    matrix = LabelMatrix(
        given,
        {"base": base, "reasoning": reasoning},
        numpy.where(asked, verdicts, -1),
        questions.sizes,
        prompts=questions.vectors if questions.shared else None,
        placed=questions.placed,
        closed=numpy.ones(len(given), dtype=bool),
    )
    return Drawn(matrix, questions.right, review)


def labels(world: World, questions: Questions, random: Generator) -> Numbers:
    """Return the given responses (n), wrong at the world's rate wherever its kind of noise can be."""
    right, size = questions.right, len(questions.right)
    wrong = numpy.zeros(size, dtype=bool)
    could: Numbers = numpy.arange(size)
    if world.kind == "topic":
        # The rate is that of the whole: the questions nearest to the topic are wrong first.
        could = numpy.argsort(-_nearness(questions, random))[: max(int(1.3 * world.noise * size), 1)]
    elif world.kind == "systematic":
        could = numpy.flatnonzero(right == right[random.integers(size)])
    count = min(round(world.noise * size), len(could))
    wrong[random.choice(could, count, replace=False)] = True
    if world.kind == "invalid":
        return numpy.where(wrong & (random.random(size) < 0.7), -1, _other(questions, random, wrong))
    if world.kind in ("class", "systematic"):
        return numpy.where(wrong, (right + 1) % questions.sizes, right)
    return _other(questions, random, wrong)


def _other(questions: Questions, random: Generator, wrong: Bools) -> Numbers:
    """Return the right responses, and any other one where it is to be wrong (n)."""
    moved = (questions.right + 1 + random.integers(0, questions.sizes - 1)) % questions.sizes
    return numpy.where(wrong, moved, questions.right)


def _nearness(questions: Questions, random: Generator) -> numpy.ndarray:
    """Return how near each question is to one of them (n)."""
    nearness: numpy.ndarray = questions.vectors @ questions.vectors[random.integers(len(questions.right))]
    return nearness


def _answers(world: World, questions: Questions, random: Generator) -> tuple[Numbers, Numbers, Numbers]:
    """Return what the base agent, the reasoner and the reviewer say (n each), -1 where it is unreadable."""
    right, sizes, size = questions.right, questions.sizes, len(questions.right)
    common, distractor = random.random(size), _other(questions, random, numpy.ones(size, dtype=bool))
    topic = _nearness(questions, random)
    topic = topic >= numpy.quantile(topic, 1 - _TOPIC)
    first = right[random.integers(size)]
    second = (first + 1) % sizes

    def own() -> Numbers:
        hard = numpy.where(random.random(size) < world.shared, common, random.random(size))
        guess = random.integers(0, sizes)
        if world.bias == "place":
            guess = numpy.where(random.random(size) < _PLACE, 0, guess)
        slip = numpy.where(random.random(size) < world.alike, distractor, guess)
        said = numpy.where(hard < world.skill, right, slip)
        if world.bias == "never":
            return numpy.where(said == first, second, said)
        if world.bias == "swap":
            return numpy.where(said == first, second, numpy.where(said == second, first, said))
        if world.bias == "topic":
            return numpy.where(topic, numpy.minimum(first, sizes - 1), said)
        return said

    base, later, review = own(), own(), own()
    reasoning = numpy.where(random.random(size) < world.copies, base, later)
    unread = random.random((2, size)) < world.unreadable
    return numpy.where(unread[0], -1, base), numpy.where(unread[1], -1, reasoning), review


def judge(world: World, given: Numbers, base: Numbers, right: Numbers, random: Generator) -> Numbers:
    """Return what the judge would say of each response, were it asked (n): 1 reliable, 0 noisy."""
    size = len(given)
    truth = (given == right).astype(numpy.int64)
    knows = random.random(size) < world.judge
    verdicts = numpy.where(knows, truth, random.integers(0, 2, size))
    return numpy.where(random.random(size) < world.gullible, given == base, verdicts)
