import math
import random

import pytest
from pydantic import ValidationError

from training.selection import Candidate, SelectionConfig, select


def kept(keep: float, *candidates: Candidate) -> set[str]:
    return select(SelectionConfig(keep=keep), candidates).kept


def by_entropy(name: str, value: float) -> Candidate:
    return Candidate(name, value)


def by_confidence(name: str, confidence: float) -> Candidate:
    return Candidate(name, -math.log(confidence), confidence)


@pytest.mark.parametrize(
    ("n", "keep"), [(100, 0.29), (100, 0.57), (10, 0.7), (7, 0.5), (3, 0.1), (1000, 0.001)]
)
def test_a_share_keeps_exactly_the_floor_in_decimal(n: int, keep: float) -> None:
    thousandths = round(keep * 1000)
    found = kept(keep, *(by_entropy(f"{index:04}", float(index)) for index in range(n)))
    assert found == {f"{index:04}" for index in range(n * thousandths // 1000)}


def test_a_share_breaks_ties_by_id_whatever_the_order() -> None:
    candidates = [by_entropy(name, 0.5) for name in "abcdef"] + [by_entropy("z", 0.1)]
    for seed in range(20):
        random.Random(seed).shuffle(candidates)  # noqa: S311
        assert kept(0.5, *candidates) == {"z", "a", "b"}


@pytest.mark.parametrize(
    ("keep", "first", "second", "each"),
    [
        (0.5, 10, 20, (5, 10)),
        (0.5, 4, 4, (2, 2)),
        (0.25, 8, 4, (2, 1)),
        (0.5, 3, 0, (1, 0)),
        (0.5, 0, 3, (0, 1)),
        (1, 2, 3, (2, 3)),
        (0, 2, 3, (0, 0)),
    ],
)
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_of_two_scales_the_surest_of_each_are_kept_whatever_their_units(
    keep: float, first: int, second: int, each: tuple[int, int], unit: float
) -> None:
    entropies = [by_entropy(f"a{place}", place * 1.0) for place in range(first)]
    others = [Candidate(f"b{place}", place * unit, 0.5) for place in range(second)]
    expected = {f"a{place}" for place in range(each[0])} | {f"b{place}" for place in range(each[1])}
    assert kept(keep, *entropies, *others) == expected


def test_a_share_keeps_all_or_none_at_the_ends() -> None:
    assert kept(0, by_entropy("a", 1.0), by_entropy("b", 2.0)) == set()
    assert kept(1, by_entropy("a", 1.0), by_entropy("b", 2.0)) == {"a", "b"}
    assert kept(0.5) == set()


def test_by_default_a_confidence_has_a_limit_and_an_entropy_a_rank() -> None:
    sure = [by_confidence(f"sure{place}", 0.99) for place in range(9)]
    unsure = [by_confidence("even", 0.7), by_confidence("low", 0.6996)]
    free = [by_entropy(f"text{place}", place) for place in range(4)]
    found = select(SelectionConfig(), [*sure, *unsure, *free])
    assert found.kept == {*(one.id for one in sure), "even", "text0", "text1"}
    assert found.dropped == {
        "low": "confidence 0.69, below the limit 0.7",
        "text2": "entropy rank 3 of 4, 2 are kept",
        "text3": "entropy rank 4 of 4, 2 are kept",
    }


def test_a_limit_of_the_users_own_is_told_and_a_share_ranks_confidences_too() -> None:
    two = [by_confidence("a", 0.9), by_confidence("b", 0.8)]
    limited = select(SelectionConfig(min_confidence=0.85), two)
    assert limited == ({"a"}, {"b": "confidence 0.80, below the limit 0.85"})
    shared = select(SelectionConfig(keep=0.5), two)
    assert shared == ({"a"}, {"b": "confidence rank 2 of 2, 1 are kept"})


def test_where_samples_weigh_by_their_confidence_all_that_have_one_are_kept() -> None:
    candidates = [by_confidence("a", 0.01), by_entropy("b", 1.0), by_entropy("c", 2.0)]
    assert select(SelectionConfig(), candidates, weighted=True).kept == {"a", "b"}
    # A share that is set ranks what has no confidence, and nothing else.
    for keep, surest in ((0.0, set[str]()), (0.5, {"b"}), (1.0, {"b", "c"})):
        found = select(SelectionConfig(keep=keep), candidates, weighted=True)
        assert found.kept == {"a"} | surest


def test_nan_has_no_place_in_an_order() -> None:
    with pytest.raises(ValueError, match="'a': its uncertainty is NaN"):
        kept(0.5, by_entropy("a", math.nan))


@pytest.mark.parametrize(
    "fields",
    [{"keep": 1.5}, {"keep": -0.1}, {"keep": "nan"}, {"beta": 0.5}, {"min_confidence": 1.01}],
)
def test_the_config_refuses_unknown_keys_and_values_out_of_bounds(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SelectionConfig.model_validate(fields)
