"""How unsure a new response is, which selection goes by (paper Eq. 7 and 8)."""

import math
from collections.abc import Sequence

from agents.agent import LEAST_LIKELY
from agents.record import SampleRecord

# A log-probability is at most 0; one that rounding left this far above is read as 0.
_ROUNDING = 1e-6
# Less than two confidences can differ by: they have six digits.
_TIE = 1e-7
# Above any entropy: the logarithm of a vocabulary is below 20.
_UNRATED = 1e6


def entropy_of(log_probabilities: Sequence[float]) -> float:
    """Return the mean negative log-probability of an answer's tokens, in nats (Eq. 7).

    Args:
        log_probabilities: the natural logarithm of each generated token's probability; at least one. What is
            below -10,000 counts as that.

    Raises:
        ValueError: there is none, or one is NaN, infinite, or more than a rounding error above 0.
    """
    if not log_probabilities:
        raise ValueError("no log-probabilities: the entropy of an answer without tokens is not defined")
    for value in log_probabilities:
        if not math.isfinite(value) or value > _ROUNDING:
            raise ValueError(f"{value} is not the log-probability of a generated token")
    total = math.fsum(max(min(value, 0.0), LEAST_LIKELY) for value in log_probabilities)
    return abs(total) / len(log_probabilities)


def with_entropy(record: SampleRecord) -> SampleRecord:
    """Return a sample's record with the entropy of its context answer; None where that has no tokens."""
    said = record.context.log_probabilities if record.context is not None else ()
    return record.model_copy(update={"entropy": entropy_of(said) if said else None})


def uncertainty_of(record: SampleRecord) -> float | None:
    """Return what a relabelled sample is selected by, in nats: the less, the surer (Eq. 8).

    It is the entropy of the context answer, or the negative logarithm of the consensus' confidence. Where
    confidences are equal, the lower entropy is surer. A new response that nothing rates comes after all
    others.

    Args:
        record: a relabelled sample's, `with_entropy`.

    Returns:
        The uncertainty; None where there is no new response.
    """
    if record.final is None:
        return None
    if record.sample.trusted is not None:
        return 0.0
    entropy = record.entropy
    if record.consensus is None:
        return _UNRATED if entropy is None else entropy
    uncertainty = -math.log(max(record.consensus.confidence, 1e-12))
    return uncertainty if entropy is None else uncertainty + _TIE * entropy / (1 + entropy)
