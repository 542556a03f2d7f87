"""What can go wrong in fine-tuning."""

from collections.abc import Sequence

from stores.errors import InputError, RobustFTError


class TrainingError(RobustFTError):
    """Fine-tuning failed."""


class TrainingInterrupted(RobustFTError):  # noqa: N818 (it is no error: somebody asked for it)
    """Fine-tuning was asked to stop."""


class NothingToTrainError(InputError):
    """No sample of the training file can be trained on.

    Args:
        message: what is wrong.
        dropped: the ids of the samples that were left out as too long.
    """

    def __init__(self, message: str, dropped: Sequence[str]) -> None:
        super().__init__(message)
        self.dropped = tuple(dropped)
