"""Which relabelled samples are kept: the likely ones by confidence, the surest by entropy (Eq. 7 and 8)."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

# The paper's beta.
DEFAULT_KEEP = 0.5
# Chosen with `benchmarks/weighting.py`, seeds 7 and 11, among .5, .6, .7, .8, .9 and .95. Where prompts have
# classes, students are best at .5 and lose up to half a point at .7. With options of their own, those kept
# from .5 on are right in 47 to 74 % of the cases at 10 to 50 % noise, from .7 on in 84 to 96 %.
DEFAULT_MIN_CONFIDENCE = 0.7

Scale = Literal["entropy", "confidence"]


class SelectionConfig(BaseModel):
    """Which relabelled samples are trained on. Without a setting, `calibrated` keeps by confidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """The share of the relabelled samples that goes into the training set (the paper's beta): exactly
    floor(keep * n) of them, the surest first. By default 0.5 of those without a confidence. Where it is set,
    it holds for those with a confidence too, in place of `min_confidence`; not with
    `training.weighting: soft`, which keeps all of these."""
    min_confidence: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """A relabelled sample is kept if its new response is at least this likely to be right (needs
    `calibrated`). By default 0.7. `training.weighting: soft` keeps all that have a confidence instead."""

    @property
    def share(self) -> float:
        """The share to keep of the samples that are ranked."""
        return DEFAULT_KEEP if self.keep is None else self.keep

    @property
    def limit(self) -> float | None:
        """The least confidence to keep; None where a share of those with a confidence is kept."""
        if self.keep is not None:
            return None
        return DEFAULT_MIN_CONFIDENCE if self.min_confidence is None else self.min_confidence


class Candidate(NamedTuple):
    """A relabelled sample with a new response.

    Args:
        id: the sample's.
        uncertainty: in nats, the less the surer: the entropy of Eq. 7, or a confidence's negative logarithm.
        confidence: the probability that the new response is right; None where nothing tells it.
    """

    id: str
    uncertainty: float
    confidence: float | None = None

    @property
    def scale(self) -> Scale:
        """What its uncertainty compares with."""
        return "entropy" if self.confidence is None else "confidence"


class Selection(NamedTuple):
    """Which candidates are kept, by id, and why each other one is not."""

    kept: set[str]
    dropped: dict[str, str]


def select(config: SelectionConfig, candidates: Iterable[Candidate], *, weighted: bool = False) -> Selection:
    """Keep candidates by the least confidence, or by a share of the surest.

    Args:
        config: the limit or the share.
        candidates: the relabelled samples, in any order.
        weighted: whether each weighs as much as it is likely to be right. All with a confidence are kept
            then. One without would count in full, and is ranked.

    Raises:
        ValueError: an uncertainty is NaN, which has no place in an order.

    Example:
        >>> two = [Candidate("a", 0.01, 0.99), Candidate("b", 0.92, 0.4)]
        >>> select(SelectionConfig(), two)
        Selection(kept={'a'}, dropped={'b': 'confidence 0.40, below the limit 0.7'})
    """
    limit = 0.0 if weighted else config.limit
    kept: set[str] = set()
    dropped: dict[str, str] = {}
    ranked: list[Candidate] = []
    for candidate in candidates:
        if candidate.confidence is None or limit is None:
            ranked.append(candidate)
        elif candidate.confidence >= limit:
            kept.add(candidate.id)
        else:
            # Rounded down: what is below a limit must not look equal to it.
            shown = math.floor(100 * candidate.confidence) / 100
            dropped[candidate.id] = f"confidence {shown:.2f}, below the limit {limit:g}"
    surest = _select_surest(config.share, ranked)
    return Selection(kept | surest.kept, dropped | surest.dropped)


def _select_surest(keep: float, candidates: list[Candidate]) -> Selection:
    """Keep exactly floor(keep * n) candidates, those of the lowest uncertainty (Eq. 8).

    Equal uncertainties are told apart by sample id, so the same candidates give the same set in any order.
    Entropies and confidences do not compare. There, a candidate's place among those of its own scale counts.
    Of 10 candidates with an entropy and 20 with a confidence, half of each are kept.
    """
    scales = [[one for one in candidates if one.scale == scale] for scale in ("entropy", "confidence")]
    ranks = {one.id: rank for scale in scales for rank, one in enumerate(_ranked(scale), start=1)}
    places = [((ranks[one.id] - 0.5) / len(scale), one.id) for scale in scales for one in scale]
    # In binary floating point 0.29 * 100 is 28.999..., whose floor is one too few.
    count = int(Decimal(str(keep)) * len(places))
    kept = {name for _, name in sorted(places)[:count]}
    dropped = {}
    for scale in scales:
        held = sum(one.id in kept for one in scale)
        for one in scale:
            if one.id not in kept:
                dropped[one.id] = f"{one.scale} rank {ranks[one.id]} of {len(scale)}, {held} are kept"
    return Selection(kept, dropped)


def _ranked(candidates: list[Candidate]) -> list[Candidate]:
    """Return the candidates of one scale, the surest first."""
    for one in candidates:
        if math.isnan(one.uncertainty):
            raise ValueError(f"sample '{one.id}': its uncertainty is NaN")
    return sorted(candidates, key=lambda one: (one.uncertainty, one.id))
