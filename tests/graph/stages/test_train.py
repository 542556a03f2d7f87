"""A training set is trained on once, and only what was trained on stays in it."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from graph.stages.outcomes import reuse_outcome
from graph.stages.stage import Workspace
from graph.stages.train import train, trained_before
from graph.state import RunState
from stores.record_files import read_records, write_records
from stores.records import TrainingRow
from stores.sample import Message
from tests.support.stages import run_stage
from tests.support.waiting import until
from training.attempt import TrainingOutcome
from training.errors import NothingToTrainError, TrainingInterrupted
from training.progress import TrainingStep


class Trainer:
    """In the place of the trainer, which takes minutes: notes what it is given, and leaves an adapter."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.found: list[list[str]] = []
        self.dropped: tuple[str, ...] = ()
        self.nothing = False
        self.waits = False
        self.started = threading.Event()
        self.ended = threading.Event()

    def __call__(
        self, training: Path, weights: str, adapter: Path, config: Any, **hooks: Any
    ) -> TrainingOutcome:
        self.given.append({"training": training, "weights": weights, "config": config, **hooks})
        self.found.append(sorted(path.name for path in hooks["checkpoints"].iterdir()))
        (hooks["checkpoints"] / "checkpoint-1").mkdir(exist_ok=True)
        self.started.set()
        if self.waits:
            hooks["stop"].wait(60)
            self.ended.set()
            raise TrainingInterrupted("stopped")
        if self.nothing:
            raise NothingToTrainError("all are too long", ("a", "b"))
        hooks["report"](TrainingStep(step=3, total=3, loss=0.25, samples_per_second=1.0))
        adapter.mkdir(exist_ok=True)
        (adapter / "adapter_config.json").write_bytes(b"{}")
        (adapter / "adapter_model.safetensors").write_bytes(b"weights")
        return TrainingOutcome(samples=2, steps=3, loss=0.5, seconds=1.0, dropped=self.dropped, cut=())


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, work: Workspace) -> Trainer:
    found = Trainer()
    monkeypatch.setattr("training.finetune.train_adapter", found)
    rows = [
        TrainingRow(
            id=name,
            prompt=(Message(role="user", content="?"),),
            completion=(Message(role="assistant", content="!"),),
            source="original",
        )
        for name in ("a", "b")
    ]
    write_records(work.files.training, rows)
    return found


def state_of(work: Workspace, inputs: str = "x") -> RunState:
    return RunState(directory=str(work.files.path), training_inputs=inputs)


def rows_of(work: Workspace) -> list[str]:
    return [row.id for row in read_records(work.files.training, TrainingRow)]


async def test_training_is_given_the_set_the_model_and_the_seed_and_says_how_far_it_is(
    work: Workspace, trainer: Trainer
) -> None:
    ended = await run_stage(train, state_of(work))
    (given,) = trainer.given
    assert given["training"] == work.files.training
    assert given["seed"] == work.config.run.seed
    assert given["config"] == work.config.training
    assert ("train", 3, 3, 0, "loss 0.250") in ended.progress
    assert rows_of(work) == ["a", "b"]


async def test_the_same_inputs_are_trained_on_once(work: Workspace, trainer: Trainer) -> None:
    for _ in range(2):
        await run_stage(train, state_of(work))
    assert len(trainer.given) == 1
    known = trained_before(work, "x")
    assert known is not None
    assert (known["samples"], known["loss"]) == (2, 0.5)
    assert trained_before(work, "y") is None


async def test_other_inputs_are_trained_on_anew(work: Workspace, trainer: Trainer) -> None:
    for inputs in ("x", "y", "y"):
        await run_stage(train, state_of(work, inputs))
    assert len(trainer.given) == 2
    assert trained_before(work, "x") is None


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
@pytest.mark.parametrize("content", [None, b"", b"weighte"], ids=["lost", "emptied", "changed"])
async def test_an_adapter_that_is_not_what_was_made_is_made_again(
    name: str, content: bytes | None, work: Workspace, trainer: Trainer, caplog: pytest.LogCaptureFixture
) -> None:
    await run_stage(train, state_of(work))
    file = work.files.adapter / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    await run_stage(train, state_of(work))
    assert len(trainer.given) == 2
    assert f"{work.files.adapter}: was damaged or removed; the stage train is done again" in caplog.messages
    await run_stage(train, state_of(work))
    assert len(trainer.given) == 2


async def test_what_is_too_long_leaves_the_training_set(work: Workspace, trainer: Trainer) -> None:
    trainer.dropped = ("b",)
    await run_stage(train, state_of(work))
    assert rows_of(work) == ["a"]
    known = trained_before(work, "x")
    assert known is not None
    assert tuple(known["dropped"]) == ("b",)


async def test_where_nothing_can_be_trained_on_an_earlier_adapter_does_not_pass_for_a_new_one(
    work: Workspace, trainer: Trainer
) -> None:
    await run_stage(train, state_of(work))
    trainer.nothing = True
    await run_stage(train, state_of(work, "y"))
    assert not work.files.adapter.exists()
    assert rows_of(work) == []
    assert reuse_outcome(work, "train", "y", work.files.adapter) == {
        "skipped": "all are too long",
        "dropped": ["a", "b"],
    }
    await run_stage(train, state_of(work, "y"))
    assert len(trainer.given) == 2


async def test_training_goes_on_from_checkpoints_of_the_same_inputs_alone(
    work: Workspace, trainer: Trainer
) -> None:
    for inputs in ("x", "x", "y"):
        work.journal.end_stage("train", 0.0, None)
        await run_stage(train, state_of(work, inputs))
    assert trainer.found == [["inputs"], ["checkpoint-1", "inputs"], ["inputs"]]


async def test_checkpoints_of_another_number_of_processes_are_not_gone_on_from(
    work: Workspace, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `processes: auto` on a machine with other GPUs.
    for count in (1, 2, 2, 1):
        monkeypatch.setattr("training.processes.process_count", lambda _, count=count: count)
        work.journal.end_stage("train", 0.0, None)
        await run_stage(train, state_of(work))
    assert trainer.found == [["inputs"], ["inputs"], ["checkpoint-1", "inputs"], ["inputs"]]


async def test_a_run_that_is_stopped_waits_for_the_step_that_is_under_way(
    work: Workspace, trainer: Trainer
) -> None:
    trainer.waits = True
    running = asyncio.create_task(run_stage(train, state_of(work)))
    await until(trainer.started.is_set)
    assert not trainer.ended.is_set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert trainer.ended.is_set()
    assert trained_before(work, "x") is None
