"""How well noise was found, repaired and kept out, measured against gold responses (paper section 4).

Gold is for these figures alone. A figure whose denominator is 0 is None: nothing was measured.
"""

from dataclasses import dataclass

from agents.answers.kind import agree_with_any, sample_kind
from stores.records import Detection, Relabel, TrainingSet
from stores.sample import Sample


@dataclass(frozen=True)
class Metrics:
    """Every figure that needs gold, over the samples whose gold is known.

    Args:
        samples: how many those are.
        detection: how well wrong responses were found.
        relabel: how right the new responses are.
        training_set: how right the responses are that are trained on.
    """

    samples: int
    detection: Detection
    relabel: Relabel
    training_set: TrainingSet


def is_right(response: str, gold: str, options: tuple[str, ...] = (), kind: str | None = None) -> bool:
    """Return whether a response says what the gold one says; see `agents.answers.kind`.

    Free text counts as right only where it is the same but for case, punctuation and articles.

    Args:
        response: the response or answer to look at.
        gold: the right response.
        options: the texts of the options, for multiple choice.
        kind: the name of the kind of the sample's answers; None: told from the gold response.
    """
    sample = Sample(id="gold", prompt="?", response=gold, options=options, kind=kind)
    return sample_kind(sample).agree(response, gold, options) is True


def says_gold(response: str, sample: Sample) -> bool | None:
    """Return whether a response says what one of a sample's right responses says.

    Those are its gold responses, or where it has none, the ones it was given with.

    Returns:
        None where it cannot be told; of free text, whatever is not the same counts as wrong.
    """
    gold = sample.gold if sample.gold is not None else sample.response
    others = sample.other_golds if sample.gold is not None else sample.other_responses
    told = agree_with_any(sample, response, (gold, *others))
    return bool(told) if told is not None or not sample_kind(sample).comparable else None


class Tally:
    """Counts one sample at a time, so that a run's decisions can be measured as a stream."""

    def __init__(self) -> None:
        self._samples = 0
        self._responses_right = 0
        self._judged_noisy = 0
        self._found = 0
        self._relabelled = 0
        self._relabelled_right = 0
        self._kept = 0
        self._kept_right = 0
        self._compared = 0
        self._compared_right = 0
        self._size = 0
        self._size_right = 0

    def add(
        self,
        *,
        judged_noisy: bool,
        response_right: bool,
        relabelled: bool,
        final_right: bool | None,
        kept: bool,
        compares: bool = True,
        told: bool = False,
    ) -> None:
        """Count one sample whose gold is known.

        Args:
            judged_noisy: what the checker said of the response as given.
            response_right: whether that response is right.
            relabelled: whether the final response is a new one, be it the same.
            final_right: whether the final response is right; None where there is none. For a sample that was
                not relabelled this is its response as given.
            kept: whether it is in the training set.
            compares: whether a new response can be compared with gold. Free text cannot: two right ones never
                have the same words. It counts for detection alone.
            told: whether the user vouches for a response: what was not found by the tool counts for the
                training set alone.

        Raises:
            ValueError: a sample without a final response is said to be relabelled or in the training set.
        """
        if (kept or relabelled) and final_right is None:
            raise ValueError("a sample without a final response is neither relabelled nor trained on")
        if not told:
            self._samples += 1
            self._responses_right += response_right
            self._judged_noisy += judged_noisy
            self._found += judged_noisy and not response_right
        if not compares:
            return
        self._compared += 1
        self._compared_right += response_right
        if kept:
            self._size += 1
            self._size_right += bool(final_right)
        if relabelled and not told:
            self._relabelled += 1
            self._relabelled_right += bool(final_right)
            self._kept += kept
            self._kept_right += kept and bool(final_right)

    def report(self) -> Metrics:
        """Return the figures over the samples counted so far."""
        wrong = self._samples - self._responses_right
        dropped = self._relabelled - self._kept
        return Metrics(
            samples=self._samples,
            detection=Detection(
                precision=_ratio(self._found, self._judged_noisy),
                recall=_ratio(self._found, wrong),
                # 2PR / (P + R), written so that it is also defined where P or R alone is not.
                f1=_ratio(2 * self._found, self._judged_noisy + wrong),
                wrong=wrong,
                found=self._found,
            ),
            relabel=Relabel(
                accuracy=_ratio(self._relabelled_right, self._relabelled),
                kept_accuracy=_ratio(self._kept_right, self._kept),
                dropped_accuracy=_ratio(self._relabelled_right - self._kept_right, dropped),
                relabelled=self._relabelled,
                kept=self._kept,
                dropped=dropped,
            ),
            training_set=TrainingSet(
                purity=_ratio(self._size_right, self._size),
                size=self._size,
                purity_before=_ratio(self._compared_right, self._compared),
            ),
        )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
