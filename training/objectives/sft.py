"""TRL's trainer, set up for a LoRA adapter on the device at hand (paper Eq. 9)."""

import warnings
from typing import Any

from training.arguments import read_arguments
from training.lora import TrainingConfig
from training.objectives.tokens import Tokens
from training.objectives.trainer import make_trainer
from training.processes import world_size
from training.setting import Setting, rows_per_pass
from training.watch import make_watch


def build_trainer(
    model: Any,
    tokenizer: Any,
    tokens: Tokens,
    config: TrainingConfig,
    setting: Setting,
    seed: int,
    *,
    recomputes: bool = False,
) -> Any:
    """Return the `trl.SFTTrainer` that trains a model on tokens.

    Args:
        model: a PEFT model.
        tokenizer: the model's own.
        tokens: the samples, read. The folder they are in is TRL's output folder.
        config: how to train.
        setting: how the model is computed.
        seed: of the order of the samples.
        recomputes: whether activations are computed twice.

    Raises:
        InputError: `training.args` has a field that cannot be used.
    """
    import torch
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import PrinterCallback

    settings = _settings(tokens, config, setting, seed, recomputes=recomputes)
    dataset = Dataset.from_file(str(tokens.file))
    watch = make_watch(config.learning_rate, setting.dtype, padding_is_safe=setting.attention == "eager")
    # What TRL will rename in a later version is no news to a user.
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        trainer = make_trainer(
            model,
            settings,
            dataset if config.weighting == "soft" else dataset.remove_columns("weight"),
            tokenizer,
            setting,
            watch,
        )
    # It prints every step on stdout.
    trainer.remove_callback(PrinterCallback)
    for matrix in model.parameters():
        # TRL makes those of a quantised model bfloat16, where small steps are rounded away.
        if matrix.requires_grad:
            matrix.data = matrix.data.to(torch.float32)
    return trainer


def _settings(
    tokens: Tokens, config: TrainingConfig, setting: Setting, seed: int, *, recomputes: bool
) -> Any:
    import torch
    from trl.trainer.sft_config import SFTConfig

    processes = world_size()
    of_one = config.batch_size // processes
    rows = rows_per_pass(of_one, tokens.longest)
    splits: Any = (processes > 1 and config.parallel == "fsdp") or None
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        settings = SFTConfig(
            output_dir=str(tokens.file.parent),
            num_train_epochs=config.epochs,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.scheduler,
            # Below 1 it is a share of all steps.
            warmup_steps=config.warmup,
            weight_decay=config.weight_decay,
            max_grad_norm=config.max_grad_norm,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=of_one // rows,
            gradient_checkpointing=recomputes,
            # The model is in its training dtype already, and its adapter in float32.
            bf16=False,
            max_length=None,
            padding_free=setting.padding_free,
            use_liger_kernel=setting.liger,
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            # Without padding, nothing is saved by samples of like length.
            train_sampling_strategy="random" if setting.padding_free else "group_by_length",
            # Several processes of a CPU find each other by gloo.
            use_cpu=processes > 1 and not torch.cuda.is_available(),
            # Version 2 splits each layer's parameters alone, so that frozen and trained ones may be mixed.
            fsdp=splits,
            fsdp_config={"version": 2, "state_dict_type": "FULL_STATE_DICT"},
            dataloader_pin_memory=torch.cuda.is_available(),
            logging_steps=1,
            logging_nan_inf_filter=False,
            # Checkpoints are written when `training/progress.py` says so.
            save_strategy="no",
            save_total_limit=1,
            report_to="none",
            disable_tqdm=True,
            seed=seed,
            data_seed=seed,
            **read_arguments(config),
        )
    # One process trains on one device: with several in sight, TRL would refuse to start.
    settings._n_gpu = min(settings.n_gpu, 1)
    return settings
