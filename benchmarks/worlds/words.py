"""Real questions with their words, for worlds that are drawn as a run's records."""

from collections.abc import Mapping
from pathlib import Path

import numpy
from langchain_core.embeddings import Embeddings

from agents.answers.kind import answer_kind
from stores.dataset import read_samples
from worlds.annotators import People
from worlds.mixture import Mixture
from worlds.questions import Questions, untold
from worlds.texts import CONTENTS, Texts, make_bank
from worlds.written import Known, Worded

_TEXTS = 300


def words_of_classes(file: Path, questions: Questions, *, options: bool) -> Worded:
    """Return sentences with their classes, which `read_classes` has read."""
    samples = [sample for sample in read_samples(file) if sample.response]
    names = tuple(sorted({sample.response for sample in samples}))
    return Worded(questions, tuple(one.prompt for one in samples), (names,) * len(samples), options)


def words_of_options(file: Path, questions: Questions) -> Worded:
    """Return questions with options of their own, which `read_options` has read."""
    samples = [sample for sample in read_samples(file) if sample.response in sample.options]
    prompts = tuple(sample.prompt for sample in samples)
    return Worded(questions, prompts, tuple(tuple(one.options) for one in samples), options=True)


def without_options(worded: Worded) -> Worded:
    """Return those whose options are short answers, as open prompts."""
    rows = [
        row for row, words in enumerate(worded.words) if all(answer_kind(word).comparable for word in words)
    ]
    kept = worded.take(numpy.array(rows))
    return kept._replace(questions=kept.questions._replace(name="open", placed=False), options=False)


def pools_in_words(
    classes: tuple[Path, Questions], options: tuple[Path, Questions], encoder: Embeddings
) -> Mapping[str, Texts | Mixture | People]:
    """Return the pools whose draws are in words, by their names.

    Args:
        classes: the file of classes, and what was read from it.
        options: that of questions with options of their own.
        encoder: of the texts; it is asked about each once.
    """
    named = words_of_classes(*classes, options=False)
    exams = words_of_options(*options)
    shown = words_of_classes(*classes, options=True)
    vectors = dict(zip(named.prompts, named.questions.vectors, strict=True))
    vectors |= dict(zip(exams.prompts, exams.questions.vectors, strict=True))
    known = Known(vectors)
    parts = {"classes": named, "options": exams, "open": without_options(exams)}
    annotated = {
        "classes": shown,
        "untold": shown._replace(questions=untold(shown.questions)),
        "options": exams,
    }
    return {
        "text": _texts(exams, encoder),
        "mixture": Mixture(parts, known),
        "annotators": People(annotated, known),
    }


def _texts(exams: Worded, encoder: Embeddings) -> Texts:
    rows = [row for row, words in enumerate(exams.words) if len(words) == CONTENTS][:_TEXTS]
    kept = exams.take(numpy.array(rows))
    bank = make_bank(kept.questions._replace(placed=False), kept.prompts, kept.words)
    texts = list(dict.fromkeys(bank.texts()))
    vectors = numpy.array(encoder.embed_documents(texts), dtype=numpy.float32)
    return Texts(bank, Known(dict(zip(texts, vectors, strict=True))))
