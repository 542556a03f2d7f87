"""Several processes: the adapter is as one process's, and none outlives the run or fails in silence."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import torch

from tests.support.processes import (
    CONFIG,
    PLAIN,
    farthest,
    of_two,
    processes_of,
    tensors,
    train_in,
    use_setting,
)
from tests.support.waiting import wait_until
from training.errors import LostProcessError, TrainingError, TrainingInterrupted
from training.job import RunFiles
from training.launch import _last_words, _whole_lines
from training.progress import TrainingStep

# What two processes may differ by from one, in float32: they add the same numbers in another order.
LOSS, NUMBER = 1e-5, 1e-5

# Run by each Python that is started: the second process's third loss is not finite, or it ends there.
POISON = """
import os
if os.environ.get("RANK") == "1":
    import torch
    whole, calls = torch.nn.functional.cross_entropy, 0
    def poisoned(*arguments, **named):
        global calls
        calls += 1
        losses = whole(*arguments, **named)
        if calls == 3:
            HAPPENS
        return losses
    torch.nn.functional.cross_entropy = poisoned
"""


class OnceStarted(NamedTuple):
    """Says stop as soon as the processes are started: they have no step yet, and end after the first."""

    work: Path

    def is_set(self) -> bool:
        return RunFiles(self.work).progress.exists()


@pytest.fixture
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have something happen to the second process in its third step."""

    def put(happens: str) -> None:
        folder = tmp_path / "poison"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(POISON.replace("HAPPENS", happens))
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return put


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    use_setting(monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"weighting": "soft"}, {}),
        ({"parallel": "fsdp"}, {}),
        ({"parallel": "fsdp", "gradient_checkpointing": True}, {"own_loss": False, "own_layers": False}),
    ],
    ids=["ddp with weights", "fsdp", "fsdp with TRL's loss"],
)
def test_two_processes_train_as_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], setting: dict[str, Any]
) -> None:
    use_setting(monkeypatch, PLAIN.model_copy(update=setting))
    steps: dict[str, list[TrainingStep]] = {"one": [], "two": []}
    config = CONFIG.model_copy(update={name: value for name, value in changes.items() if name != "parallel"})
    alone = train_in(tmp_path / "one", config, report=steps["one"].append)
    together = train_in(tmp_path / "two", of_two(**changes), report=steps["two"].append)

    assert [(step.step, step.total) for step in steps["two"]] == [(step, 9) for step in range(1, 10)]
    assert [step.loss for step in steps["two"]] == pytest.approx(
        [step.loss for step in steps["one"]], rel=LOSS
    )
    assert (together.samples, together.steps) == (alone.samples, alone.steps) == (11, 9)
    assert together.loss == pytest.approx(alone.loss, rel=LOSS)
    assert farthest(tmp_path / "one", tmp_path / "two") < NUMBER
    assert {file.name for file in (tmp_path / "two" / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert {file.name for file in (tmp_path / "two").iterdir()} == {"model", "training.jsonl", "adapter"}


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_an_interrupted_training_of_two_goes_on_as_if_it_had_not_been(tmp_path: Path, parallel: str) -> None:
    config = of_two(parallel=parallel)
    train_in(tmp_path / "whole")
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    with pytest.raises(TrainingInterrupted):
        train_in(tmp_path / "cut", config, stop=OnceStarted(checkpoints), checkpoints=checkpoints)
    assert processes_of(tmp_path) == []
    (kept,) = checkpoints.glob("checkpoint-*")
    steps: list[TrainingStep] = []
    outcome = train_in(tmp_path / "cut", config, report=steps.append, checkpoints=checkpoints)
    assert steps[0].step == int(kept.name.rpartition("-")[2]) + 1
    assert outcome.steps == 9
    assert farthest(tmp_path / "whole", tmp_path / "cut") < NUMBER
    assert not checkpoints.exists()


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["fsdp"])
def test_a_step_that_is_not_finite_in_one_process_is_done_again_by_both(
    tmp_path: Path, poison: Any, parallel: str
) -> None:
    train_in(tmp_path / "whole")
    poison("losses = losses * float('nan')")
    steps: list[TrainingStep] = []
    # Each starts anew for the retry, and comes to its third loss again; there is none if two steps are left.
    outcome = train_in(tmp_path / "two", of_two(epochs=1, parallel=parallel), report=steps.append)
    retry = outcome.retry
    assert retry is not None
    assert (retry.step, retry.fault, retry.cause) == (3, "the loss was nan", "unknown")
    # Those of the second process alone, without what fills the batch.
    assert 0 < len(retry.samples) <= 2
    assert all(name.startswith("row-") for name in retry.samples)
    assert [step.step for step in steps] == [1, 2, 3]
    assert all(bool(torch.isfinite(values).all()) for values in tensors(tmp_path / "two").values())


@pytest.mark.slow
def test_a_second_fault_is_one_error_that_says_both(tmp_path: Path, poison: Any) -> None:
    poison("losses = losses * float('nan')")
    with pytest.raises(TrainingError, match=r"step 5.*This was the second try.*in the first.*step 3"):
        train_in(tmp_path / "two", of_two())
    assert not (tmp_path / "two" / "adapter").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (
            "raise RuntimeError('out of \\x1b[31m memory')",
            r"process 2 of 2 failed: RuntimeError: out of \\x1b\[31m memory",
        ),
        ("os.kill(os.getpid(), 9)", r"\b2 of 2 ended without a word"),
    ],
    ids=["an exception", "killed"],
)
def test_a_process_that_fails_is_one_error_with_its_last_words_and_checkpoints_stay(
    tmp_path: Path, poison: Any, happens: str, said: str
) -> None:
    poison(happens)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    with pytest.raises(LostProcessError, match=said) as raised:
        train_in(tmp_path / "two", of_two(), checkpoints=checkpoints)
    assert "\x1b" not in str(raised.value)
    if "kill" in happens:
        assert "SIGKILL" in str(raised.value)
    assert len(str(raised.value)) < 4000
    assert checkpoints.is_dir()
    assert processes_of(tmp_path) == []
    assert not (tmp_path / "two" / "adapter").exists()


# Owns a training as a run does, and never comes to its end.
OWNER = """
import sys
from pathlib import Path
from tests.support.processes import CONFIG, of_two, train_in
train_in(Path(sys.argv[1]), of_two(epochs=10_000), report=lambda step: print(step.step, flush=True))
"""


@pytest.mark.slow
def test_no_process_outlives_an_owner_that_is_killed(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "two")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"1\n"
    below = psutil.Process(owner.pid).children(recursive=True)
    # A supervisor, the launcher, and the two.
    assert len(below) >= 4
    owner.send_signal(signal.SIGKILL)
    owner.wait(timeout=20)
    wait_until(lambda: not any(process.is_running() for process in below))
    assert processes_of(tmp_path) == []


@pytest.mark.slow
def test_an_error_in_what_is_told_of_a_step_ends_all_processes(tmp_path: Path) -> None:
    def fail(step: TrainingStep) -> None:
        raise KeyError("nobody listens")

    with pytest.raises(KeyError, match="nobody listens"):
        train_in(tmp_path / "two", of_two(epochs=10_000), report=fail)
    assert processes_of(tmp_path) == []


def test_lines_are_read_when_they_are_whole_and_no_longer_than_they_may_be(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    with file.open("wb", buffering=0) as writing, file.open("rb") as reading:
        writing.write(b"one\ntw")
        assert list(_whole_lines(reading)) == [b"one\n"]
        writing.write(b"o\n" + b"x" * 10_000 + b"\nthree\n")
        assert list(_whole_lines(reading)) == [b"two\n", b"three\n"]


def test_last_words_are_few_short_and_printable(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"\n".join([b"first", *[b"\x1b[2J" + b"y" * 1000] * 100, b"W1128 12:00:00 closing", b"\xff"])
    )
    said = _last_words(log)
    assert len(said.splitlines()) == 6
    assert len(said) < 6 * 310
    assert "\x1b" not in said
    assert "closing" not in said
