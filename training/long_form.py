"""What long relabels look like beside the responses of the data: their length, repetition and ends.

No figure here says that a relabel is right. They show where a model was cut, ran in circles, or answers in
another length than the data do.
"""

from array import array
from collections import Counter
from statistics import median

from stores.records import FreeText

SHARE = 0.8
"""The share of clean responses that must end in a full stop before one without counts as unfinished. Not
measured."""

# A run of so many words, or signs where no spaces part them, that comes back so often is no style.
_WORDS, _SIGNS, _OFTEN = 6, 12, 4
_LONGEST_WORD = 20
_ENDS = ".!?:;\u2026\u3002\uff01\uff1f\u061f\u06d4\u0964\u0965\u1362\u104b\u17d4"
_CLOSING = "\"'\u201d\u2019\u00bb\u300d\u300f)]}>*_`~|\uff09\u3011"


class FreeTextTally:
    """Adds up what new free text looks like, one sample at a time."""

    def __init__(self) -> None:
        self._given = array("q")
        self._ended = 0
        self._new = array("q")
        self._repeating = 0
        self._unfinished = 0

    def add_clean(self, response: str) -> None:
        """Count a response of the data that is judged clean."""
        self._given.append(len(response))
        self._ended += ends(response)

    def add_relabel(self, response: str) -> None:
        """Count a new response."""
        self._new.append(len(response))
        self._repeating += repeats(response)
        self._unfinished += not ends(response)

    def report(self) -> FreeText | None:
        """Return the figures; None where there is no new response."""
        if not self._new:
            return None
        usual = median(self._given) if self._given else 0
        stops = bool(self._given) and self._ended >= SHARE * len(self._given)
        return FreeText(
            relabelled=len(self._new),
            length_ratio=round(median(self._new) / usual, 3) if usual else None,
            repeating=self._repeating,
            unfinished=self._unfinished if stops else None,
        )


def repeats(text: str) -> bool:
    """Say whether a text comes back to the same words again and again.

    Example:
        >>> repeats("The answer is no, since this is not so. " * 4), repeats("It rains. It pours.")
        (True, False)
    """
    units: list[str] = text.split()
    size = _WORDS
    if len(text) > _LONGEST_WORD * len(units):
        units, size = list("".join(units)), _SIGNS
    runs = Counter(tuple(units[at : at + size]) for at in range(len(units) - size + 1))
    return any(count >= _OFTEN for count in runs.values())


def ends(text: str) -> bool:
    """Say whether a text ends as a sentence does, quotes, brackets and markup aside."""
    return text.rstrip().rstrip(_CLOSING).rstrip().endswith(tuple(_ENDS))
