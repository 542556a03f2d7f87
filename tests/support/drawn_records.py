"""Drawn records of several kinds, with vectors of their prompts: what a mixture of data sets looks like."""

from collections.abc import Sequence

import numpy
from langchain_core.embeddings import Embeddings
from numpy.random import Generator

from agents.assessment import Assessment
from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn
from agents.record import SampleRecord
from agents.role import Usage
from stores.sample import Sample
from training.calibration.arrays import Vectors
from training.calibration.facts import FactSight, Plausibility, see_facts

DIMENSIONS = 24


class LookedUp(Embeddings):
    """An encoder that has been told the vector of each prompt, and adds up letters of other texts."""

    def __init__(self) -> None:
        self.known: dict[str, list[float]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.known[text] if text in self.known else _letters(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def classes(
    encoder: LookedUp,
    size: int,
    names: Sequence[str],
    *,
    seed: int = 0,
    wrong: float = 0.2,
    skill: float = 0.7,
    odd: float = 0.0,
    spread: float = 1.2,
    options: bool = False,
    task: str | None = None,
    dimensions: int = DIMENSIONS,
) -> tuple[list[SampleRecord], list[bool]]:
    """Return samples whose prompts lie in clouds, one a class, and which of their responses are wrong.

    Args:
        encoder: learns the prompts' vectors.
        size: how many samples.
        names: of the classes.
        seed: of the draw.
        wrong: the share of wrong responses.
        skill: how often an agent knows the right response; else it guesses.
        odd: the share of right responses that are spelt in a way of their own.
        spread: of the clouds; their centres have length 1.
        options: whether the classes are options.
        task: the samples' task.
        dimensions: of the vectors.
    """
    random = numpy.random.default_rng(seed)
    centres = random.normal(size=(len(names), dimensions))
    centres /= numpy.linalg.norm(centres, axis=1, keepdims=True)
    right = random.integers(0, len(names), size)
    vectors = centres[right] + spread * random.normal(size=(size, dimensions)) / dimensions**0.5
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
    is_wrong = random.random(size) < wrong
    given = numpy.where(is_wrong, (right + random.integers(1, len(names), size)) % len(names), right)
    spelt = random.random(size) < odd
    records = []
    for row in range(size):
        response = names[given[row]]
        if spelt[row] and not is_wrong[row]:
            response = f"x{response}{row}"
        name = f"{task or 'class'}-{seed}-{row}"
        encoder.known[f"Prompt {name}?"] = vectors[row].tolist()
        said = [_answer(random, int(right[row]), names, skill) for _ in range(2)]
        records.append(recorded(name, response, said, options=tuple(names) if options else (), task=task))
    return records, is_wrong.tolist()


def choices(size: int, *, seed: int = 0, wrong: float = 0.2, skill: float = 0.8) -> list[SampleRecord]:
    """Return samples with options of their own."""
    random = numpy.random.default_rng(seed)
    records = []
    for row in range(size):
        options = tuple(f"item {row} {place}" for place in "abcd")
        right = int(random.integers(0, 4))
        given = (right + int(random.integers(1, 4))) % 4 if random.random() < wrong else right
        said = [_answer(random, right, options, skill) for _ in range(2)]
        records.append(recorded(f"choice-{seed}-{row}", options[given], said, options=options))
    return records


def sums(size: int, *, seed: int = 0, wrong: float = 0.2, skill: float = 0.8) -> list[SampleRecord]:
    """Return samples with numbers as responses, which seldom repeat."""
    random = numpy.random.default_rng(seed)
    records = []
    for row in range(size):
        right = int(random.integers(1000, 100_000))
        given = right + 7 if random.random() < wrong else right
        said = [str(right if random.random() < skill else right + 13) for _ in range(2)]
        records.append(recorded(f"sum-{seed}-{row}", str(given), said))
    return records


def texts(size: int, *, seed: int = 0, wrong: float = 0.2) -> list[SampleRecord]:
    """Return samples with free text as responses, of which some speak of something else."""
    random = numpy.random.default_rng(seed)
    records = []
    for row in range(size):
        right = f"{'abcdefgh'[row % 8] * 40} is what all of the books say of town {row} that name it at all"
        other = (
            f"{'mnopqrst'[row % 8] * 40} is what is said of other things in none of the books, town or not"
        )
        given = other if random.random() < wrong else f"{right} indeed"
        records.append(recorded(f"text-{seed}-{row}", given, [right, right]))
    return records


def assessed(records: Sequence[SampleRecord], *, seed: int = 0) -> list[SampleRecord]:
    """Return free texts with how plausible a model finds them; every tenth has a fact wrong."""
    random = numpy.random.default_rng(seed)
    found = []
    for row, one in enumerate(records):
        rated = -0.2 - random.random(4) - 2 * (row % 10 == 0)
        yes = (0.1 if row % 10 == 0 else 0.8) + 0.1 * random.random()
        said = Assessment(log_probabilities=tuple(rated.tolist()), yes=yes)
        assert one.check is not None
        found.append(one.model_copy(update={"check": one.check.model_copy(update={"assessment": said})}))
    return found


def seeing(seed: int = 0) -> FactSight:
    """Return the sight of a model that finds turned facts less plausible, in 20 tries."""
    scores = numpy.random.default_rng(seed).normal(0, 0.5, (20, 3))
    lengths = numpy.full(20, 90.0)
    found = see_facts(Plausibility(scores, lengths), Plausibility(scores - 1.5 - scores[::-1], lengths))
    assert found is not None
    assert found.sees
    return found


def recorded(
    name: str,
    response: str,
    said: Sequence[str | None],
    *,
    options: tuple[str, ...] = (),
    task: str | None = None,
) -> SampleRecord:
    """Return a sample that was judged, with what two agents said."""
    base, reasoning = said
    return SampleRecord(
        sample=Sample(id=name, prompt=f"Prompt {name}?", response=response, options=options, task=task),
        base=Prediction(answer=base, reply=base or "", usage=Usage()),
        turns=[Turn(role="reason", reply=reasoning or "", answer=reasoning, usage=Usage())],
        check=Check(clean=True, policy="calibrated", agreed=(), reason="a vote"),
    )


def vectors_of(encoder: Embeddings, records: Sequence[SampleRecord]) -> Vectors:
    """Return the vectors of the samples' prompts (n, d)."""
    return numpy.array(encoder.embed_documents([one.sample.prompt for one in records]), dtype=numpy.float32)


def _answer(random: Generator, right: int, names: Sequence[str], skill: float) -> str:
    return names[right if random.random() < skill else int(random.integers(0, len(names)))]


def _letters(text: str) -> list[float]:
    counts = numpy.array([text.count(letter) + 0.01 for letter in "abcdefghijklmnopqrstuvwx"])
    unit: list[float] = (counts / numpy.linalg.norm(counts)).tolist()
    return unit
