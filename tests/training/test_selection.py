import math
import random

import pytest
from pydantic import ValidationError

from training.selection import SelectionConfig, select


@pytest.mark.parametrize(
    ("n", "keep"), [(100, 0.29), (100, 0.57), (10, 0.7), (7, 0.5), (3, 0.1), (1000, 0.001)]
)
def test_select_keeps_exactly_the_floor_in_decimal(n: int, keep: float) -> None:
    thousandths = round(keep * 1000)
    kept = select(keep, [(f"{index:04}", float(index)) for index in range(n)])
    assert kept == {f"{index:04}" for index in range(n * thousandths // 1000)}


def test_select_breaks_ties_by_id_whatever_the_order() -> None:
    candidates = [(name, 0.5) for name in "abcdef"] + [("z", 0.1)]
    for seed in range(20):
        random.Random(seed).shuffle(candidates)  # noqa: S311
        assert select(0.5, iter(candidates)) == {"z", "a", "b"}


def on_scale(name: str, size: int, unit: float) -> list[tuple[str, float]]:
    return [(f"{name}{place}", place * unit) for place in range(size)]


@pytest.mark.parametrize(
    ("keep", "first", "second", "kept"),
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
    keep: float, first: int, second: int, kept: tuple[int, int], unit: float
) -> None:
    chosen = select(keep, on_scale("a", first, 1.0), on_scale("b", second, unit))
    assert chosen == {f"a{n}" for n in range(kept[0])} | {f"b{n}" for n in range(kept[1])}


def test_select_keeps_all_or_none_at_the_ends() -> None:
    assert select(0, [("a", 1.0), ("b", 2.0)]) == set()
    assert select(1, [("a", 1.0), ("b", 2.0)]) == {"a", "b"}
    assert select(0.5, []) == set()


@pytest.mark.parametrize(("value", "keep"), [(math.nan, 0.5), (1.0, 1.1), (1.0, -0.1), (1.0, math.nan)])
def test_select_refuses_nan_and_shares_outside_the_bounds(value: float, keep: float) -> None:
    with pytest.raises(ValueError, match=r"NaN|between 0 and 1"):
        select(keep, [("a", value)])


@pytest.mark.parametrize("fields", [{"keep": 1.5}, {"keep": -0.1}, {"keep": "nan"}, {"beta": 0.5}])
def test_the_config_refuses_unknown_keys_and_values_out_of_bounds(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SelectionConfig.model_validate(fields)
