"""The trainer that TRL gives us, set up: its settings, its labels, and batches cut into passes."""

from pathlib import Path

import pytest
import torch

from tests.support.training import CONFIG, LONG, ROWS, read, trained, trainer_of
from training.lora import TrainingConfig
from training.objectives.tokens import IGNORED
from training.progress import TrainingStep

pytestmark = pytest.mark.slow


def test_the_learning_rate_rises_and_falls_as_the_config_says(tmp_path: Path) -> None:
    tokens, tokenizer = read(tmp_path, ROWS, CONFIG)
    config = CONFIG.model_copy(update={"scheduler": "cosine", "warmup": 0.25})
    trainer = trainer_of(tokens, tokenizer, config)
    trainer.create_optimizer_and_scheduler(num_training_steps=8)
    rates = []
    for _ in range(8):
        rates.append(trainer.lr_scheduler.get_last_lr()[0] / config.learning_rate)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert rates[:3] == pytest.approx([0, 0.5, 1])
    assert rates[5] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("scheduler", "warmup", "shares"),
    [
        ("linear", 0.0, [1, 0.75, 0.5, 0.25]),
        ("constant", 0.0, [1, 1, 1, 1]),
        ("constant_with_warmup", 0.5, [0, 0.5, 1, 1]),
        ("inverse_sqrt", 0.25, [0, 1, 0.5**0.5, 3**-0.5]),
    ],
)
def test_every_scheduler_does_what_the_config_says_of_it(
    tmp_path: Path, scheduler: str, warmup: float, shares: list[float]
) -> None:
    tokens, tokenizer = read(tmp_path, ROWS, CONFIG)
    config = CONFIG.model_copy(update={"scheduler": scheduler, "warmup": warmup})
    trainer = trainer_of(tokens, tokenizer, config)
    trainer.create_optimizer_and_scheduler(num_training_steps=4)
    rates = []
    for _ in range(4):
        rates.append(trainer.lr_scheduler.get_last_lr()[0] / config.learning_rate)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert rates == pytest.approx(shares)


def test_settings_and_arguments_reach_the_trainer_and_its_optimiser(tmp_path: Path) -> None:
    config = TrainingConfig(
        batch_size=4,
        max_length=128,
        weight_decay=0.1,
        max_grad_norm=0.5,
        args={"optim": "sgd", "adam_beta1": "8e-1"},
    )
    tokens, tokenizer = read(tmp_path, ROWS, config)
    trainer = trainer_of(tokens, tokenizer, config)
    assert (trainer.args.max_grad_norm, trainer.args.adam_beta1) == (0.5, 0.8)
    optimizer = trainer.create_optimizer()
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["weight_decay"] == 0.1


def test_labels_are_those_trl_makes_and_cover_the_response_alone(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    tokens, tokenizer = read(tmp_path, [*ROWS, LONG], CONFIG.model_copy(update={"max_length": 1024}))
    ours = Dataset.from_file(str(tokens.file))
    trainer = trainer_of(tokens, tokenizer)
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


def test_a_batch_cut_into_passes_has_the_loss_of_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_losses(tokens_per_pass: int) -> list[float]:
        monkeypatch.setattr("training.setting._CPU_TOKENS", tokens_per_pass)
        monkeypatch.setattr("training.setting._DEVICE_TOKENS", tokens_per_pass)
        steps: list[TrainingStep] = []
        trained(tmp_path, ROWS, report=steps.append)
        return [step.loss for step in steps]

    whole, cut = first_losses(4096), first_losses(100)
    assert len(whole) == len(cut) == 3
    # The order of the samples is that of the seed, and not of how they were cut.
    assert cut == pytest.approx(whole, rel=0.05)
