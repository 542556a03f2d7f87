"""Real questions that worlds are drawn on: vectors of sentences with classes, and options of exams."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy
from langchain_core.embeddings import Embeddings

from stores.dataset import read_samples
from training.calibration.arrays import Numbers, Vectors


class Questions(NamedTuple):
    """A pool of questions with their right responses.

    Args:
        name: of the pool.
        right: the number of each right response (n).
        sizes: how many responses each question can have (n).
        vectors: one a question (n, d), of length 1.
        shared: whether a number means the same response everywhere, so that questions can tell it.
        placed: whether the candidates are options in places that an agent may favour.
    """

    name: str
    right: Numbers
    sizes: Numbers
    vectors: Vectors
    shared: bool
    placed: bool

    def take(self, rows: Numbers) -> "Questions":
        """Return some of the questions."""
        return self._replace(right=self.right[rows], sizes=self.sizes[rows], vectors=self.vectors[rows])


def read_classes(file: Path, encoder: Embeddings) -> Questions:
    """Read sentences whose right responses are a few classes, or name one of a few options."""
    samples = [sample for sample in read_samples(file) if sample.response]
    names = sorted({sample.response for sample in samples})
    right = numpy.array([names.index(sample.response) for sample in samples])
    vectors = _embed(encoder, [sample.prompt for sample in samples])
    sizes = numpy.full(len(samples), len(names))
    return Questions("classes", right, sizes, vectors, shared=True, placed=False)


def read_options(file: Path, encoder: Embeddings) -> Questions:
    """Read questions with options of their own."""
    samples = [sample for sample in read_samples(file) if sample.response in sample.options]
    right = numpy.array([sample.options.index(sample.response) for sample in samples])
    sizes = numpy.array([len(sample.options) for sample in samples])
    vectors = _embed(encoder, [sample.prompt for sample in samples])
    return Questions("options", right, sizes, vectors, shared=False, placed=True)


def untold(questions: Questions, seed: int = 0) -> Questions:
    """Return the same questions, which tell nothing: their right responses are shuffled."""
    shuffled = numpy.random.default_rng(seed).permutation(questions.right)
    return questions._replace(name="untold", right=shuffled)


def opened(questions: Questions, candidates: int, seed: int = 0) -> Questions:
    """Return the questions without their options: each has so many candidates, in no place to favour."""
    right = numpy.random.default_rng(seed).integers(0, candidates, len(questions.right))
    sizes = numpy.full(len(right), candidates)
    return questions._replace(name="open", right=right, sizes=sizes, placed=False)


def _embed(encoder: Embeddings, texts: Sequence[str]) -> Vectors:
    return numpy.array(encoder.embed_documents(list(texts)), dtype=numpy.float32)
