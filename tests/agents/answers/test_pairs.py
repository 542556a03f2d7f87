"""The table of pairs: what is different must not count as the same, whatever the kind or the language."""

from collections import Counter

import pytest

from benchmarks.pairs import compare, read_pairs

PAIRS = read_pairs()


def test_the_table_spans_kinds_and_languages() -> None:
    assert len(PAIRS) >= 400
    assert len({pair["language"] for pair in PAIRS}) >= 12
    assert len({pair["kind"] for pair in PAIRS}) == 10


def test_hardly_any_pair_is_told_otherwise_than_by_a_person() -> None:
    confusion = Counter((pair["expected"], compare(pair)) for pair in PAIRS)
    right = sum(count for (expected, said), count in confusion.items() if expected == said)
    assert right >= 0.94 * len(PAIRS)
    assert confusion["different", "same"] <= 3


@pytest.mark.parametrize("kind", sorted({pair["kind"] for pair in PAIRS}))
def test_most_pairs_of_every_kind_are_told_right(kind: str) -> None:
    told = [compare(pair) == pair["expected"] for pair in PAIRS if pair["kind"] == kind]
    assert sum(told) >= 0.85 * len(told)
