"""What can go wrong in fine-tuning."""

from collections.abc import Sequence

from stores.errors import InputError, RobustFTError

# Ids in a message; the record has them all.
_SHOWN = 16


class TrainingError(RobustFTError):
    """Fine-tuning failed."""


class NotFiniteError(TrainingError):
    """A step's loss or gradient is not finite; the weights are still those of before the step.

    Args:
        step: the step, from 1.
        samples: ids of the samples whose loss was not finite, or of the whole step's.
        fault: what was not finite, as a clause.
        cause: the likely cause.
        rising: whether the losses before had been rising.
    """

    def __init__(self, *, step: int, samples: Sequence[str], fault: str, cause: str, rising: bool) -> None:
        more = f" and {len(samples) - _SHOWN} more" if len(samples) > _SHOWN else ""
        names = ", ".join(samples[:_SHOWN])
        super().__init__(f"{fault} at step {step}, on the samples {names}{more}; likely cause: {cause}")
        self.step = step
        self.samples = tuple(samples)
        self.fault = fault
        self.cause = cause
        self.rising = rising


class LostProcessError(TrainingError):
    """One of several processes that train together failed. The message has its last words."""


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
