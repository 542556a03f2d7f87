"""How well noise was found, repaired and kept out, measured against gold labels (paper section 4).

Gold is for these figures alone. A figure whose denominator is 0 is None: nothing was measured.
"""

from pydantic import BaseModel, ConfigDict

from agents.answers.kind import answer_kind


class DetectionMetrics(BaseModel):
    """How well noisy labels were found; "positive" is a label judged noisy.

    Args:
        precision: share of the labels judged noisy that are wrong, 0 to 1.
        recall: share of the wrong labels that were judged noisy, 0 to 1.
        f1: their harmonic mean.
        wrong: wrong labels in the data.
        found: those of them that were judged noisy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: float | None
    recall: float | None
    f1: float | None
    wrong: int
    found: int


class RelabelMetrics(BaseModel):
    """How right the labels are that were made anew.

    Args:
        accuracy: share of all relabelled samples whose new label is right, 0 to 1.
        selected_accuracy: the same among those that selection kept.
        dropped_accuracy: the same among those that it left out.
        relabelled: samples that `accuracy` is about.
        selected: samples that `selected_accuracy` is about.
        dropped: samples that `dropped_accuracy` is about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float | None
    selected_accuracy: float | None
    dropped_accuracy: float | None
    relabelled: int
    selected: int
    dropped: int


class TrainingSetMetrics(BaseModel):
    """How right the labels are that are trained on.

    Args:
        purity: share of right labels in the training set, 0 to 1.
        size: samples in the training set whose gold is known.
        purity_before: share of right labels in the data as given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    purity: float | None
    size: int
    purity_before: float | None


class Metrics(BaseModel):
    """Every figure that needs gold, over the samples whose gold is known.

    Args:
        samples: how many those are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    detection: DetectionMetrics
    relabel: RelabelMetrics
    training_set: TrainingSetMetrics


def is_right(response: str, gold: str, options: tuple[str, ...] = ()) -> bool:
    """Return whether a response says what the gold one says; see `agents.answers.kind`.

    Free text counts as right only where it is the same but for case, punctuation and articles.

    Args:
        response: the label or answer to look at.
        gold: the right response.
        options: the texts of the options, for multiple choice.
    """
    return answer_kind(gold, options).agree(response, gold, options) is True


class Tally:
    """Counts one sample at a time, so that a run's decisions can be measured as a stream."""

    def __init__(self) -> None:
        self._samples = 0
        self._labels_right = 0
        self._judged_noisy = 0
        self._found = 0
        self._relabelled = 0
        self._relabelled_right = 0
        self._selected = 0
        self._selected_right = 0
        self._size = 0
        self._size_right = 0

    def add(
        self, *, judged_noisy: bool, label_right: bool, relabelled: bool, final_right: bool | None, kept: bool
    ) -> None:
        """Count one sample whose gold is known.

        Args:
            judged_noisy: what the checker said of the label as given.
            label_right: whether that label is right.
            relabelled: whether the final label was made anew, be it the same.
            final_right: whether the label the sample left the graph with is right; None where it failed
                and has none. For a sample that was not relabelled this is its label as given.
            kept: whether it is in the training set.

        Raises:
            ValueError: a sample without a final label is said to be relabelled or in the training set.
        """
        if (kept or relabelled) and final_right is None:
            raise ValueError("a sample without a final label is neither relabelled nor in the training set")
        self._samples += 1
        self._labels_right += label_right
        if judged_noisy:
            self._judged_noisy += 1
            self._found += not label_right
        if kept:
            self._size += 1
            self._size_right += bool(final_right)
        if relabelled:
            self._relabelled += 1
            self._relabelled_right += bool(final_right)
            self._selected += kept
            self._selected_right += kept and bool(final_right)

    def report(self) -> Metrics:
        """Return the figures over the samples counted so far."""
        wrong = self._samples - self._labels_right
        dropped = self._relabelled - self._selected
        return Metrics(
            samples=self._samples,
            detection=DetectionMetrics(
                precision=_share(self._found, self._judged_noisy),
                recall=_share(self._found, wrong),
                # 2PR / (P + R), written so that it is also defined where P or R alone is not.
                f1=_share(2 * self._found, self._judged_noisy + wrong),
                wrong=wrong,
                found=self._found,
            ),
            relabel=RelabelMetrics(
                accuracy=_share(self._relabelled_right, self._relabelled),
                selected_accuracy=_share(self._selected_right, self._selected),
                dropped_accuracy=_share(self._relabelled_right - self._selected_right, dropped),
                relabelled=self._relabelled,
                selected=self._selected,
                dropped=dropped,
            ),
            training_set=TrainingSetMetrics(
                purity=_share(self._size_right, self._size),
                size=self._size,
                purity_before=_share(self._labels_right, self._samples),
            ),
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
