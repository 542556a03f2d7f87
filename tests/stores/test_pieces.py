"""Long texts in pieces: all of a text is read, and the end of a prompt counts most."""

import re
from itertools import pairwise

import numpy
import pytest

from stores.pieces import Pieces, cut_evenly, cut_prompt, embed_pieces

WINDOW = 40


def tokens_of(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def words(count: int, name: str = "w") -> str:
    return " ".join(f"{name}{at}" for at in range(count))


def cut(text: str) -> Pieces:
    return cut_prompt(text, tokens_of(text), WINDOW)


@pytest.mark.parametrize("size", [0, 1, 39, 40])
def test_what_the_encoder_reads_at_once_stays_whole(size: int) -> None:
    text = words(size)
    assert cut(text) == Pieces((text,), (1.0,))
    assert cut_evenly(text, tokens_of(text), WINDOW) == Pieces((text,), (1.0,))


@pytest.mark.parametrize("size", [41, 55, 80, 81, 200, 500])
def test_pieces_cover_the_whole_text_overlap_and_fit(size: int) -> None:
    text = words(size)
    pieces = cut_evenly(text, tokens_of(text), WINDOW)
    covered = [piece.split() for piece in pieces.texts]
    assert max(map(len, covered)) < WINDOW
    assert {word for piece in covered for word in piece} == set(text.split())
    assert all(set(left) & set(right) for left, right in pairwise(covered))
    assert sum(pieces.weights) == pytest.approx(1)
    assert len(set(pieces.weights)) == 1


def test_a_very_long_text_is_read_in_no_more_pieces_from_all_of_it() -> None:
    pieces = cut(words(100_000))
    assert len(pieces.texts) == 25
    assert pieces.texts[0].startswith("w0 ")
    assert pieces.texts[-1].endswith(" w99999")
    middle = [int(piece.split()[0][1:]) for piece in pieces.texts[:-1]]
    assert numpy.diff(middle).min() > 3000


QUESTION = "Who owned the mill in the year of the flood?"
PASSAGE = words(100)


@pytest.mark.parametrize(
    ("prompt", "end"),
    [
        (f"{PASSAGE}\n\n{QUESTION}", QUESTION),
        (f"{PASSAGE}\n{QUESTION}", QUESTION),
        (f"{PASSAGE}\r\n\r\n{QUESTION}", QUESTION),
        (f"{PASSAGE}\n\nQuestion: {QUESTION}\n", f"Question: {QUESTION}\n"),
        # Too short to be the question: the line before belongs to it.
        (f"{PASSAGE}\n\n{QUESTION}\nAnswer:", f"{QUESTION}\nAnswer:"),
        (f"{PASSAGE}\n\n{QUESTION}\n\nAnswer in one word:", f"{QUESTION}\n\nAnswer in one word:"),
        # Without lines, as much as a question may have.
        (f"{PASSAGE} {QUESTION}", f"w94 w95 w96 w97 w98 w99 {QUESTION}"),
        (words(100), " ".join(f"w{at}" for at in range(84, 100))),
        # Longer than a question may be: its own end.
        (f"{PASSAGE}\n\n{words(20, 'q')}", " ".join(f"q{at}" for at in range(4, 20))),
        (f"{words(9, 'q')}?\n\n{PASSAGE}", " ".join(f"w{at}" for at in range(84, 100))),
    ],
)
def test_the_end_of_a_prompt_is_its_last_lines_and_counts_as_much_as_the_rest(prompt: str, end: str) -> None:
    pieces = cut_prompt(prompt, tokens_of(prompt), 64)
    assert pieces.texts[-1] == end
    assert pieces.weights[-1] == 0.5
    assert sum(pieces.weights) == pytest.approx(1)


def test_a_text_has_the_weighted_mean_of_its_pieces_with_length_1() -> None:
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [0.6, 0.8]}
    cut = [Pieces(("c",), (1.0,)), Pieces(("a", "b"), (0.5, 0.5))]
    found = embed_pieces(cut, lambda texts: [vectors[text] for text in texts])
    numpy.testing.assert_allclose(found, [[0.6, 0.8], [0.5**0.5, 0.5**0.5]])
    assert embed_pieces([], lambda texts: []) == []
