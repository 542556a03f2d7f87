"""Shares with their 95 % intervals, and by how much the shares of two models differ on the same samples."""

import math
from typing import NamedTuple

# The two-sided 95 % quantile of the normal distribution.
_Z = 1.959964


class Change(NamedTuple):
    """By how much a share has changed: the second less the first, its interval, and how likely by chance.

    `p` is of the exact McNemar test, both sides.
    """

    value: float
    low: float
    high: float
    p: float


def wilson(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share that was measured on so many samples.

    Args:
        share: 0 to 1.
        count: how many samples; as many as it is worth, where they tell more or less than as many drawn ones.

    Example:
        >>> low, high = wilson(0.1, 40)
        >>> round(low, 3), round(high, 3)
        (0.04, 0.231)
    """
    if not math.isfinite(count):
        return share, share
    square = _Z**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    low, high = middle - half, middle + half
    # Rounding would leave out the share itself.
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def paired_change(both: int, lost: int, won: int, neither: int) -> Change:
    """Return by how much the share of right answers changed between two models asked the same samples.

    The interval is Newcombe's (1998, method 10): Wilson's intervals of both shares, put together with their
    correlation. It has a width where no answer changed, too. `p` is exact: the binomial test of `won` among
    the answers that changed (McNemar 1947).

    Args:
        both: samples that both answer right.
        lost: those that the first answers right and the second wrong.
        won: those that the second answers right and the first wrong.
        neither: those that both answer wrong.

    Raises:
        ValueError: there are no samples.

    Example:
        >>> change = paired_change(both=60, lost=20, won=5, neither=15)
        >>> round(change.value, 2), round(change.low, 2), round(change.high, 2), round(change.p, 3)
        (-0.15, -0.24, -0.05, 0.004)
    """
    # Imported here: scipy.stats takes half a second.
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    count = both + lost + won + neither
    if not count:
        raise ValueError("no samples to compare on")
    before, after = (both + lost) / count, (both + won) / count
    (least_before, most_before), (least_after, most_after) = wilson(before, count), wilson(after, count)
    linked = _correlation(both, lost, won, neither)
    down, up = after - least_after, most_before - before
    low = after - before - math.sqrt(down**2 + up**2 - 2 * linked * down * up)
    down, up = before - least_before, most_after - after
    high = after - before + math.sqrt(down**2 + up**2 - 2 * linked * down * up)
    chance = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return Change(after - before, low, high, chance)


def _correlation(both: int, lost: int, won: int, neither: int) -> float:
    """Return how the answers of two models go together, -1 to 1 (phi); 0 where one is always the same.

    A positive one is taken for a little less (Newcombe), so that the interval is not too narrow.
    """
    product = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    if not product:
        return 0.0
    excess: float = both * neither - lost * won
    if excess > 0:
        excess = max(2 * excess - (both + lost + won + neither), 0) / 2
    return excess / math.sqrt(product)
