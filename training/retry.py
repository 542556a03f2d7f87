"""A training's one retry: what was not finite, and the safer setting that it went on in."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stores.atomic import write_text_atomically
from stores.pretrained import is_quantised, load_outline
from stores.records import TrainingRetry
from training.errors import NotFiniteError
from training.lora import TrainingConfig
from training.memory import estimate_peak, find_room, fits
from training.processes import process_count
from training.setting import Setting, safer_setting

_FILE = "retry.json"


def plan_retry(
    failed: NotFiniteError, weights: str, config: TrainingConfig, setting: Setting, longest: int
) -> TrainingRetry:
    """Return what a training is retried with after a step that was not finite.

    It is float32 (if the model is not quantised, and fits the memory so), attention by plain products, PEFT's
    layers and torch's own loss. The learning rate is halved only where the loss had been rising.

    Args:
        failed: what was not finite. No model is to be in memory any more.
        weights: a folder or a hub id.
        config: how to train.
        setting: the one that failed.
        longest: the tokens of the longest sample.
    """
    quantised = config.quantization != "none" or is_quantised(weights)
    widened = safer_setting(config, setting, widen=True)
    processes = process_count(config)
    room = find_room(processes)
    peak = estimate_peak(load_outline(weights), config, widened, longest, processes=processes)
    enough = quantised or fits(peak, room)
    safer = safer_setting(config, setting, widen=enough and not quantised)
    if quantised:
        dtype = f"{safer.dtype} as before, since a quantised model cannot be float32"
    elif safer.dtype != "float32":
        dtype = f"{safer.dtype} as before, since float32 does not fit the {room.kind}"
    else:
        dtype = "float32"
    said = [dtype, "eager attention", "PEFT's layers"]
    if safer.own_loss:
        said.append("torch's own loss")
    if failed.rising:
        said.append("half the learning rate")
    return TrainingRetry(
        step=failed.step,
        samples=failed.samples,
        fault=failed.fault,
        cause=failed.cause,
        setting=", ".join(said),
        float32=safer.dtype == "float32",
        halved=failed.rising,
    )


def keep_retry(folder: Path, retry: TrainingRetry) -> None:
    """Keep a retry beside its checkpoints, for a training that is interrupted after it."""
    write_text_atomically(folder / _FILE, retry.model_dump_json())


def read_retry(folder: Path) -> TrainingRetry | None:
    """Return the retry that a training is in; None where there was none, or where its file is damaged."""
    try:
        return TrainingRetry.model_validate_json((folder / _FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def make_slower(learning_rate: float) -> Any:
    """Return a `transformers.TrainerCallback` that puts another learning rate in a checkpoint's place.

    A checkpoint's optimiser and scheduler know the rate that they were saved with.

    Args:
        learning_rate: the highest one from here on.
    """
    from transformers import TrainerCallback

    class Slower(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            scheduler = kwargs["lr_scheduler"]
            for group, highest in zip(kwargs["optimizer"].param_groups, scheduler.base_lrs, strict=True):
                group["lr"] *= learning_rate / highest
                group["initial_lr"] = learning_rate
            scheduler.base_lrs = [learning_rate] * len(scheduler.base_lrs)

    return Slower()
