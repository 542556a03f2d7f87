"""What a training tells of each step, when it writes a checkpoint, and which checkpoint it goes on from."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from training.progress import TrainingStep, last_checkpoint, make_progress


class Trainer:
    """The part of a trainer that a callback sees."""

    def __init__(
        self, batch_size: int = 4, history: list[dict[str, Any]] | None = None, step: int = 0
    ) -> None:
        self.steps: list[TrainingStep] = []
        self.stop = threading.Event()
        self.state = SimpleNamespace(global_step=step, max_steps=6, log_history=history or [])
        self.control = SimpleNamespace(should_training_stop=False, should_save=False)
        self.progress = make_progress(self.steps.append, self.stop, batch_size)
        self.progress.on_train_begin(None, self.state, self.control)

    def step(self, loss: float) -> None:
        self.state.global_step += 1
        self.progress.on_step_end(None, self.state, self.control)
        self.state.log_history.append({"loss": loss})
        self.progress.on_log(None, self.state, self.control, logs={"loss": loss})


def test_every_step_is_reported_with_its_own_loss() -> None:
    trainer = Trainer()
    for loss in (3.0, 2.0, 1.5):
        trainer.step(loss)
    assert [(step.step, step.total, step.loss) for step in trainer.steps] == [
        (1, 6, 3.0),
        (2, 6, 2.0),
        (3, 6, 1.5),
    ]
    assert all(step.samples_per_second > 0 for step in trainer.steps)
    assert trainer.progress.total_loss == 6.5


def test_the_log_of_the_whole_run_is_no_step() -> None:
    trainer = Trainer()
    trainer.step(3.0)
    trainer.progress.on_log(None, trainer.state, trainer.control, logs={"train_runtime": 5.0})
    assert len(trainer.steps) == 1
    assert trainer.progress.total_loss == 3.0


def test_the_losses_before_an_interruption_count() -> None:
    before = Trainer()
    before.step(3.0)
    before.step(2.0)
    assert len(before.state.log_history) == 1
    after = Trainer(history=before.state.log_history, step=2)
    after.step(1.0)
    assert after.progress.total_loss == 6.0
    assert after.steps[0].step == 3


def test_a_training_that_is_told_to_stop_writes_a_checkpoint_and_ends() -> None:
    trainer = Trainer()
    trainer.step(2.0)
    assert (trainer.control.should_save, trainer.control.should_training_stop) == (False, False)
    trainer.stop.set()
    trainer.step(1.0)
    assert (trainer.control.should_save, trainer.control.should_training_stop) == (True, True)


def test_a_checkpoint_is_written_when_the_last_one_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("training.progress.time.monotonic", lambda: now)
    trainer = Trainer()
    now += 59
    trainer.step(2.0)
    assert not trainer.control.should_save
    now += 2
    trainer.step(2.0)
    assert trainer.control.should_save
    trainer.progress.on_save(None, trainer.state, trainer.control)
    trainer.control.should_save = False
    trainer.step(2.0)
    assert not trainer.control.should_save


def checkpoint(folder: Path, step: int, state: str | None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return path


def test_the_newest_checkpoint_that_is_whole_is_gone_on_from(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    checkpoint(tmp_path, 8, None)
    assert last_checkpoint(tmp_path) is None
    checkpoint(tmp_path, 2, json.dumps({"global_step": 2}))
    whole = checkpoint(tmp_path, 10, json.dumps({"global_step": 10}))
    checkpoint(tmp_path, 11, '{"global_st')
    checkpoint(tmp_path, 12, "{}")
    assert last_checkpoint(tmp_path) == str(whole)
