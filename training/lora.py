"""What LoRA fine-tuning can be told, the model it trains, and the adapter folder it leaves (paper Eq. 9)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from stores.errors import InputError, first_line
from stores.pretrained import load_causal_model
from training.processes import is_first, whole

if TYPE_CHECKING:
    from training.setting import Setting

Quantization = Literal["none", "4bit", "8bit"]
Parallel = Literal["ddp", "fsdp"]


class LoraSettings(BaseModel):
    """The low-rank matrices that are trained. Names and meanings are those of `peft.LoraConfig`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Beyond the width of the widest models a rank has no meaning.
    r: int = Field(default=16, gt=0, le=16_384)
    """The rank of the update."""
    # The scale is a float32: far larger ones make every number infinite.
    alpha: int = Field(default=32, gt=0, le=1_000_000)
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
    # Trainers count steps in 64 bits, and a training of more passes is a slip.
    epochs: float = Field(default=2, gt=0, le=10_000, allow_inf_nan=False)
    """Passes over the training set."""
    learning_rate: float = Field(default=2e-4, gt=0, lt=1, allow_inf_nan=False)
    """The highest learning rate of AdamW. LoRA wants about ten times the rate of full fine-tuning."""
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt"] = "linear"
    """How the learning rate goes on after the warm-up: it falls to 0 in a straight line or as half a cosine,
    stays, or falls with the root of the steps. `constant` has no warm-up, `inverse_sqrt` needs one."""
    warmup: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    """The share of all steps in which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    """AdamW's decay of the adapter's matrices."""
    # Gradients are float32. A larger bound cuts nothing, which 0 says.
    max_grad_norm: float = Field(default=1.0, ge=0, le=1e30, allow_inf_nan=False)
    """The gradient's norm that a step is cut to. 0 cuts nothing."""
    # A step of more samples than that is the whole of most sets.
    batch_size: int = Field(default=8, gt=0, le=65_536)
    """Samples per optimiser step. With 8, 150 samples give 38 steps in two epochs."""
    # The longest windows of models that are published.
    max_length: int = Field(default=1024, gt=0, le=10_000_000)
    """The most tokens of prompt and response together, the chat template's own included."""
    too_long: Literal["drop", "cut"] = "drop"
    """What happens to a longer sample: `drop` leaves it out and lists it, `cut` cuts off its end."""
    weighting: Literal["hard", "soft"] = "hard"
    """`hard`: every sample of the training set counts alike. `soft`: every sample with a confidence is kept,
    and counts as much as its response is likely to be right (needs `calibrated`)."""
    quantization: Quantization = "none"
    """Train on a model whose layers bitsandbytes quantises (QLoRA): `4bit` (NF4) takes a quarter of
    bfloat16's memory, `8bit` a half. It needs `pip install 'robustft[quantization]'`."""
    gradient_checkpointing: Literal["auto", True, False] = "auto"
    """Compute activations twice instead of keeping them. `auto` does so where they do not fit."""
    # One a GPU, on one machine.
    processes: Literal["auto"] | Annotated[int, Field(gt=0, le=64)] = 1
    """How many processes train together, one a GPU. `auto` takes all GPUs in sight, and 1 on a CPU. A step
    has `batch_size` samples all the same, so that it must divide by the processes."""
    parallel: Parallel = "ddp"
    """What several processes share: with `ddp` each holds the whole model; `fsdp` splits it between them."""
    lora: LoraSettings = LoraSettings()
    args: dict[str, JsonValue] = {}
    """Any other field of TRL's `SFTConfig`, such as `{optim: adamw_bnb_8bit}`. They are checked before
    anything is asked. A field that RobustFT sets itself is refused."""

    @model_validator(mode="after")
    def _check_warmup(self) -> "TrainingConfig":
        if self.scheduler == "constant" and self.warmup:
            raise ValueError(
                "scheduler: constant has no warm-up; use constant_with_warmup, or leave warmup out"
            )
        if self.scheduler == "inverse_sqrt" and not self.warmup:
            raise ValueError("scheduler: inverse_sqrt falls from the end of the warm-up on; set warmup")
        return self

    @model_validator(mode="after")
    def _check_processes(self) -> "TrainingConfig":
        if self.processes != "auto" and self.batch_size % self.processes:
            raise ValueError(
                f"batch_size: {self.batch_size} samples cannot be shared by processes: {self.processes} "
                "alike; choose a batch_size that divides by it"
            )
        if self.parallel == "fsdp" and self.processes == 1:
            raise ValueError("parallel: fsdp splits the model between processes; set processes: auto")
        if self.parallel == "fsdp" and self.quantization != "none":
            raise ValueError(
                f"parallel: fsdp cannot split a model with quantization: {self.quantization}; use ddp"
            )
        return self


def load_model(weights: str, config: TrainingConfig, setting: "Setting") -> Any:
    """Return a model wrapped with new LoRA matrices, which are float32.

    Args:
        weights: a folder or a hub id, as `stores.model_hub.fetchable_weights` returns it.
        config: names the matrices to add and the quantisation. They start at random (A) and at zero (B).
        setting: how the model is computed.

    Raises:
        WeightsError: the weights cannot be read.
        InputError: `target_modules` names a layer that the model does not have.
    """
    import torch

    from training.quantization import quantize

    how = quantize(config.quantization, setting.dtype)
    model = load_causal_model(weights, dtype=getattr(torch, setting.dtype), **how)
    if setting.attention is not None:
        model.set_attn_implementation(setting.attention)
    if how:
        from peft import prepare_model_for_kbit_training

        # The trainer turns checkpointing on, where there is to be any.
        model = prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]
            model, use_gradient_checkpointing=False
        )
    return add_matrices(model, config.lora, own=setting.own_layers)


def add_matrices(model: Any, settings: LoraSettings, *, own: bool = False) -> Any:
    """Return a model wrapped with new LoRA matrices.

    Args:
        model: as it was loaded, or its outline (`stores.pretrained.load_outline`).
        settings: the matrices to add.
        own: whether linear layers get `training.linear.LoraLinear` instead of PEFT's own class.

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
    if own:
        # https://huggingface.co/docs/peft/developer_guides/custom_models
        matrices._register_custom_module({Linear: LoraLinear})
    try:
        return get_peft_model(model, matrices)
    except Exception as exc:
        raise InputError(f"training.lora.target_modules: {first_line(exc)}") from exc


def save_adapter(model: Any, folder: Path) -> None:
    """Write a trained adapter: `adapter_config.json` and `adapter_model.safetensors`, and no more.

    Of several processes all are to call it. The first one writes.

    Args:
        model: what `load_model` returned, trained.
        folder: a new folder, which PEFT makes.
    """
    matrices = {name: whole(value) for name, value in model.named_parameters() if value.requires_grad}
    if not is_first():
        return
    # "auto", PEFT's default for the embeddings, asks the model hub; they are not trained here.
    model.save_pretrained(
        str(folder), state_dict=matrices, safe_serialization=True, save_embedding_layers=False
    )
    (folder / "README.md").unlink(missing_ok=True)
