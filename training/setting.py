"""How the numbers of a training are computed: what fits the device, and a safer way where that fails."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from stores.pretrained import is_quantised, load_outline
from training.lora import TrainingConfig

# Tokens, padding included, of one forward pass. A batch of more is cut into several passes of one step.
_CPU_TOKENS = 1024
_DEVICE_TOKENS = 16_384
# On a CPU, torch's fused attention is the slower one up to here: its backward pass in bfloat16 took 17 ms a
# layer at 128 tokens, where plain matrix products took 9; at 256 they are even.
_SHORT = 192
# Parameters up to which a GPU trains in float32: there it takes longer to launch kernels than to run them,
# and bfloat16's conversions are more of them (`docs/measurements.md`).
_SMALL = 500_000_000
# What torch calls a processor's instructions that multiply matrices of bfloat16.
_BFLOAT16 = ("amx_bf16", "avx512_bf16", "sve_bf16")
# Fields of `training.args` that make the loss another one than the response's negative log-likelihood.
_OTHER_LOSS = {"loss_type": "nll", "label_smoothing_factor": 0}

DType = Literal["float32", "bfloat16"]
FlashAttention = Literal["flash_attention_2", "flash_attention_3"]


class Setting(BaseModel):
    """How a model is computed while its adapter is trained. It decides on speed and memory.

    Args:
        dtype: of the frozen weights and the activations.
        attention: transformers' name of an implementation; None takes the model's own choice.
        own_layers: whether linear layers are `training.linear.LoraLinear`, and not PEFT's.
        own_loss: whether the loss is torch's cross entropy over the logits, and not TRL's fused head.
        padding_free: whether a pass is one long row of samples, without padding.
        liger: whether Liger's kernels replace some of the model's layers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: DType
    attention: Literal["eager"] | FlashAttention | None = None
    own_layers: bool = False
    own_loss: bool = False
    padding_free: bool = False
    liger: bool = False


def choose_setting(weights: str, config: TrainingConfig, longest: int) -> Setting:
    """Return how a model is trained on the device at hand.

    The own layers and loss were faster on a CPU and slower on a GPU (`docs/measurements.md`). So a GPU has
    PEFT's layers and TRL's loss.

    Args:
        weights: a folder or a hub id.
        config: how to train.
        longest: the tokens of the longest sample.
    """
    import torch

    if not torch.cuda.is_available():
        quantised = config.quantization != "none" or is_quantised(weights)
        return Setting(
            dtype=training_dtype(),
            attention="eager" if longest <= _SHORT else None,
            own_layers=not quantised and not torch.backends.mps.is_available(),
            own_loss=not has_other_loss(config),
        )
    return _on_gpu(load_outline(weights), config, quantised=is_quantised(weights))


def _on_gpu(outline: Any, config: TrainingConfig, *, quantised: bool) -> Setting:
    from transformers.utils.import_utils import is_liger_kernel_available

    quantised |= config.quantization != "none"
    small = outline.num_parameters() < _SMALL and not quantised
    dtype: DType = "float32" if small else training_dtype()
    flash = _flash_attention(outline) if dtype == "bfloat16" else None
    return Setting(
        dtype=dtype,
        attention=flash,
        padding_free=flash is not None,
        # TRL leaves Liger's fused loss out, so that only its layers are used. With weights they are untried.
        liger=is_liger_kernel_available() and config.weighting == "hard",
    )


def _flash_attention(outline: Any) -> FlashAttention | None:
    """Return the flash attention that is installed and that a model can use; others need padding."""
    from transformers.utils.import_utils import is_flash_attn_2_available, is_flash_attn_3_available

    if not outline._supports_flash_attn:
        return None
    if is_flash_attn_3_available():
        return "flash_attention_3"
    return "flash_attention_2" if is_flash_attn_2_available() else None


def safer_setting(config: TrainingConfig, setting: Setting, *, widen: bool) -> Setting:
    """Return a setting with the plainest way to compute everything.

    Args:
        config: how to train.
        setting: the one that failed.
        widen: whether the model may be computed in float32.
    """
    return Setting(
        dtype="float32" if widen else setting.dtype,
        attention="eager",
        own_loss=not has_other_loss(config),
    )


def has_other_loss(config: TrainingConfig) -> bool:
    """Say whether `training.args` asks for another loss than the response's negative log-likelihood."""
    return any(config.args.get(name, usual) != usual for name, usual in _OTHER_LOSS.items())


def training_dtype() -> DType:
    """Return the dtype that a frozen model computes in while its adapter, in float32, is trained.

    bfloat16 where the device multiplies it at full speed; a CPU that cannot takes longer for it than for
    float32.
    """
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if any(able.get(name) for name in _BFLOAT16) else "float32"


def tokens_per_pass() -> int:
    """Return how many tokens, padding included, a pass has at most. A longer sample is a pass alone."""
    import torch

    return _DEVICE_TOKENS if torch.cuda.is_available() else _CPU_TOKENS


def rows_per_pass(batch_size: int, longest: int) -> int:
    """Return how many samples are in one forward pass: a divisor of the batch size, at least 1.

    Args:
        batch_size: samples a step.
        longest: the tokens of the longest sample.
    """
    most = tokens_per_pass() // longest
    return max((rows for rows in range(1, most + 1) if batch_size % rows == 0), default=1)
