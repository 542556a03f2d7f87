"""Which prompts of a data set are most like each other, in nearly linear time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy
from numpy.typing import NDArray

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

Vectors = NDArray[numpy.float32]
Places = NDArray[numpy.int32]

# A whole number of the encoder's own batches. As Python floats, a million vectors would take 12 GB.
_EMBEDDED_AT_ONCE = 256
# Up to so many prompts, each is compared with all. Beyond that, with those of the nearest cells alone.
_COMPARED_WITH_ALL = 4096
_CELL, _CELLS_SEARCHED = 512, 8
_ASSIGNED_AT_ONCE = 4096


def embed_prompts(encoder: "Embeddings", prompts: Iterable[str]) -> Vectors:
    """Return one vector a prompt (n, d), encoded in blocks, so that memory holds them once."""
    remaining = iter(prompts)
    blocks = []
    while batch := list(islice(remaining, _EMBEDDED_AT_ONCE)):
        blocks.append(numpy.array(encoder.embed_documents(batch), dtype=numpy.float32))
    return numpy.concatenate(blocks) if blocks else numpy.zeros((0, 0), dtype=numpy.float32)


def by_likeness(vectors: Vectors, place: int) -> list[int]:
    """Return the places of all vectors (n, d), those most like one of them first."""
    order: list[int] = numpy.argsort(-(vectors @ vectors[place]), kind="stable").tolist()
    return order


def most_alike(vectors: Vectors, count: int, seed: int) -> Places:
    """Return for each vector the places of those most like it, itself included, the likest first.

    Up to 4,096 vectors are all compared with each other. More are sorted into cells around some of them, and
    each is compared with those of the cells nearest to its own: an inverted file (Jégou et al. 2011). Time
    grows with n ** 1.5 at first and memory with n.

    Args:
        vectors: one a prompt (n, d), of length 1.
        count: how many are wanted.
        seed: which vectors the cells lie around; the same seed gives the same result.

    Returns:
        The places (n, count), or fewer a vector where there are fewer.
    """
    found = numpy.empty((len(vectors), min(count, len(vectors))), dtype=numpy.int32)
    for own, searched in _cells(vectors, seed):
        # The likest of a block at once; ties go to the first of the file.
        likeness = vectors[own] @ vectors[searched].T
        best = numpy.argpartition(-likeness, found.shape[1] - 1, axis=1)[:, : found.shape[1]]
        best.sort(axis=1)
        order = numpy.argsort(-numpy.take_along_axis(likeness, best, axis=1), axis=1, kind="stable")
        found[own] = searched[numpy.take_along_axis(best, order, axis=1)]
    return found


def _cells(vectors: Vectors, seed: int) -> Iterator[tuple[Places, Places]]:
    """Yield the places in each cell, and those in the cells to search for them, in order."""
    size = len(vectors)
    if size <= _COMPARED_WITH_ALL:
        for own in numpy.array_split(numpy.arange(size, dtype=numpy.int32), size // _CELL + 1):
            yield own, numpy.arange(size, dtype=numpy.int32)
        return
    chosen = numpy.random.default_rng(seed).choice(size, max(size // _CELL, 1), replace=False)
    centres = vectors[numpy.sort(chosen)]
    blocks = range(0, size, _ASSIGNED_AT_ONCE)
    nearest = numpy.concatenate([_nearest(vectors[at : at + _ASSIGNED_AT_ONCE], centres) for at in blocks])
    order = numpy.argsort(nearest, kind="stable").astype(numpy.int32)
    # A cell that holds too many is cut: a thousand equal prompts are as like each other in any part.
    cells: list[Places] = []
    middles: list[int] = []
    for number, members in enumerate(numpy.split(order, numpy.bincount(nearest).cumsum()[:-1])):
        for part in numpy.array_split(members, -(-len(members) // (2 * _CELL))) if len(members) else ():
            cells.append(part)
            middles.append(number)
    middle = centres[middles]
    for own, centre in zip(cells, middle, strict=True):
        near = numpy.argsort(-(middle @ centre), kind="stable")[:_CELLS_SEARCHED]
        searched = numpy.concatenate([own, *(cells[at] for at in near)])
        yield own, numpy.unique(searched)


def _nearest(vectors: Vectors, centres: Vectors) -> NDArray[numpy.int64]:
    nearest: NDArray[numpy.int64] = (vectors @ centres.T).argmax(axis=1)
    return nearest
