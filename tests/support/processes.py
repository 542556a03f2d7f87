"""Training on a dozen short rows by one process or several, and what is left of processes."""

import json
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.support.tiny_models import save_tiny_model
from training.attempt import TrainingOutcome
from training.finetune import train_adapter
from training.lora import TrainingConfig
from training.setting import Setting

# 11 samples, so that the last batch of an epoch is not whole.
ROWS = [
    {
        "id": f"row-{number}",
        "prompt": [{"role": "user", "content": "Hi?" * (number % 3 + 1)}],
        "completion": [{"role": "assistant", "content": "Yes" * (number % 5 + 1)}],
        "source": "original",
        "weight": 1 - number / 20,
    }
    for number in range(11)
]
CONFIG = TrainingConfig(epochs=3, batch_size=4, learning_rate=0.01)
PLAIN = Setting(dtype="float32", attention="eager", own_layers=True, own_loss=True)


def use_setting(monkeypatch: pytest.MonkeyPatch, setting: Setting = PLAIN) -> None:
    """Train in one setting on every machine, so that adapters can be compared."""
    monkeypatch.setattr("training.finetune.choose_setting", lambda *_: setting)


def train_in(folder: Path, config: TrainingConfig = CONFIG, **hooks: Any) -> TrainingOutcome:
    """Train the tiny model in a folder, which is made; the adapter is left there."""
    folder.mkdir(exist_ok=True)
    model = folder / "model"
    if not model.is_dir():
        save_tiny_model(model)
    file = folder / "training.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    given = {"seed": 0, "report": lambda _: None, "stop": threading.Event(), **hooks}
    return train_adapter(file, str(model), folder / "adapter", config, **given)


def of_two(config: TrainingConfig = CONFIG, **changes: Any) -> TrainingConfig:
    return config.model_copy(update={"processes": 2, **changes})


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "adapter" / "adapter_model.safetensors"))


def farthest(one: Path, other: Path) -> float:
    """Return the largest difference between two adapters' numbers."""
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that a training in a folder has under way."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in words):
            found.append(process)
    return found
