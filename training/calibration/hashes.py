"""What follows from a sample's id or words alone, so that nothing depends on the order of the samples."""

import hashlib

from training.calibration import priors


def hash_of(identifier: str) -> int:
    """Return a number from 0 to below 2 ** 63, the same for an id wherever it stands."""
    return (
        int.from_bytes(
            hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
        )
        >> 1
    )


def share_of(identifier: str) -> float:
    """Return a number from 0 to 1: of many ids, a tenth have one below 0.1."""
    return hash_of(identifier) / 2.0**63


def fold_of(words: str) -> int:
    """Return which fold a prompt belongs to: what is learned for it is learned from the other folds.

    All copies of a prompt are in one fold, so that none of them tells another.

    Args:
        words: what the prompt is compared by (`copies.words_of`).
    """
    return hash_of(words) % priors.FOLDS
