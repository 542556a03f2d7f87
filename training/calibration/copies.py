"""Which samples are copies of each other: the same words with the same response count once.

A flood of identical rows would else count as many witnesses, though all of them are one. Letter case, spaces,
punctuation, invisible characters and how often a word comes make no other text.

| prompt                      | response | copy of the first |
| --------------------------- | -------- | ----------------- |
| Is it cold in Oslo?         | yes      |                   |
| is it cold in Oslo ???      | Yes      | yes               |
| Is it cold in Oslo? Oslo!   | yes      | yes               |
| Is it cold in Bergen?       | yes      | no                |
| Is it cold in Oslo?         | no       | no                |

Where prompts are vectors, near copies count once as well: prompts with one response that are far nearer to
each other than such prompts mostly are. A word added or left out makes no witness either. How near prompts of
a data set lie is its own: sums that differ in a number are near to each other, and none is a near copy.
"""

import re
from typing import NamedTuple

import numpy

from stores.sample import Sample
from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, Vectors
from training.calibration.hashes import hash_of

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_WORD = re.compile(r"\w+")
_END = "\x00"
_BATCH = 1_000


class Distinct(NamedTuple):
    """The first of all copies.

    Args:
        places: where they stand, ascending (m).
        counts: how many samples each stands for (m).
    """

    places: Numbers
    counts: Numbers


def words_of(sample: Sample) -> str:
    """Return what the prompt of a sample is compared by; with the turns before it, and its options."""
    turns = (*(turn.content for turn in (*sample.history, *sample.after)), sample.prompt, *sample.options)
    return _END.join(map(_words, turns))


def copy_key(sample: Sample) -> int:
    """Return a number that copies share, from 0 to below 2 ** 63.

    What people gave, and what the user vouches for, are part of it: they are known of one copy alone.
    """
    given = [_INVISIBLE.sub("", "".join(sample.response.casefold().split()))]
    given += [f"{one.annotator}{_END}{one.response}" for one in sample.annotations]
    return hash_of(_END.join((sample.task or "", sample.trusted or "", *given, words_of(sample))))


def first_of_copies(keys: Numbers) -> Distinct:
    """Return the first of all samples with the same key, of samples in an order of their own (n)."""
    _, places, counts = numpy.unique(keys, return_index=True, return_counts=True)
    order = places.argsort()
    return Distinct(places[order], counts[order])


def without_near_copies(vectors: Vectors, given: Numbers) -> Numbers:
    """Return the places of prompts that are near copies of no prompt before them, ascending (m).

    Args:
        vectors: one a prompt (n, d), of length 1.
        given: the number of each response (n); -1 for one that is none.
    """
    apart = numpy.concatenate([_nearest(vectors, given == number) for number in numpy.unique(given)])
    # Most of the rows may be copies of each other: what is usual is told from those that are none.
    known = apart[numpy.isfinite(apart) & (apart > priors.SAME_VECTOR)]
    if not len(known):
        return numpy.arange(len(given))
    usual = float(numpy.median(known))
    kept = numpy.ones(len(given), dtype=bool)
    for number in numpy.unique(given):
        rows = numpy.flatnonzero(given == number)
        kept[rows] = _leaders(vectors[rows], 1 - priors.NEAR_COPY * usual)
    return numpy.flatnonzero(kept)


def _nearest(vectors: Vectors, rows: Bools) -> Reals:
    """Return 1 less the cosine of each of some prompts with the nearest other; inf where it is alone."""
    some = vectors[rows]
    found = numpy.full(len(some), numpy.inf)
    for start in range(0, len(some), _BATCH):
        alike = some[start : start + _BATCH] @ some.T
        alike[numpy.arange(len(alike)), numpy.arange(start, start + len(alike))] = -numpy.inf
        found[start : start + _BATCH] = 1 - alike.max(1)
    return found


def _leaders(vectors: Vectors, least: float) -> Bools:
    """Return which prompts have no cosine of at least so much with one that is kept before them (n)."""
    kept = numpy.ones(len(vectors), dtype=bool)
    for start in range(0, len(vectors), _BATCH):
        alike = vectors[start : start + _BATCH] @ vectors.T >= least
        for at in numpy.flatnonzero(numpy.count_nonzero(alike, axis=1) > 1):
            row = start + int(at)
            kept[row] = not (alike[at, :row] & kept[:row]).any()
    return kept


def _words(text: str) -> str:
    plain = _INVISIBLE.sub("", text).casefold()
    return " ".join(dict.fromkeys(_WORD.findall(plain))) or plain.strip()
