"""The trainer that TRL gives us, set up: its labels and loss, weights, and batches cut into passes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stores.weights import SMOLLM2, resolve_weights
from tests.support.training import CONFIG, LONG, ROWS, read, trained
from training.lora import LoraSettings, TrainingConfig, load_model
from training.objectives.sft import build_trainer, must_recompute
from training.objectives.tokens import IGNORED
from training.progress import TrainingStep

pytestmark = pytest.mark.slow


def test_the_learning_rate_rises_and_falls_as_the_config_says(tmp_path: Path) -> None:
    tokens, tokenizer = read(tmp_path, ROWS, CONFIG)
    config = CONFIG.model_copy(update={"scheduler": "cosine", "warmup": 0.25})
    trainer = build_trainer(
        load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, config, 0
    )
    trainer.create_optimizer_and_scheduler(num_training_steps=8)
    rates = []
    for _ in range(8):
        rates.append(trainer.lr_scheduler.get_last_lr()[0] / config.learning_rate)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert rates[:3] == pytest.approx([0, 0.5, 1])
    assert rates[5] == pytest.approx(0.5)


def test_labels_are_those_trl_makes_and_cover_the_response_alone(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    tokens, tokenizer = read(tmp_path, [*ROWS, LONG], CONFIG.model_copy(update={"max_length": 1024}))
    ours = Dataset.from_file(str(tokens.file))
    trainer = build_trainer(
        load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, CONFIG, 0
    )
    batch = next(iter(trainer.get_train_dataloader()))
    answers = {tokenizer.decode(labels[labels != IGNORED]) for labels in batch["labels"]}
    assert answers <= {f"{row['completion'][0]['content']}<|im_end|>" for row in [*ROWS, LONG]}

    conversations = Dataset.from_list([*ROWS, LONG]).select_columns(["prompt", "completion"])
    theirs = SFTTrainer(
        trainer.model,
        args=SFTConfig(str(tmp_path / "trl"), completion_only_loss=True, bf16=False, report_to="none"),
        train_dataset=conversations,
        processing_class=tokenizer,
    ).train_dataset
    # Theirs go on to the line break that the template writes behind the end of a turn; ours stop at that end.
    for column in ("input_ids", "labels"):
        assert list(ours[column]) == [tokens[:-1] for tokens in theirs[column]]


def test_the_loss_is_trls_own(tmp_path: Path) -> None:
    from trl import SFTTrainer

    tokens, tokenizer = read(tmp_path, ROWS)
    trainer = build_trainer(
        load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, CONFIG, 0
    )
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        ours = trainer.compute_loss(trainer.model, dict(batch))
        theirs = SFTTrainer.compute_loss(trainer, trainer.model, dict(batch))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4)


def test_a_sample_counts_as_much_as_its_weight(tmp_path: Path) -> None:
    def loss(rows: list[dict[str, Any]], config: TrainingConfig, folder: str) -> float:
        (tmp_path / folder).mkdir()
        tokens, tokenizer = read(tmp_path / folder, rows, config)
        trainer = build_trainer(
            load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, config, 0
        )
        batch = next(iter(trainer.get_train_dataloader()))
        with torch.no_grad():
            # Over as many tokens whatever is in the batch.
            return float(trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=100))

    whole = CONFIG.model_copy(update={"batch_size": 2})
    soft = whole.model_copy(update={"weighting": "soft"})
    first, second = ROWS[0], ROWS[6]
    alone = loss([first], whole, "first"), loss([second], whole, "second")
    weighed = loss([{**first, "weight": 0.25}, {**second, "weight": 1.0}], soft, "weighed")

    assert weighed == pytest.approx(0.25 * alone[0] + alone[1], rel=0.02)
    assert loss([{**first, "weight": 0.25}, second], whole, "hard") == pytest.approx(sum(alone), rel=0.02)


def test_a_batch_cut_into_passes_has_the_loss_of_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_losses(tokens_per_pass: int) -> list[float]:
        monkeypatch.setattr("training.objectives.sft._CPU_TOKENS", tokens_per_pass)
        monkeypatch.setattr("training.objectives.sft._DEVICE_TOKENS", tokens_per_pass)
        steps: list[TrainingStep] = []
        trained(tmp_path, ROWS, report=steps.append)
        return [step.loss for step in steps]

    whole, cut = first_losses(4096), first_losses(100)
    assert len(whole) == len(cut) == 3
    # The order of the samples is that of the seed, and not of how they were cut.
    assert cut == pytest.approx(whole, rel=0.05)


def test_activations_are_computed_twice_only_where_a_gpu_cannot_hold_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = load_model(resolve_weights(SMOLLM2), LoraSettings()).float()
    # 30 layers of 576 units in float32: 2.8 megabytes a token.
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (20 * 2**30, 80 * 2**30))
    assert not must_recompute(model, 16 * 100)
    assert must_recompute(model, 16 * 1000)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (2 * 2**30, 80 * 2**30))
    assert must_recompute(model, 16 * 100)
