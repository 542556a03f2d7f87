"""People who annotate: several a sample, each with a confusion of their own, some of them bad or biased."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import numpy
from numpy.random import Generator

from stores.annotations import commonest
from stores.sample import Annotation
from training.calibration.annotations import Annotations
from training.calibration.arrays import Bools, Numbers
from worlds.draw import Drawn, World, choose, draw_agents
from worlds.questions import Questions
from worlds.written import Known, Worded, with_sample, write

Kind = Literal["careful", "even", "favourite", "swap", "careless"]
"""How people err. careful: seldom, and evenly. even: any other response. favourite: always the same one in
the place of others. swap: two responses for each other. careless: often, and evenly."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_OFTEN = {"careful": 0.2, "even": 1.0, "favourite": 1.0, "swap": 1.0, "careless": 4.0}
_PEOPLE = (3, 12)
_MOST_WRONG = 0.9
_STEPS = 20


class People(NamedTuple):
    """Pools that people annotate. One of them is drawn; the given response is what a run starts from.

    Args:
        pools: by their names.
        encoder: of their prompts.
    """

    pools: Mapping[str, Worded]
    encoder: Known

    def draw(self, world: World, samples: int, random: Generator) -> Drawn:
        """Draw people whose commonest responses are wrong at the world's rate."""
        pool = self.pools[str(random.choice(list(self.pools)))]
        worded = pool.take(choose(len(pool.prompts), samples, random))
        said = annotate(worded.questions, world.noise, random)
        annotations = [_annotations(words, said[:, row]) for row, words in enumerate(worded.words)]
        numbers = [{text: at for at, text in enumerate(words)} for words in worded.words]
        starts = [commonest(one) for one in annotations]
        given = numpy.array([names[text] for names, text in zip(numbers, starts, strict=True)])
        drawn = draw_agents(worded.questions, world, given, random)
        matrix = drawn.matrix
        written = write(
            worded,
            given,
            list(matrix.answers.values()),
            matrix.verdicts,
            drawn.review,
            encoder=self.encoder,
            name="sample",
        )
        records = tuple(
            with_sample(record, annotations=one)
            for record, one in zip(written.records, annotations, strict=True)
        )
        columns = {_name(person): column for person, column in enumerate(said)}
        people = Annotations.of_columns(columns)
        return drawn._replace(
            matrix=replace(matrix, annotations=people), written=written._replace(records=records)
        )


def annotate(questions: Questions, noise: float, random: Generator) -> Numbers:
    """Return what each person says of each question (people, n), -1 for nothing.

    Each question is annotated by one to four people. How often all of them err is set so that the commonest
    responses are wrong at the rate of noise, as near as people of these kinds come to it.
    """
    size = len(questions.right)
    people = int(random.integers(_PEOPLE[0], _PEOPLE[1] + 1))
    kinds = [_KINDS[random.integers(len(_KINDS))] for _ in range(people)]
    often = numpy.array([_OFTEN[kind] for kind in kinds]) * random.uniform(0.5, 1.5, people)
    most = int(random.integers(1, 5))
    asked = random.random((people, size)).argsort(0).argsort(0) < random.integers(1, most + 1, size)
    slips = random.random((people, size))
    errors = numpy.stack([_errors(kind, questions, random) for kind in kinds])

    def said(scale: float) -> Numbers:
        wrong = slips < numpy.minimum(scale * often, _MOST_WRONG)[:, None]
        return numpy.where(asked, numpy.where(wrong, errors, questions.right), -1)

    low, high = 0.0, _MOST_WRONG / float(often.min())
    if noise == 0:
        return said(0.0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below = (_commonest(said(middle)) != questions.right).mean() < noise
        low, high = (middle, high) if below else (low, middle)
    return said(high)


def _errors(kind: Kind, questions: Questions, random: Generator) -> Numbers:
    """Return what a person says of each question where they err (n)."""
    right, sizes = questions.right, questions.sizes
    other = (right + 1 + random.integers(0, sizes - 1)) % sizes
    first = random.integers(0, sizes.min())
    second = (first + 1) % sizes
    if kind == "favourite":
        return numpy.where(right == first, right, first)
    if kind == "swap":
        return numpy.where(right == first, second, numpy.where(right == second, first, right))
    return other


def _commonest(said: Numbers) -> Numbers:
    """Return the commonest response to each question (n); of equally common ones that of the first person."""
    counts = (said[:, None] == said[None]) & (said >= 0)
    votes = counts.sum(1)
    best = votes.argmax(0)
    found: Numbers = said[best, numpy.arange(said.shape[1])]
    return found


def _annotations(words: tuple[str, ...], said: Numbers) -> tuple[Annotation, ...]:
    there: Bools = said >= 0
    return tuple(
        Annotation(annotator=_name(int(person)), response=words[said[person]])
        for person in numpy.flatnonzero(there)
    )


def _name(person: int) -> str:
    return f"person {person:02d}"
