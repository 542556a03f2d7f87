"""What can go wrong in fine-tuning."""

from stores.errors import InputError, RobustFTError


class TrainingError(RobustFTError):
    """Fine-tuning failed."""


class TrainingInterrupted(RobustFTError):  # noqa: N818 (it is no error: somebody asked for it)
    """Fine-tuning was asked to stop."""


class NothingToTrainError(InputError):
    """No sample of the training file can be trained on."""
