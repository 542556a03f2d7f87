"""One is one, and any other number is many."""

import pytest

from stores.counts import counted


@pytest.mark.parametrize(
    ("count", "thing", "said"),
    [
        (0, "sample", "0 samples"),
        (1, "sample", "1 sample"),
        (2, "sample", "2 samples"),
        (1234567, "row", "1,234,567 rows"),
        (1, "reply", "1 reply"),
        (3, "reply", "3 replies"),
    ],
)
def test_only_one_is_in_the_singular(count: int, thing: str, said: str) -> None:
    assert counted(count, thing) == said
