"""TRL's trainer, set up for a LoRA adapter on the device at hand (paper Eq. 9)."""

from collections.abc import Callable
from typing import Any

from training.lora import TrainingConfig
from training.objectives.tokens import IGNORED, Tokens

# Tokens, padding included, of one forward pass. A batch of more is cut into several passes of one step.
_CPU_TOKENS = 1024
_DEVICE_TOKENS = 16_384
# Numbers that a layer keeps for the backward pass, a token and hidden unit: with SmolLM2-135M in bfloat16,
# 1.3 megabytes a token were measured.
_KEPT = 40
# The share of a GPU's free memory that they may take. Models have wider layers than SmolLM2, and weights too.
_SHARE = 0.25
# On a CPU, torch's fused attention is the slower one up to here: its backward pass in bfloat16 took 17 ms a
# layer at 128 tokens, where plain matrix products took 9; at 256 they are even.
_SHORT = 192


def build_trainer(model: Any, tokenizer: Any, tokens: Tokens, config: TrainingConfig, seed: int) -> Any:
    """Return the `trl.SFTTrainer` that trains a model on tokens.

    Args:
        model: a PEFT model.
        tokenizer: the model's own.
        tokens: the samples, read. The folder they are in is TRL's output folder.
        config: how to train.
        seed: of the order of the samples.
    """
    import torch
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import PrinterCallback
    from trl.trainer.sft_config import SFTConfig

    cuda = torch.cuda.is_available()
    budget = _DEVICE_TOKENS if cuda else _CPU_TOKENS
    rows = _rows_per_pass(config.batch_size, budget // tokens.longest)
    recompute = must_recompute(model, rows * tokens.longest) if cuda else tokens.longest > budget
    settings = SFTConfig(
        output_dir=str(tokens.file.parent),
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.scheduler,
        # Below 1 it is a share of all steps.
        warmup_steps=config.warmup,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=config.batch_size // rows,
        gradient_checkpointing=recompute,
        # The model is in its training dtype already, and its adapter in float32: there is nothing to cast.
        bf16=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        train_sampling_strategy="group_by_length",
        dataloader_pin_memory=cuda,
        logging_steps=1,
        logging_nan_inf_filter=False,
        # Checkpoints are written when `training/progress.py` says so.
        save_strategy="no",
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
    )
    # One process trains on one device: with several in sight, TRL would refuse to start.
    settings._n_gpu = min(settings.n_gpu, 1)
    if not cuda and tokens.longest <= _SHORT:
        model.set_attn_implementation("eager")
    dataset = Dataset.from_file(str(tokens.file))
    soft = config.weighting == "soft"
    trainer = _trainer_class()(
        model,
        args=settings,
        train_dataset=dataset if soft else dataset.remove_columns("weight"),
        processing_class=tokenizer,
    )
    if soft:
        trainer.data_collator = _with_weights(trainer.data_collator)
    # It prints every step on stdout.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _trainer_class() -> Any:
    import torch
    from trl.trainer.sft_trainer import SFTTrainer

    class ResponseTrainer(SFTTrainer):
        """`SFTTrainer` that, without a GPU, projects only the positions with a label on the vocabulary.

        TRL does so on a GPU alone; elsewhere it projects them all, which made training 1.6 times as slow.
        Nor does TRL weigh samples: where they have weights, this does, and a batch's loss is still divided by
        its tokens, so that doubtful samples teach less.
        """

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            weights = inputs.pop("weight", None)
            if weights is None and (
                self.accelerator.device.type not in ("cpu", "mps") or self.aux_loss_enabled
            ):
                return super().compute_loss(  # type: ignore[no-untyped-call]
                    model, inputs, return_outputs, num_items_in_batch
                )
            labels = inputs["labels"][:, 1:]
            positions = (labels != IGNORED).any(dim=0).nonzero().squeeze(1)
            logits = model(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                use_cache=False,
                logits_to_keep=positions,
            ).logits
            losses = torch.nn.functional.cross_entropy(
                logits.float().flatten(0, 1),
                labels[:, positions].flatten(),
                ignore_index=IGNORED,
                reduction="none",
            ).view(len(labels), -1)
            total = losses.sum() if weights is None else (losses * weights[:, None]).sum()
            return total / ((labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)

    return ResponseTrainer


def _with_weights(collate: Callable[[list[dict[str, Any]]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    import torch

    def collate_with_weights(examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = collate(examples)
        batch["weight"] = torch.tensor([example["weight"] for example in examples])
        return batch

    return collate_with_weights


def must_recompute(model: Any, tokens: int) -> bool:
    """Say whether the activations of a pass are too many for a GPU's free memory, and must be computed twice.

    Args:
        model: the one that is trained.
        tokens: of one pass, padding included.
    """
    import torch

    sizes = model.config.get_text_config()
    kept = _KEPT * sizes.num_hidden_layers * sizes.hidden_size * model.dtype.itemsize * tokens
    free, _ = torch.cuda.mem_get_info()
    return bool(kept > _SHARE * free)


def _rows_per_pass(batch_size: int, most: int) -> int:
    """Return the largest divisor of the batch size that is at most `most`, and at least 1."""
    return max((rows for rows in range(1, most + 1) if batch_size % rows == 0), default=1)
