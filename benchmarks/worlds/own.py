"""RobustFT's own texts as pools of questions whose prompts do not give the response away.

Statements are true or false, short facts have options, sums and passages have short answers, and facts and a
shop's support are free text. All of them lie beside this folder, and no other data set is read.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from langchain_core.embeddings import Embeddings
from sets import maths
from sets.drawn import draw_samples

from training.calibration.arrays import Numbers
from training.calibration.turned import turn_fact
from worlds.questions import Questions
from worlds.written import Worded

_FOLDER = Path(__file__).parent.parent
_OWN = 4
_OPEN = 6
_DRAWN_SUMS = 80
# How an agent says what it says: as it is written, with words around it, and without its last sentence.
_SAID = ("{text}", "Good question. {text} I hope that this is of help.", "{shorter}")


class Pool(NamedTuple):
    """Questions in words.

    Args:
        worded: the questions, with every response that each can have.
        free: whether the responses are free text.
    """

    worded: Worded
    free: bool = False


class Memory(Embeddings):
    """An encoder that reads each text once."""

    def __init__(self, encoder: Embeddings) -> None:
        self._encoder = encoder
        self._known: dict[str, list[float]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.embed_documents(new), strict=True))
        return [self._known[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text."""
        return self.embed_documents([text])[0]


def pools(encoder: Embeddings) -> dict[str, Pool]:
    """Return the pools by their names; the encoder is asked about prompts where these could tell classes."""
    return {
        "classes": Pool(_statements(encoder, options=False)),
        "options": Pool(_statements(encoder, options=True)),
        "own options": Pool(_facts_with_options()),
        "open": Pool(_short_answers()),
        "text": Pool(_free_text(), free=True),
    }


def say(text: str, way: int) -> str:
    """Return a text in one of an agent's wordings."""
    sentences = text.split(". ")
    shorter = ". ".join(sentences[:-1]) + "." if len(sentences) > 1 else text
    return _SAID[way % len(_SAID)].format(text=text, shorter=shorter)


def _statements(encoder: Embeddings, *, options: bool) -> Worded:
    """Return facts, each as it is and with a wrong fact: as like each other as texts can be."""
    rows = [(row[key], int(key == "turned")) for row in _read("facts") for key in ("right", "turned")]
    prompts = tuple(f"Is this statement true or false? {text}" for text, _ in rows)
    right = numpy.array([number for _, number in rows])
    vectors = numpy.array(encoder.embed_documents(list(prompts)), dtype=numpy.float32)
    sizes = numpy.full(len(right), 2)
    name = "options" if options else "classes"
    questions = Questions(name, right, sizes, vectors, shared=True, placed=False)
    return Worded(questions, prompts, (("true", "false"),) * len(prompts), options=options)


def _facts_with_options() -> Worded:
    facts, passages = _read("facts"), _read("passages")
    rows = [(row["prompt"], [row["right"], row["turned"]]) for row in facts]
    rights = [row["right"] for row in facts]
    rows = [(prompt, words + _others(rights, words, at, _OWN - 2)) for at, (prompt, words) in enumerate(rows)]
    ends = [row["completion"] for row in passages]
    rows += [
        (row["prompt"], [row["completion"], *_others(ends, [row["completion"]], at, _OWN - 1)])
        for at, row in enumerate(passages)
    ]
    return _worded("own options", rows, _OWN, options=True)


def _short_answers() -> Worded:
    passages = _read("passages")
    ends = [row["completion"] for row in passages]
    rows = [
        (row["prompt"], [row["completion"], *_others(ends, [row["completion"]], at, _OPEN - 1)])
        for at, row in enumerate(passages)
    ]
    sums = [(row["prompt"], row["completion"]) for row in _read("sums")]
    sums += [(one.prompt, one.response) for one in draw_samples("maths", maths.TEMPLATES, _DRAWN_SUMS)]
    for prompt, answer in (one for one in sums if one[1].isdigit()):
        number = int(answer)
        rows.append((prompt, [str(number + step) for step in (0, 1, 2, 10, 7, 100)]))
    return _worded("open", rows, _OPEN, options=False)


def _free_text() -> Worded:
    facts = [(row["prompt"], [row["right"], row["turned"]]) for row in _read("facts")]
    support = [(row["prompt"], row["completion"]) for row in _read("support")]
    answers = [answer for _, answer in support]
    rows = facts + [
        (prompt, [answer, turn_fact(answer, answers, prompt) or f"No. {answer}"])
        for prompt, answer in support
    ]
    rights = [words[0] for _, words in rows]
    full = [(prompt, words + _others(rights, words, at, _OWN - 2)) for at, (prompt, words) in enumerate(rows)]
    return _worded("text", full, _OWN, options=False)


def _worded(name: str, rows: Sequence[tuple[str, list[str]]], size: int, *, options: bool) -> Worded:
    """Return questions from their prompts and words, of which the first is right and goes to any place."""
    random = numpy.random.default_rng(0)
    places: Numbers = random.integers(0, size, len(rows))
    words = [list(texts) for _, texts in rows]
    for texts, place in zip(words, places, strict=True):
        texts[0], texts[place] = texts[place], texts[0]
    sizes = numpy.full(len(rows), size)
    # Their prompts tell nothing: what is near to what matters to drawn topics alone.
    vectors = random.normal(size=(len(rows), 8)).astype(numpy.float32)
    questions = Questions(name, places, sizes, vectors, shared=False, placed=options)
    return Worded(questions, tuple(prompt for prompt, _ in rows), tuple(map(tuple, words)), options)


def _others(texts: Sequence[str], taken: Sequence[str], at: int, count: int) -> list[str]:
    """Return the next texts after a place that are not taken."""
    turned = [*texts[at + 1 :], *texts[:at]]
    return [text for text in dict.fromkeys(turned) if text not in taken][:count]


def _read(name: str) -> list[dict[str, Any]]:
    lines = (_FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
