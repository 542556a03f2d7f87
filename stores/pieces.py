"""Texts that are longer than an encoder reads at once, as pieces that it can read."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy

Spans = Sequence[tuple[int, int]]

# What overlaps, as a share of a piece: a sentence that one piece cuts is whole in the next.
_OVERLAP = 4
# What a piece cut by characters may have more in tokens than it had as part of the text.
_SPARE = 4
# A megabyte of text would take minutes: from here on, pieces are taken evenly from all of it.
_MOST_PIECES = 24
# The end of a prompt is its last lines, from this many tokens to that share of a piece: a question has room.
_FEWEST_AT_END = 8
_END = 4


class Pieces(NamedTuple):
    """One text in pieces.

    Args:
        texts: the pieces; one of the whole text where it is not longer than the encoder reads.
        weights: how much each one counts (n), adding up to 1.
    """

    texts: Sequence[str]
    weights: Sequence[float]


def cut_evenly(text: str, tokens: Spans, window: int) -> Pieces:
    """Return overlapping pieces of a text, which count alike.

    Args:
        text: the text.
        tokens: the places of its tokens in characters.
        window: the most tokens of a piece.
    """
    if len(tokens) <= window:
        return Pieces((text,), (1.0,))
    size = max(window - _SPARE, 1)
    step = max(size - size // _OVERLAP, 1)
    starts = [*range(0, len(tokens) - size, step), len(tokens) - size]
    if len(starts) > _MOST_PIECES:
        chosen = numpy.linspace(0, len(starts) - 1, _MOST_PIECES).round().astype(int)
        starts = [starts[at] for at in chosen]
    texts = [text[tokens[start][0] : tokens[start + size - 1][1]] for start in starts]
    return Pieces(texts, [1 / len(texts)] * len(texts))


def cut_prompt(text: str, tokens: Spans, window: int) -> Pieces:
    """Return overlapping pieces of a prompt, and its end, which counts as much as all the others.

    What is asked mostly stands at the end, behind the passage that it is asked about. The end is the last
    lines, as far as they have the length of a question.
    """
    whole = cut_evenly(text, tokens, window)
    if len(whole.texts) == 1:
        return whole
    end = text[_start_of_end(text, tokens, window) :]
    return Pieces([*whole.texts, end], [weight / 2 for weight in whole.weights] + [0.5])


def embed_pieces(cut: Sequence[Pieces], embed: Callable[[list[str]], Any]) -> list[list[float]]:
    """Return one vector of length 1 a text: the weighted mean of its pieces'."""
    vectors = numpy.array(embed([piece for pieces in cut for piece in pieces.texts]))
    found, at = [], 0
    for pieces in cut:
        own = vectors[at : at + len(pieces.texts)]
        at += len(pieces.texts)
        mean = own[0]
        if len(own) > 1:
            mean = numpy.array(pieces.weights) @ own
            mean = mean / max(float(numpy.linalg.norm(mean)), 1e-12)
        found.append(mean.tolist())
    return found


def _start_of_end(text: str, tokens: Spans, window: int) -> int:
    """Return where the last lines begin that are no shorter and no longer than a question."""
    longest = max(window // _END, 1)
    first = tokens[-min(longest, len(tokens))][0]
    last = tokens[-min(_FEWEST_AT_END, longest, len(tokens))][0]
    line = text.rfind("\n", first, last) + 1
    return line or first
