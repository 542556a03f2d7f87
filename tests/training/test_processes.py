"""How many processes a training has on a machine, and what they tell each other."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from stores.errors import InputError
from training.lora import TrainingConfig
from training.processes import (
    any_says,
    is_first,
    mean_of_all,
    process_count,
    share_of_one,
    whole,
    world_size,
)


@pytest.mark.parametrize(
    ("cards", "asked", "count"),
    [(0, 1, 1), (0, "auto", 1), (0, 2, 2), (1, "auto", 1), (4, "auto", 4), (4, 2, 2), (4, 1, 1)],
)
def test_auto_is_one_a_gpu_and_one_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, cards: int, asked: int | str, count: int
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: cards > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: cards)
    assert process_count(TrainingConfig.model_validate({"processes": asked})) == count


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(InputError, match=r"training\.processes: 4 need a GPU each, and 2 in sight; use auto"):
        process_count(TrainingConfig(processes=4))


def test_a_batch_that_the_gpus_cannot_share_alike_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    with pytest.raises(InputError, match=r"training\.batch_size: 8 samples cannot be shared by 3 processes"):
        process_count(TrainingConfig(processes="auto"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"processes": 3}, "batch_size: 8 samples cannot be shared by processes: 3 alike"),
        ({"processes": 0}, "greater than 0"),
        ({"processes": "all"}, "auto"),
        ({"parallel": "fsdp"}, "set processes: auto"),
        ({"parallel": "fsdp", "processes": 2, "quantization": "4bit"}, "use ddp"),
        ({"parallel": "zero"}, "'ddp' or 'fsdp'"),
    ],
)
def test_a_config_that_no_machine_can_carry_out_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainingConfig.model_validate(fields)


def test_each_process_has_its_share_of_a_batch() -> None:
    assert share_of_one(TrainingConfig(batch_size=12), 3).batch_size == 4


def test_one_process_is_the_first_and_hears_itself() -> None:
    assert (world_size(), is_first()) == (1, True)
    assert any_says(True, False) == [True, False]
    assert mean_of_all(2.5) == 2.5
    assert whole(torch.nn.Parameter(torch.ones(2))).tolist() == [1, 1]


# Two processes that meet in a file, without a launcher.
TALK = """
import sys
import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from training.processes import any_says, is_first, mean_of_all, whole, world_size
rank = int(sys.argv[1])
torch.distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
parts = distribute_tensor(torch.arange(4.0), init_device_mesh("cpu", (2,)), [Shard(0)])
print(world_size(), is_first(), any_says(rank == 1, False), mean_of_all(rank), whole(parts).tolist())
print(mean_of_all(float("nan") if rank else 1.0))
"""


@pytest.mark.slow
def test_two_processes_agree(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TALK, str(rank), str(tmp_path / "meeting")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0].splitlines() for process in started]
    assert said == [
        [f"2 {first} [True, False] 0.5 [0.0, 1.0, 2.0, 3.0]", "nan"] for first in ("True", "False")
    ]
