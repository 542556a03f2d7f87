from typing import Any

import numpy
import pytest
from langchain_core.embeddings import Embeddings

from training.likeness import Vectors, by_likeness, embed_prompts, most_alike


def on_a_circle(count: int) -> Vectors:
    angles = numpy.linspace(0, 6, count)
    return numpy.stack([numpy.cos(angles), numpy.sin(angles)], axis=1).astype(numpy.float32)


def topics(count: int) -> Vectors:
    random = numpy.random.default_rng(0)
    middles = random.normal(size=(60, 32))
    vectors = middles[random.integers(0, 60, count)] + 0.5 * random.normal(size=(count, 32))
    found: Vectors = (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).astype(numpy.float32)
    return found


def test_of_few_vectors_the_likest_are_exactly_those_of_a_full_search() -> None:
    vectors = topics(700)
    found = most_alike(vectors, 9, seed=0)
    for place in (0, 350, 699):
        assert found[place].tolist() == by_likeness(vectors, place)[:9]


def test_of_many_vectors_the_likest_are_mostly_those_of_a_full_search() -> None:
    vectors = topics(9_000)
    found = most_alike(vectors, 20, seed=0)
    shares = [
        len({*by_likeness(vectors, place)[:20]} & {*found[place].tolist()}) / 20
        for place in range(0, 9_000, 90)
    ]
    assert sum(shares) / len(shares) > 0.7
    assert all(place in found[place] for place in range(9_000)), "each is most like itself"


def test_the_same_seed_gives_the_same_places_and_ties_go_to_the_first() -> None:
    vectors = topics(6_000)
    assert (most_alike(vectors, 5, seed=3) == most_alike(vectors, 5, seed=3)).all()
    assert most_alike(numpy.ones((4, 1), dtype=numpy.float32), 2, seed=0).tolist() == [[0, 1]] * 4


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fewer_vectors_than_wanted_give_as_many_as_there_are(count: int) -> None:
    assert most_alike(on_a_circle(count), 64, seed=0).shape == (count, count)


class Counted(numpy.ndarray[Any, Any]):
    """Vectors that count how many pairs of them are compared."""

    compared = 0

    def __array_ufunc__(self, ufunc: numpy.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        found = getattr(ufunc, method)(*map(numpy.asarray, inputs), **options)
        Counted.compared += found.size if ufunc is numpy.matmul else 0
        return found


@pytest.mark.parametrize("equal", [False, True])
def test_four_times_the_vectors_need_about_four_times_the_comparisons(equal: bool) -> None:
    def comparisons(count: int) -> int:
        # The worst case are equal ones: one cell would hold them all.
        vectors = numpy.tile(topics(1), (count, 1)) if equal else topics(count)
        Counted.compared = 0
        most_alike(vectors.view(Counted), 8, seed=0)
        return Counted.compared

    few, many = comparisons(5_000), comparisons(20_000)
    # Sixteen times, were each compared with all.
    assert few * 2 < many < few * 8, (few, many)
    assert many < 20_000**2 / 2


class Counting(Embeddings):
    def __init__(self) -> None:
        self.asked: list[int] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked.append(len(texts))
        return [[float(text), 1.0] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_prompts_are_encoded_in_blocks_in_their_order() -> None:
    encoder = Counting()
    vectors = embed_prompts(encoder, (str(number) for number in range(1000)))
    assert vectors[:, 0].tolist() == list(range(1000))
    assert encoder.asked == [256, 256, 256, 232]
    assert embed_prompts(encoder, []).shape == (0, 0)
