"""What a run and the processes of its training tell each other: a job, how far it is, and how it ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from stores.records import TrainingRetry
from training.attempt import TrainingOutcome
from training.lora import TrainingConfig
from training.setting import Setting


class Job(BaseModel):
    """What the processes are to do. The samples are in the folder, as tokens.

    Args:
        weights: the model to tune.
        config: how to train.
        setting: how the model is computed, in the first try.
        seed: of the training.
        samples: how many there are.
        longest: the tokens of the longest.
        retry: why and how to go on after a step that was not finite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str
    config: TrainingConfig
    setting: Setting
    seed: int
    samples: int
    longest: int
    retry: TrainingRetry | None = None


class Fault(BaseModel):
    """What a process saw of a step that was not finite; see `training.errors.NotFiniteError`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    samples: tuple[str, ...]
    fault: str
    cause: str
    rising: bool


class RankReport(BaseModel):
    """How a process ended: with an outcome (the first one), a fault, a failure, or told to stop.

    Args:
        at: when, by a clock that all processes share.
        outcome: of the training.
        fault: what was not finite.
        failure: an exception, in one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    outcome: TrainingOutcome | None = None
    fault: Fault | None = None
    failure: str | None = None


class RunFiles(NamedTuple):
    """The files that the run and its processes leave for each other in a folder."""

    folder: Path

    @property
    def job(self) -> Path:
        """What to do."""
        return self.folder / "job.json"

    @property
    def tokens(self) -> Path:
        """The samples."""
        return self.folder / "tokens.arrow"

    @property
    def progress(self) -> Path:
        """A line a step."""
        return self.folder / "progress.jsonl"

    @property
    def stop(self) -> Path:
        """Is there when they are to end."""
        return self.folder / "stop"

    @property
    def log(self) -> Path:
        """What they print."""
        return self.folder / "processes.log"

    def report_of(self, rank: int) -> Path:
        """Return where a process says how it ended."""
        return self.folder / f"rank-{rank}.json"

    def reports(self) -> Iterator[Path]:
        """Yield those that are there."""
        yield from self.folder.glob("rank-*.json")


class StopFile(NamedTuple):
    """A file whose presence tells a training to end."""

    file: Path

    def is_set(self) -> bool:
        """Whether it is there."""
        return self.file.exists()
