"""What an audit tells: figures with 95 % intervals, from a random sample that a person has checked.

A person says of a few samples, drawn at random, what is right. The run says something of all samples: its
verdicts, and how likely each response is wrong. Prediction-powered inference joins both (Angelopoulos et al.
2023, "Prediction-powered inference"; the tuned weight is that of PPI++, Angelopoulos, Duchi & Zrnic 2023):

    share = mean of the checked - weight * (mean prediction of the checked - mean prediction of all)

Predictions that tell nothing get the weight 0, and the share is the plain one. Wrong predictions cannot bias
it, since the checked samples are a random part of all.

The noise rate is such a share of all samples, precision one of those judged noisy. Recall is made of two:
the wrong among those judged noisy and among those judged clean. Both groups' sizes are known.

Normal intervals fail near 0 and 1, where most of these shares are. Each share has Wilson's interval (1927)
instead, with as many checked samples as plain ones would be needed for the same variance. Where all samples
are checked it is a point. The interval of recall is made of those of its parts by recovering their variances
(MOVER; Donner & Zou 2012), which keeps it within 0 and 1. `benchmarks/audits.py` measures how often the
intervals hold the truth.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy

from training.calibration.arrays import Bools, Reals
from training.shares import wilson

# A weight is learned where so many checked samples are right, and so many wrong. Chosen: with fewer, the
# variance that it saves cannot be told from chance, and intervals would be too narrow.
_FEWEST = 5


class Share(NamedTuple):
    """A share, or another figure from 0 to 1, with its 95 % interval.

    Args:
        value: the estimate; None where nothing that was checked tells it.
        low: the lower end of the interval.
        high: the upper end.
        checked: how many checked samples it rests on.
    """

    value: float | None
    low: float
    high: float
    checked: int


class AuditFigures(NamedTuple):
    """What an audit tells of a run.

    Args:
        noise_rate: the share of all given responses that are wrong.
        precision: the share of those judged noisy that are wrong.
        recall: the share of the wrong ones that were judged noisy.
        repairs: the share of new responses that are right.
    """

    noise_rate: Share
    precision: Share
    recall: Share
    repairs: Share


def audit_figures(
    noisy: Bools, wrong: Reals, checked: Bools, noise: Reals | None, repaired: Bools, right: Reals
) -> AuditFigures:
    """Return the figures of an audit.

    Args:
        noisy: whether each response was judged noisy (n), for all samples.
        wrong: whether each given response is wrong, 1 or 0 (n); looked at where `checked` says so.
        checked: which samples a person checked (n): a random part of all.
        noise: the probability that each given response is wrong (n), for all samples; None without any.
        repaired: whether each sample has a new response that can be compared (n).
        right: whether each new response is right, 1 or 0 (n); looked at where it is repaired and checked.
    """
    everyone = numpy.ones_like(noisy)
    flagged = _in_group(noisy, wrong, checked, noise)
    passed = _in_group(~noisy, wrong, checked, noise)
    return AuditFigures(
        noise_rate=_in_group(
            everyone, wrong, checked, noisy.astype(numpy.float64) if noise is None else noise
        ),
        precision=flagged,
        recall=_part(flagged, passed, int(noisy.sum()), int((~noisy).sum())),
        repairs=_in_group(repaired, right, checked, None),
    )


def estimate_share(told: Reals, predicted: Reals, others: Reals) -> Share:
    """Return a share of a group, from the part of it that was checked and predictions for all of it.

    Args:
        told: what the checked ones are, 1 or 0 (n).
        predicted: what was predicted for them, 0 to 1 (n).
        others: what was predicted for the rest of the group (N - n).

    Example:
        Of 100 samples 40 were checked, 4 of them are wrong, and nothing was predicted:
        >>> told = numpy.repeat([1.0, 0.0], [4, 36])
        >>> share = estimate_share(told, numpy.zeros(40), numpy.zeros(60))
        >>> round(share.value, 2), round(share.low, 2), round(share.high, 2)
        (0.1, 0.05, 0.2)
    """
    count, size = len(told), len(told) + len(others)
    if count == 0:
        return Share(None, 0.0, 1.0 if size else 0.0, 0)
    plain = float(told.mean())
    if not len(others):
        return Share(plain, plain, plain, count)
    weight, spared = _weight(told, predicted)
    everyone = numpy.concatenate([predicted, others])
    value = plain - weight * float(predicted.mean() - everyone.mean())
    value = min(max(value, 0.0), 1.0)
    # Checking without replacement: the more of the group is checked, the less is left open.
    enough = count / spared * (size - 1) / (size - count)
    low, high = wilson(value, enough)
    return Share(value, low, high, count)


def _in_group(group: Bools, told: Reals, checked: Bools, predicted: Reals | None) -> Share:
    """Return a share of a group of samples."""
    inside, rest = group & checked, group & ~checked
    guessed = numpy.zeros(len(group)) if predicted is None else predicted
    return estimate_share(told[inside], guessed[inside], guessed[rest])


def _weight(told: Reals, predicted: Reals) -> tuple[float, float]:
    """Return how much predictions count, and the share of the plain variance that is left with them.

    The share is measured on samples that the weight was not learned from, so that it is not too small.
    """
    count = len(told)
    ones = int(told.sum())
    spread = float(predicted.var())
    if min(ones, count - ones) < _FEWEST or spread <= 0:
        return 0.0, 1.0
    centred, off = predicted - predicted.mean(), told - told.mean()
    slope = float((centred * off).sum() / (centred**2).sum())
    weight = max(slope, 0.0)
    if weight == 0:
        return 0.0, 1.0
    # The residual of each sample from the line through the others, in closed form (leave one out).
    leverage = 1 / count + centred**2 / (centred**2).sum()
    left = (off - weight * centred) / (1 - leverage)
    spared = float((left**2).mean() / ((off / (1 - 1 / count)) ** 2).mean())
    return (weight, spared) if spared < 1 else (0.0, 1.0)


def _part(flagged: Share, passed: Share, many: int, others: int) -> Share:
    """Return the share of the wrong responses that are in the first group.

    Args:
        flagged: the share of wrong responses in the first group.
        passed: that in the second.
        many: the size of the first group.
        others: the size of the second.
    """
    checked = flagged.checked + passed.checked
    found, missed = many * _middle(flagged), others * _middle(passed)
    value = found / (found + missed) if found + missed > 0 else None
    low, high = _ratio_interval(
        (many * flagged.low, found, many * flagged.high),
        (others * passed.low, missed, others * passed.high),
    )
    is_known = value is not None and flagged.checked and passed.checked
    return Share(value if is_known else None, low, high, checked)


def _ratio_interval(
    found: tuple[float, float, float], missed: tuple[float, float, float]
) -> tuple[float, float]:
    """Return the interval of found / (found + missed), from (low, value, high) of both.

    A share p is an end of the interval where that of (1 - p) * found - p * missed, by MOVER, ends at 0
    (Donner & Zou 2012, for the ratio of the two).
    """

    def lowest(share: float) -> float:
        """Return the lower end of the interval of that difference."""
        spread = _root([(1 - share) * (found[1] - found[0]), share * (missed[2] - missed[1])])
        return (1 - share) * found[1] - share * missed[1] - spread

    def highest(share: float) -> float:
        """Return the upper end."""
        spread = _root([(1 - share) * (found[2] - found[1]), share * (missed[1] - missed[0])])
        return (1 - share) * found[1] - share * missed[1] + spread

    return _zero_of(lowest), _zero_of(highest)


def _zero_of(falling: Callable[[float], float]) -> float:
    """Return where a function that falls from 0 to 1 is 0; an end where it is not."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def _middle(share: Share) -> float:
    """Return a share's estimate; where there is none, the middle of what it can be."""
    return (share.low + share.high) / 2 if share.value is None else share.value


def _root(parts: Iterable[float]) -> float:
    return math.sqrt(sum(part**2 for part in parts))
