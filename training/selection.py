"""Keep the relabelled samples whose context answer the model was surest of (paper Eq. 7 and 8)."""

import math
from collections.abc import Iterable
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class SelectionConfig(BaseModel):
    """How much of the relabelled data is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    """The share of the relabelled samples that goes into the training set (the paper's beta): exactly
    floor(keep * n) of them, the surest first. `training.weighting: soft` keeps all that have a confidence
    instead."""


def select(keep: float, *scales: Iterable[tuple[str, float]]) -> set[str]:
    """Return the ids of exactly floor(keep * n) candidates, those of the lowest uncertainty (Eq. 8).

    Equal uncertainties are told apart by sample id, so the same candidates give the same set in any order.
    Uncertainties on several scales do not compare. There, a candidate's place among those of its own scale
    counts. Of 10 candidates with an entropy and 20 with a confidence, half of each are kept.

    Args:
        keep: the share to keep, 0 to 1.
        scales: for each scale, (sample id, uncertainty in nats) of its relabelled samples. One is the entropy
            of Eq. 7, another the negative logarithm of a confidence.

    Raises:
        ValueError: `keep` is outside 0 to 1, or an uncertainty is NaN, which has no place in an order.
    """
    if not 0 <= keep <= 1:
        raise ValueError(f"keep is {keep}; it must be between 0 and 1")
    ranked = [place for candidates in scales for place in _places(candidates)]
    ranked.sort()
    # In binary floating point 0.29 * 100 is 28.999..., whose floor is one too few.
    count = int(Decimal(str(keep)) * len(ranked))
    return {name for _, name in ranked[:count]}


def _places(candidates: Iterable[tuple[str, float]]) -> list[tuple[float, str]]:
    """Return each candidate's place among all of its scale, 0 the surest to 1, with its id."""
    ranked = [(value, name) for name, value in candidates]
    for value, name in ranked:
        if math.isnan(value):
            raise ValueError(f"sample '{name}': its uncertainty is NaN")
    ranked.sort()
    return [((place + 0.5) / len(ranked), name) for place, (_, name) in enumerate(ranked)]
