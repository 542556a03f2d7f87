"""The loss: TRL's own, by any way of computing it, and with weights of samples in every kind of batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from trl import SFTTrainer

from tests.support.training import CONFIG, ROWS, read, trainer_of
from training.lora import TrainingConfig
from training.setting import Setting

pytestmark = pytest.mark.slow

SETTINGS = {
    "own loss": Setting(dtype="float32", own_loss=True),
    "own loss and layers": Setting(dtype="float32", own_layers=True, own_loss=True, attention="eager"),
    "own loss without padding": Setting(dtype="float32", own_loss=True, padding_free=True),
    "fused": Setting(dtype="float32"),
    # Flash attention is a GPU's; without it, transformers masks samples of one row from each other.
    "fused without padding": Setting(dtype="float32", padding_free=True),
}


def loss(folder: Path, rows: list[dict[str, Any]], config: TrainingConfig, setting: Setting) -> float:
    """Return the loss of the first batch, over as many tokens whatever is in it."""
    folder.mkdir()
    tokens, tokenizer = read(folder, rows, config)
    trainer = trainer_of(tokens, tokenizer, config, setting)
    batch = next(iter(trainer.get_train_dataloader()))
    assert ("attention_mask" in batch) != setting.padding_free
    del batch["id"]
    with torch.no_grad():
        return float(trainer.compute_loss(trainer.model, batch, num_items_in_batch=100))


def test_the_loss_is_trls_own(tmp_path: Path) -> None:
    tokens, tokenizer = read(tmp_path, ROWS)
    trainer = trainer_of(tokens, tokenizer, setting=SETTINGS["own loss"])
    batch = next(iter(trainer.get_train_dataloader()))
    del batch["id"]
    with torch.no_grad():
        ours = trainer.compute_loss(trainer.model, dict(batch))
        theirs = SFTTrainer.compute_loss(trainer, trainer.model, dict(batch))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_sample_counts_as_much_as_its_weight(tmp_path: Path, name: str) -> None:
    whole = CONFIG.model_copy(update={"batch_size": 2})
    soft = whole.model_copy(update={"weighting": "soft"})
    first, second = ROWS[0], ROWS[7]
    weighed = [{**first, "weight": 0.25}, {**second, "weight": 1.0}]
    plain, other = SETTINGS["own loss"], SETTINGS[name]
    alone = loss(tmp_path / "first", [first], whole, plain), loss(tmp_path / "second", [second], whole, plain)

    assert loss(tmp_path / "soft", weighed, soft, other) == pytest.approx(
        0.25 * alone[0] + alone[1], rel=1e-3
    )
    assert loss(tmp_path / "hard", weighed, whole, other) == pytest.approx(sum(alone), rel=1e-3)


def test_gradients_are_the_same_by_every_way_of_computing_them(tmp_path: Path) -> None:
    soft = CONFIG.model_copy(update={"batch_size": 4, "weighting": "soft"})
    rows = [{**row, "weight": 0.25 + 0.5 * (at % 2)} for at, row in enumerate(ROWS[:4])]
    found = {}
    for name, setting in SETTINGS.items():
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        tokens, tokenizer = read(folder, rows, soft)
        trainer = trainer_of(tokens, tokenizer, soft, setting)
        for at, (_, matrix) in enumerate(trainer.model.named_parameters()):
            if matrix.requires_grad:
                torch.manual_seed(at)
                matrix.data = 0.02 * torch.randn(matrix.shape)
        batch = next(iter(trainer.get_train_dataloader()))
        assert sorted(batch["id"]) == sorted(row["id"] for row in rows)
        del batch["id"]
        trainer.compute_loss(trainer.model, batch).backward()
        found[name] = torch.cat(
            [one.grad.flatten() for one in trainer.model.parameters() if one.requires_grad]
        )
    expected = found.pop("own loss")
    for name, gradient in found.items():
        assert float((gradient - expected).norm() / expected.norm()) < 1e-3, name


def test_the_loss_that_arguments_ask_for_is_trls(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"args": {"loss_type": "dft"}})
    usual = loss(tmp_path / "usual", ROWS[:4], CONFIG, SETTINGS["fused"])
    assert loss(tmp_path / "dft", ROWS[:4], config, SETTINGS["fused"]) < 0.9 * usual
