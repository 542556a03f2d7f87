"""What follows for a sample whose right response the user vouches for: nothing is left to decide.

The agents are asked about it all the same. What they say beside a response that is known tells how far they
can be believed.
"""

from agents.answers.kind import agree_with_any
from agents.checker import Check
from stores.records import Consensus
from stores.sample import Sample

REASON = "trusted"


def is_confirmed(sample: Sample) -> bool:
    """Say whether a trusted sample was given its trusted response, however that is spelled.

    Free text is another response where it differs by more than case, punctuation and articles.
    """
    if sample.trusted is None or not sample.says_something:
        return False
    return bool(agree_with_any(sample, sample.trusted, (sample.response, *sample.other_responses)))


def with_trust(sample: Sample, check: Check) -> Check:
    """Return a trusted sample's verdict: clean where it says what is trusted. Others stay as they are.

    Its noise probability is 0 or 1, by whatever policy the verdict came about.
    """
    if sample.trusted is None:
        return check
    clean = is_confirmed(sample)
    told = {"clean": clean, "noise": 0.0 if clean else 1.0, "weights": {}, "reason": REASON}
    return check.model_copy(update=told)


def trusted_consensus(sample: Sample) -> Consensus | None:
    """Return what is known of a trusted sample; None of any other."""
    return None if sample.trusted is None else Consensus(answer=sample.trusted, confidence=1.0)
