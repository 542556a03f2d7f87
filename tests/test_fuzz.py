"""Whatever hypothesis makes for a boundary ends with a value or with the one typed error, and soon."""

from pathlib import Path

import pytest

from tests.support.fuzz import boundaries, fuzz

NAMES = sorted(boundaries())
# Ten thousand, as `make torture` has them, take half an hour.
MANY = 100


@pytest.mark.parametrize("name", NAMES)
def test_an_input_is_a_value_or_the_one_typed_error(name: str, tmp_path: Path) -> None:
    count = fuzz(boundaries()[name], 50, seed=0, folder=tmp_path)
    assert count.inputs >= 5
    assert count.refused <= count.inputs


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_inputs_are_values_or_the_one_typed_error(name: str, tmp_path: Path) -> None:
    boundary = boundaries()[name]
    assert fuzz(boundary, MANY, seed=1, folder=tmp_path).inputs >= MANY * boundary.share
