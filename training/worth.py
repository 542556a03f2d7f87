"""Which samples are worth a person's look: those whose checking is expected to change the most decisions.

The worth of the next check, in decisions changed, is that of sample i of group g after m checks in g:

    worth(i) = r(i) + n(g) * max over k of [V(g, m + k) - V(g, m)] / k

- r(i) is the probability that what became of sample i is wrong. A check puts it right for certain.
- A group holds the samples that look alike: the same task and options, the same given response, and the same
  answers of the views. A check says something of all n(g) of them.
- V(g, m) is what m checks are worth to a decision about the whole group, for each of its samples. Its share
  of wrong decisions has a Beta prior with the mean of r over the group, and the strength of two samples. The
  decision is turned round where the posterior mean is above a half. V is the expected share of right
  decisions after m checks, less that without any: E max(p, 1 - p) over the beta-binomial outcomes.
- One check may turn nothing round where two would. So the best rate over the next k checks counts.

The next check is that of the largest worth, and the others are reckoned anew. Within a group the likeliest
wrong one is taken. So checks go to samples at the boundary, and to large groups that nobody has looked at.
"""

import heapq
import math
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import NamedTuple

# How many checked samples a group's own probabilities count as. Chosen: checks should soon outweigh them,
# since a systematic error is one that the probabilities do not know of. Not measured.
_STRENGTH = 2.0
# So many checks ahead are looked at. Chosen: two or three turn most groups round.
_AHEAD = 8
# Probabilities of 0 and 1 leave nothing to learn; no model is that sure.
_SURE = 1e-4


class Candidate(NamedTuple):
    """A sample that could be checked.

    Args:
        id: the sample's.
        risk: the probability that what became of it is wrong, 0 to 1.
        group: what it shares with those that look alike.
    """

    id: str
    risk: float
    group: Hashable


class _Group:
    """The samples that look alike: how many there are, their risks, and the riskiest of them."""

    def __init__(self, count: int) -> None:
        self._most = count
        self.size = 0
        self._total = 0.0
        self._riskiest: list[tuple[float, str]] = []
        self.checked = 0

    def add(self, candidate: Candidate) -> None:
        self.size += 1
        self._total += candidate.risk
        self._riskiest.append((-candidate.risk, candidate.id))
        if len(self._riskiest) > 2 * self._most:
            self._keep_riskiest()

    def _keep_riskiest(self) -> None:
        self._riskiest = heapq.nsmallest(self._most, self._riskiest)

    def close(self) -> None:
        """Put the riskiest first, once all are added."""
        self._keep_riskiest()
        self._riskiest.reverse()

    def worth(self) -> float | None:
        """Return the worth of the next check; None where none is left."""
        if not self._riskiest:
            return None
        risk = -self._riskiest[-1][0]
        mean = round(min(max(self._total / self.size, _SURE), 1 - _SURE), 4)
        now = group_value(mean, self.checked)
        ahead = range(1, min(_AHEAD, len(self._riskiest)) + 1)
        rate = max((group_value(mean, self.checked + more) - now) / more for more in ahead)
        return risk + self.size * max(rate, 0.0)

    @property
    def following(self) -> str:
        """The id of the riskiest sample that is not taken yet."""
        return self._riskiest[-1][1]

    def take(self) -> None:
        """Take that sample."""
        self.checked += 1
        self._riskiest.pop()


def choose_to_check(candidates: Iterable[Candidate], count: int) -> list[str]:
    """Return the ids of the samples whose checking is worth most, the worthiest first.

    Args:
        candidates: every sample that could be checked; a stream of any length.
        count: how many to choose; fewer where there are fewer.

    Example:
        Two that are doubtful, and a group of a hundred that all look alike. One of these is taken too, since
        its check would tell of all the others:
        >>> alike = [Candidate(f"g{n}", 0.4, "group") for n in range(100)]
        >>> choose_to_check([Candidate("a", 0.5, 1), Candidate("b", 0.45, 2), *alike], 1)
        ['g0']
    """
    groups: dict[Hashable, _Group] = {}
    for candidate in candidates:
        groups.setdefault(candidate.group, _Group(count)).add(candidate)
    ranked: list[tuple[float, str, _Group]] = []
    for group in groups.values():
        group.close()
        _push(ranked, group)
    chosen: list[str] = []
    while ranked and len(chosen) < count:
        _, identifier, group = heapq.heappop(ranked)
        group.take()
        chosen.append(identifier)
        _push(ranked, group)
    return chosen


def _push(ranked: list[tuple[float, str, _Group]], group: _Group) -> None:
    """Rank a group by the worth of its next check; of equal ones, the id decides."""
    if (worth := group.worth()) is not None:
        heapq.heappush(ranked, (-worth, group.following, group))


@lru_cache(maxsize=65536)
def group_value(mean: float, checks: int) -> float:
    """Return what checks are worth to a group's decision, in right decisions a sample.

    Args:
        mean: the expected share of wrong decisions in the group, above 0 and below 1.
        checks: how many of its samples are checked.
    """
    wrong, right = _STRENGTH * mean, _STRENGTH * (1 - mean)
    expected = 0.0
    for found in range(checks + 1):
        share = (wrong + found) / (_STRENGTH + checks)
        expected += _beta_binomial(found, checks, wrong, right) * max(share, 1 - share)
    return expected - max(mean, 1 - mean)


def _beta_binomial(found: int, checks: int, wrong: float, right: float) -> float:
    """Return the probability to find so many wrong ones, under a Beta prior of their share."""
    ways = math.lgamma(checks + 1) - math.lgamma(found + 1) - math.lgamma(checks - found + 1)
    return math.exp(ways + _log_beta(wrong + found, right + checks - found) - _log_beta(wrong, right))


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
