"""Held-out prompts that the training data have too: figures on them tell what was learned by heart."""

import hashlib
import logging
from collections import Counter

from stores.counts import counted
from stores.journal import Journal, Split
from stores.sample import Sample

_LOG = logging.getLogger("robustft")


def tell_overlap(journal: Journal, split: Split) -> int:
    """Say in the log how many held-out samples have a prompt that is trained on, and count them.

    Prompts are the same where their words and options are, whatever the case and the spaces.

    Args:
        journal: holds both.
        split: the held-out samples.

    Returns:
        How many held-out samples have such a prompt. As many prompts as are held out are in memory.
    """
    held_out = Counter(map(_key, journal.samples(split)))
    if not held_out:
        return 0
    seen = {key for sample in journal.samples("train") if (key := _key(sample)) in held_out}
    count = sum(held_out[key] for key in seen)
    if count:
        _LOG.warning(
            "data.%s: the prompts of %s of its %s stand in the training data too; figures on them tell what "
            "was learned by heart",
            split,
            f"{count:,}",
            counted(held_out.total(), "sample"),
        )
    return count


def _key(sample: Sample) -> bytes:
    words = "\0".join((*(turn.content for turn in sample.history), sample.prompt, *sample.options))
    return hashlib.blake2b(" ".join(words.casefold().split()).encode(), digest_size=16).digest()
