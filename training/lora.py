"""What LoRA fine-tuning can be told, the model it trains, and the adapter folder it leaves (paper Eq. 9)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stores.errors import InputError, first_line
from stores.pretrained import load_causal_model

if TYPE_CHECKING:
    import torch


# Parameters up to which a GPU trains in float32: there it takes longer to launch kernels than to run them,
# and bfloat16's conversions are more of them (`docs/measurements.md`).
_SMALL = 500_000_000
# What torch calls a processor's instructions that multiply matrices of bfloat16.
_BFLOAT16 = ("amx_bf16", "avx512_bf16", "sve_bf16")


class LoraSettings(BaseModel):
    """The low-rank matrices that are trained. Names and meanings are those of `peft.LoraConfig`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=16, gt=0)
    """The rank of the update."""
    alpha: int = Field(default=32, gt=0)
    """The update is scaled by alpha / r."""
    dropout: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    """The share of the update's inputs that are zeroed in training."""
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """The layers that get an update: `all-linear` (every linear layer but the output head), or names."""


class TrainingConfig(BaseModel):
    """Supervised fine-tuning on the selected samples (Eq. 9)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "default"
    """The model whose weights are tuned: a key of `models`."""
    epochs: float = Field(default=2, gt=0, allow_inf_nan=False)
    """Passes over the training set."""
    learning_rate: float = Field(default=2e-4, gt=0, lt=1, allow_inf_nan=False)
    """The highest learning rate of AdamW. LoRA wants about ten times the rate of full fine-tuning."""
    scheduler: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls to 0: in a straight line, or as half a cosine."""
    warmup: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    """The share of all steps in which the learning rate rises from 0 before it falls."""
    batch_size: int = Field(default=8, gt=0)
    """Samples per optimiser step. With 8, 150 samples give 38 steps in two epochs."""
    max_length: int = Field(default=1024, gt=0)
    """The most tokens of prompt and response together, the chat template's own included."""
    too_long: Literal["drop", "cut"] = "drop"
    """What happens to a longer sample: `drop` leaves it out and lists it, `cut` cuts off its end."""
    weighting: Literal["hard", "soft"] = "hard"
    """`hard`: every sample of the training set counts alike. `soft`: every sample with a confidence is kept,
    and counts as much as its response is likely to be right (needs `calibrated`)."""
    lora: LoraSettings = LoraSettings()


def training_dtype() -> "torch.dtype":
    """Return the dtype that a frozen model computes in while its adapter, in float32, is trained.

    bfloat16 where the device multiplies it at full speed; a CPU that cannot takes longer for it than for
    float32.
    """
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(able.get(name) for name in _BFLOAT16) else torch.float32


def load_model(weights: str, settings: LoraSettings) -> Any:
    """Return a model wrapped with new LoRA matrices, in this machine's training dtype.

    On a GPU, a small model is trained in float32.

    Args:
        weights: a folder or a hub id, as `stores.model_hub.fetchable_weights` returns it.
        settings: the matrices to add. They start at random (A) and at zero (B).

    Raises:
        WeightsError: the weights cannot be read.
        InputError: `target_modules` names a layer that the model does not have.
    """
    import torch

    model = load_causal_model(weights, dtype=training_dtype())
    quantised = getattr(model, "is_quantized", False)
    if torch.cuda.is_available() and model.num_parameters() < _SMALL and not quantised:
        model = model.to(torch.float32)
    return add_matrices(model, settings)


def add_matrices(model: Any, settings: LoraSettings) -> Any:
    """Return a model wrapped with new LoRA matrices.

    Args:
        model: as it was loaded, or its outline (`stores.pretrained.load_outline`).
        settings: the matrices to add.

    Raises:
        InputError: `target_modules` names a layer that the model does not have, or none that can be tuned.
    """
    from peft import LoraConfig, get_peft_model
    from torch.nn import Linear

    from training.linear import LoraLinear

    layers = settings.target_modules
    matrices = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=layers if isinstance(layers, str) else list(layers),
        task_type="CAUSAL_LM",
    )
    if not getattr(model, "is_quantized", False):
        # https://huggingface.co/docs/peft/developer_guides/custom_models
        matrices._register_custom_module({Linear: LoraLinear})
    try:
        return get_peft_model(model, matrices)
    except Exception as exc:
        raise InputError(f"training.lora.target_modules: {first_line(exc)}") from exc


def save_adapter(model: Any, folder: Path) -> None:
    """Write a trained adapter: `adapter_config.json` and `adapter_model.safetensors`, and no more.

    Args:
        model: what `load_model` returned, trained.
        folder: a new folder, which PEFT makes.
    """
    # "auto", PEFT's default for the embeddings, asks the model hub; they are not trained here.
    model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
