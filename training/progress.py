"""What a training reports after each step, and when it writes a checkpoint."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from training.processes import any_says

# A kill costs this much training at most; writing an adapter and its optimiser takes a fraction of a second.
_CHECKPOINT_SECONDS = 60


class Stop(Protocol):
    """What tells a training to end after the step under way, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether it is to end."""


class TrainingStep(BaseModel):
    """How far training is, after one optimiser step.

    Args:
        step: the steps done.
        total: the steps there will be.
        loss: mean negative log-probability of the step's response tokens, in nats.
        samples_per_second: over the steps so far.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    total: int
    loss: float
    samples_per_second: float


def make_progress(report: Callable[[TrainingStep], None], stop: Stop, batch_size: int) -> Any:
    """Return a `transformers.TrainerCallback` that reports each step, and ends training when told to.

    Its `loss` is that of the last step, its `total_loss` the sum over all steps, those before an interruption
    included. A checkpoint is written every minute, and when training is told to stop. Several processes agree
    on both.

    Args:
        report: called after each step.
        stop: set it to end training after the step under way.
        batch_size: samples a step.
    """
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        loss = 0.0
        total_loss = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._began = self._saved = time.monotonic()
            self._first_step = state.global_step
            if state.log_history:
                self.total_loss = state.log_history[-1]["total_loss"]

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # Together, since a checkpoint is written by all.
            due, stops = any_says(time.monotonic() - self._saved > _CHECKPOINT_SECONDS, stop.is_set())
            control.should_training_stop |= stops
            control.should_save |= due or stops

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self._saved = time.monotonic()

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # The last log, of the run as a whole, has none.
            if "loss" not in kwargs["logs"]:
                return
            self.loss = float(kwargs["logs"]["loss"])
            self.total_loss += self.loss
            # Written into the checkpoint; a long run would fill the memory with every step's.
            state.log_history[:] = [{"step": state.global_step, "total_loss": self.total_loss}]
            steps = state.global_step - self._first_step
            report(
                TrainingStep(
                    step=state.global_step,
                    total=state.max_steps,
                    loss=self.loss,
                    samples_per_second=steps * batch_size / (time.monotonic() - self._began),
                )
            )

    return Progress()


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint in a folder that was written in full, or None."""
    found = {int(path.name.rpartition("-")[2]): path for path in folder.glob("checkpoint-*")}
    whole = [step for step, path in found.items() if _is_complete(path / "trainer_state.json")]
    return str(found[max(whole)]) if whole else None


def _is_complete(state: Path) -> bool:
    # A checkpoint's state is written last.
    try:
        return "global_step" in json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
