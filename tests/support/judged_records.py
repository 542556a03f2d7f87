"""Records as the agents would have left them, and an encoder that knows a few words."""

import hashlib

import numpy
from langchain_core.embeddings import Embeddings

from agents.base import Prediction
from agents.checker import Check, Judgement
from agents.reasoner import Turn
from agents.record import SampleRecord
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from agents.role import Usage
from stores.sample import Sample

DIMENSIONS = 24


def record(
    response: str,
    base: str | None = None,
    reasoning: str | None = None,
    *,
    name: str = "s",
    prompt: str = "Which one?",
    options: tuple[str, ...] = (),
    judged: Judgement | None = None,
) -> SampleRecord:
    """Return a sample that was judged; the verdict is a vote that the calibration replaces."""
    return SampleRecord(
        sample=Sample(id=name, prompt=prompt, response=response, options=options),
        base=Prediction(answer=base, reply=base or "", usage=Usage()),
        turns=[Turn(role="reason", reply=reasoning or "", answer=reasoning, usage=Usage())],
        check=Check(clean=True, policy="calibrated", agreed=(), judged=judged, reason="a vote"),
    )


def reviewed(known: SampleRecord, answer: str | None) -> SampleRecord:
    """Return the record once it was relabelled."""
    return known.model_copy(update={"review": Review(answer=answer, reason="reviewed", reply=answer)})


def doubted(known: SampleRecord) -> SampleRecord:
    """Return the record with a verdict that the response is wrong."""
    return known.model_copy(
        update={"check": Check(clean=False, policy="majority", agreed=(), reason="a vote")}
    )


def relabelled(known: SampleRecord, answer: str | None, *, entropy: float = 0.5) -> SampleRecord:
    """Return the record of a doubted sample with a new answer of this entropy."""
    context = ContextAnswer(
        answer=answer, reply=answer or "", usage=Usage(), neighbours=(), log_probabilities=(-entropy,)
    )
    return reviewed(doubted(known), answer).model_copy(update={"context": context})


class WordEncoder(Embeddings):
    """Adds up a vector a word, so that texts with words in common are near to each other."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.encoded += texts
        return [self._embed(text) for text in texts]

    def embed_evenly(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)

    def count_longer(self, texts: list[str]) -> int:
        return 0

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def _embed(self, text: str) -> list[float]:
        words = text.lower().replace(".", " ").replace("?", " ").split() or [""]
        total = numpy.sum([_vector_of(word) for word in words], axis=0)
        unit: list[float] = (total / numpy.linalg.norm(total)).tolist()
        return unit


def _vector_of(word: str) -> numpy.ndarray:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return numpy.random.default_rng(seed).standard_normal(DIMENSIONS)
