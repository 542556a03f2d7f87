"""Drawn samples in words: the records that a run's agents would leave, for the product's own functions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from langchain_core.embeddings import Embeddings

from agents.assessment import Assessment
from agents.base import Prediction
from agents.checker import Check, Judgement
from agents.reasoner import Turn
from agents.record import SampleRecord
from stores.sample import Sample
from training.calibration.arrays import Bools, Numbers
from training.calibration.facts import FactSight
from worlds.questions import Questions

VIEWS = ("base", "reasoning")
NO_RESPONSE = "none of these at all"
"""In the place of a response that cannot be right."""
_JUDGED: dict[int, Judgement | None] = {1: "reliable", 0: "noisy", -1: None}


class Known(Embeddings):
    """An encoder that has been told every text that it is asked about.

    Args:
        vectors: of length 1, by text.
    """

    def __init__(self, vectors: Mapping[str, Sequence[float]]) -> None:
        self.vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts; one that is not known is a `KeyError`."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        return [float(part) for part in self.vectors[text]]


class Worded(NamedTuple):
    """Questions with their words.

    Args:
        questions: as numbers.
        prompts: one a question (n).
        words: of each response that a question can have, by its number (n, sizes).
        options: whether the words are shown as options.
    """

    questions: Questions
    prompts: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    options: bool

    def take(self, rows: Numbers) -> "Worded":
        """Return some of the questions."""
        prompts = tuple(self.prompts[row] for row in rows)
        words = tuple(self.words[row] for row in rows)
        return self._replace(questions=self.questions.take(rows), prompts=prompts, words=words)


class Written(NamedTuple):
    """A draw in words.

    Args:
        records: the samples with what the agents and the judge said; none has been relabelled.
        reviews: what the reviewer would say of each, were it asked.
        numbers: the number of every response that a sample may end with, by its words.
        encoder: of all texts in them.
        sight: how far the checker's model sees wrong facts; None where that was not tried.
    """

    records: tuple[SampleRecord, ...]
    reviews: tuple[str, ...]
    numbers: tuple[Mapping[str, int], ...]
    encoder: Embeddings
    sight: FactSight | None = None

    def vouch(self, known: Bools, right: Numbers) -> "Written":
        """Return the draw whose user vouches for some of the right responses (n)."""
        records = []
        for row, record in enumerate(self.records):
            if known[row]:
                text = next(text for text, number in self.numbers[row].items() if number == right[row])
                record = with_sample(record, trusted=text)
            records.append(record)
        return self._replace(records=tuple(records))


def joined(parts: Sequence[Written]) -> Written:
    """Return several draws as one file, with the encoder of the first."""
    return parts[0]._replace(
        records=tuple(record for part in parts for record in part.records),
        reviews=tuple(text for part in parts for text in part.reviews),
        numbers=tuple(names for part in parts for names in part.numbers),
    )


def write(
    worded: Worded,
    given: Numbers,
    answers: Sequence[Numbers],
    verdicts: Numbers,
    review: Numbers,
    *,
    encoder: Embeddings,
    name: str,
    task: str | None = None,
) -> Written:
    """Return samples whose responses compare, in words.

    Args:
        worded: the questions (n).
        given: the responses (n), -1 for one that cannot be right.
        answers: what the base agent and the reasoner say (n each), -1 where it is unreadable.
        verdicts: the judge's (n): 1 reliable, 0 noisy, -1 not asked.
        review: what the reviewer would say (n).
        encoder: of the prompts.
        name: the ids begin with it.
        task: of the samples.
    """
    base, reasoning = answers
    records = []
    for row, (prompt, words) in enumerate(zip(worded.prompts, worded.words, strict=True)):
        response = words[given[row]] if given[row] >= 0 else NO_RESPONSE
        options = words if worded.options else ()
        sample = Sample(id=f"{name}-{row}", prompt=prompt, response=response, options=options, task=task)
        said = [words[number[row]] if number[row] >= 0 else None for number in (base, reasoning)]
        matched = [bool(number[row] == given[row] >= 0) for number in (base, reasoning)]
        records.append(recorded(sample, said, int(verdicts[row]), matched))
    numbers = [{**{text: at for at, text in enumerate(words)}, NO_RESPONSE: -1} for words in worded.words]
    reviews = tuple(words[at] for words, at in zip(worded.words, review, strict=True))
    return Written(tuple(records), reviews, tuple(numbers), encoder)


def recorded(
    sample: Sample,
    said: Sequence[str | None],
    verdict: int,
    matched: Sequence[bool],
    assessment: Assessment | None = None,
) -> SampleRecord:
    """Return a sample with what the base agent and the reasoner said of it, and the judge's verdict."""
    base, reasoning = said
    agreed = tuple(view for view, same in zip(VIEWS, matched, strict=True) if same)
    check = Check(
        clean=all(matched) or verdict == 1,
        policy="calibrated",
        agreed=agreed,
        judged=_JUDGED[verdict],
        reason="provisional",
        assessment=assessment,
    )
    turn = Turn(role="reason", reply=reasoning or "", answer=reasoning)
    return SampleRecord(
        sample=sample, base=Prediction(answer=base, reply=base or ""), turns=[turn], check=check
    )


def with_sample(record: SampleRecord, **changes: object) -> SampleRecord:
    """Return a record whose sample has other fields."""
    return record.model_copy(update={"sample": record.sample.model_copy(update=changes)})
