"""A verdict where nothing can be calibrated: the judge's, as the policy `hybrid` takes it.

| what was said                         | the response |
|---------------------------------------|--------------|
| the response is empty                 | noisy        |
| the judge says `reliable` or `noisy`  | that         |
| no judge was asked, all views match   | clean        |
| nothing readable                      | stays clean  |

Free text is too little below `priors.FEWEST_TEXTS` samples. Above it, similarity may still not tell right
responses from wrong ones. A noise probability would be the prior then, which says nothing of the data. So
there is none. Where nobody says anything readable, responses stay as they are: first, do no harm.
"""

from typing import Any

from agents.checker import EMPTY
from agents.record import SampleRecord


def decide_alone(record: SampleRecord) -> dict[str, Any]:
    """Return what changes in a judged sample's check: its verdict and reason, without a noise probability."""
    clean, reason = _verdict(record)
    return {"clean": clean, "noise": None, "weights": {}, "reason": reason}


def _verdict(record: SampleRecord) -> tuple[bool, str]:
    check = record.check
    if not record.sample.says_something:
        return False, EMPTY
    if check is None or check.judged is None:
        agreed = check.agreed if check is not None else ()
        if agreed:
            return True, f"{', '.join(agreed)} match the response"
        return True, "nothing readable speaks against the response"
    if check.judged == "unreadable":
        return True, "the judge's reply is unreadable: the response stays"
    return check.judged == "reliable", f"the judge says {check.judged}"
