"""`training.args`: fields of TRL's `SFTConfig` that are handed through, checked before training."""

import difflib
import typing
import warnings
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stores.errors import InputError, first_line
from training.lora import TrainingConfig
from training.setting import has_other_loss

_BY_DEVICE = "RobustFT chooses it by the device"
_TOKENS = "RobustFT makes the tokens itself"
_NO_EVALUATION = "name data.test; the model is evaluated after training"
_CHECKPOINTS = "RobustFT writes checkpoints, every minute, and removes them"
_PROGRESS = "RobustFT reports every step itself"
_PROCESSES = "use training.processes and training.parallel"

# What to use instead of a field that RobustFT sets, or that would have no effect.
_OWNED = {
    "output_dir": "the run's directory is `--out`",
    "seed": "use run.seed",
    "data_seed": "use run.seed",
    "num_train_epochs": "use training.epochs",
    "learning_rate": "use training.learning_rate",
    "lr_scheduler_type": "use training.scheduler",
    "warmup_steps": "use training.warmup",
    "weight_decay": "use training.weight_decay",
    "max_grad_norm": "use training.max_grad_norm",
    "per_device_train_batch_size": "use training.batch_size",
    "gradient_accumulation_steps": "use training.batch_size",
    "auto_find_batch_size": "use training.batch_size",
    "gradient_checkpointing": "use training.gradient_checkpointing",
    "activation_checkpointing": "use training.gradient_checkpointing",
    "activation_checkpointing_kwargs": "use gradient_checkpointing_kwargs",
    "max_length": "use training.max_length",
    "truncation_mode": "use training.too_long",
    "bf16": _BY_DEVICE,
    "fp16": _BY_DEVICE,
    "use_cpu": "hide a GPU with CUDA_VISIBLE_DEVICES",
    "padding_free": _BY_DEVICE,
    "use_liger_kernel": _BY_DEVICE,
    "dataloader_pin_memory": _BY_DEVICE,
    "model_init_kwargs": "use training.quantization and models.NAME",
    "trust_remote_code": "a model's own code is never run",
    "chat_template_path": "the model's own template is used",
    "eos_token": "the model's own end of a turn is used",
    "pad_token": "padding is masked, so that any token will do",
    "completion_only_loss": "the loss is on the response alone",
    "assistant_only_loss": "the loss is on the response alone",
    "remove_unused_columns": _TOKENS,
    "label_names": _TOKENS,
    "length_column_name": _TOKENS,
    "train_sampling_strategy": "samples of like length are put together where a batch is padded",
    "shuffle_dataset": "samples are shuffled",
    "packing": _TOKENS,
    "packing_strategy": _TOKENS,
    "accelerator_config": _PROCESSES,
    "parallelism_config": _PROCESSES,
    "deepspeed": _PROCESSES,
    "local_rank": _PROCESSES,
    "ignore_data_skip": _CHECKPOINTS,
    "enable_jit_checkpoint": _CHECKPOINTS,
    "resume_from_checkpoint": "use `robustft resume`",
    "restore_callback_states_from_checkpoint": _CHECKPOINTS,
    "push_to_hub": "use `robustft export --format hub`",
    "report_to": _PROGRESS,
    "run_name": _PROGRESS,
    "project": _PROGRESS,
    "disable_tqdm": _PROGRESS,
    "log_level": _PROGRESS,
    "log_level_replica": _PROGRESS,
    "log_on_each_node": _PROGRESS,
    "include_num_input_tokens_seen": _PROGRESS,
    "do_train": "training is the stage `train`",
    "do_predict": _NO_EVALUATION,
    "do_eval": _NO_EVALUATION,
    "per_device_eval_batch_size": _NO_EVALUATION,
    "prediction_loss_only": _NO_EVALUATION,
    "include_for_metrics": _NO_EVALUATION,
    "batch_eval_metrics": _NO_EVALUATION,
    "load_best_model_at_end": _NO_EVALUATION,
    "metric_for_best_model": _NO_EVALUATION,
    "greater_is_better": _NO_EVALUATION,
    "bf16_full_eval": _NO_EVALUATION,
    "fp16_full_eval": _NO_EVALUATION,
}
# The same for all fields that begin so.
_OWNED_FAMILIES = {
    "eval_": _NO_EVALUATION,
    "save_": _CHECKPOINTS,
    "logging_": _PROGRESS,
    "trackio_": _PROGRESS,
    "hub_": "use `robustft export --format hub`",
    "dataset_": _TOKENS,
    "ddp_": _PROCESSES,
    "fsdp": _PROCESSES,
}


def read_arguments(config: TrainingConfig) -> dict[str, Any]:
    """Return `training.args` as `SFTConfig` takes them, checked against its fields, their types and itself.

    A number that YAML reads as text, such as `1e-8`, becomes a number where the field wants one.

    Args:
        config: holds them.

    Raises:
        InputError: a field is unknown, is set by RobustFT, or has a value that `SFTConfig` refuses. The
            message names it as `training.args.NAME`.
    """
    if not config.args:
        return {}
    from trl.trainer.sft_config import SFTConfig

    fields, kinds = SFTConfig.__dataclass_fields__, typing.get_type_hints(SFTConfig)
    read = {}
    for name, value in config.args.items():
        if (instead := _instead(name)) is not None:
            raise InputError(f"training.args.{name}: {instead}")
        if name not in fields:
            raise InputError(f"training.args.{name}: trl's SFTConfig has no such field{_hint(name, fields)}")
        read[name] = _converted(name, value, kinds[name], fields[name].metadata.get("choices"))
    _have_checked(read, config)
    if config.weighting == "soft" and has_other_loss(config):
        raise InputError(
            "training.args: loss_type and label_smoothing_factor know no weights of samples; leave them out, "
            "or training.weighting: soft"
        )
    return read


def _hint(name: str, fields: Collection[str]) -> str:
    """Return the field that a name is like, and what to use in its place where that is not free either."""
    near = difflib.get_close_matches(name, fields, n=1)
    if not near:
        return ""
    instead = _instead(near[0])
    return f"; did you mean '{near[0]}'?" if instead is None else f"; for {near[0]}, {instead}"


def _instead(name: str) -> str | None:
    """Return what to use instead of a field that is RobustFT's own."""
    families = (told for start, told in _OWNED_FAMILIES.items() if name.startswith(start))
    return _OWNED.get(name) or next(families, None)


def _converted(name: str, value: Any, kind: Any, choices: Sequence[str] | None) -> Any:
    if choices and value not in choices:
        raise InputError(f"training.args.{name}: one of {', '.join(choices)} (given: {value!r})")
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as exc:
        wrong = exc.errors(include_url=False)[0]["msg"]
        raise InputError(f"training.args.{name}: {wrong[:1].lower()}{wrong[1:]} (given: {value!r})") from exc


def _have_checked(read: dict[str, Any], config: TrainingConfig) -> None:
    """Make what the libraries make of the fields, which refuse what they cannot do."""
    if (fault := _fault(read, config)) is None:
        return
    # Which of them it is, a message does not always say.
    alone = (name for name, value in read.items() if _fault({name: value}, config) is not None)
    name = next(alone, ", training.args.".join(read))
    raise InputError(f"training.args.{name}: {first_line(fault)}") from fault


def _fault(read: dict[str, Any], config: TrainingConfig) -> Exception | None:
    import torch
    from transformers import Trainer, get_scheduler
    from trl.trainer.sft_config import SFTConfig

    try:
        with warnings.catch_warnings(action="ignore"):
            made = SFTConfig(output_dir="unused", bf16=False, report_to="none", **read)
        Trainer.get_optimizer_cls_and_kwargs(made)
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=config.learning_rate)
        more: Any = made.lr_scheduler_kwargs
        get_scheduler(config.scheduler, optimizer, 1, 2, more)
    except Exception as exc:  # noqa: BLE001 - whatever they raise, the field is at fault
        return exc
    return None
