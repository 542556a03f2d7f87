"""How much memory a training takes at its peak, from a model's outline, and how much there is.

The formulas count what autograd keeps of a transformer's layer with a gated MLP, as transformers writes it
(`modeling_llama.py`) and PEFT adapts it (`tuners/lora/layer.py`). A frozen layer keeps no input, an adapted
one does. Korthikanti et al. count full training in this way (arXiv 2205.05198, section 4).
"""

from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from pydantic import BaseModel, ConfigDict

from stores.pretrained import is_quantised
from training.lora import TrainingConfig
from training.processes import share_of_one
from training.setting import Setting, rows_per_pass, tokens_per_pass

_FLOAT32 = 4
# Adapter matrices are float32, and so are their gradients and AdamW's two averages.
_MATRIX_BYTES = 4 * _FLOAT32
# NF4 with double quantisation: half a byte, and .127 bits for scales (QLoRA, arXiv 2305.14314, section 3).
_QUANTISED_BYTES = {"4bit": 0.5 + 0.127 / 8, "8bit": 1.0}
# A tile of TRL's fused head (`trl/kernels/chunked_logprob.py`): tokens, columns, and bytes with its gradient.
_TILE = (4096, 32_768, 2 * _FLOAT32)
# Bytes a logit of torch's cross entropy: log-probabilities, their gradient and the logits', in float32.
_LOGIT_BYTES = 3 * _FLOAT32
# What allocators hold of freed tensors, as a share: 10 to 28 % on a CPU (`docs/measurements.md`).
_HELD = 1.15
# What a GPU's libraries take beside tensors. Not measured.
_CONTEXT = 2**29
# An estimate may be so far below the peak; on a CPU it was by a tenth (`docs/measurements.md`).
_MARGIN = 1.2


class Peak(BaseModel):
    """The bytes of a training at its peak, by what they hold.

    Args:
        weights: the frozen model.
        matrices: the adapter's, with gradients and optimiser.
        activations: what is kept for the backward pass.
        logits: scores of the vocabulary, and their gradients.
        recomputes: whether activations are computed twice, and only the layers' inputs are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: int
    matrices: int
    activations: int
    logits: int
    recomputes: bool

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return self.weights + self.matrices + self.activations + self.logits

    def __str__(self) -> str:
        parts = (
            (self.weights, "weights"),
            (self.matrices, "adapter and optimiser"),
            (self.activations, "activations"),
            (self.logits, "logits"),
        )
        twice = ", activations computed twice" if self.recomputes else ""
        told = ", ".join(f"{size / 2**30:.1f} {name}" for size, name in parts)
        return f"about {self.total / 2**30:.1f} GiB at its peak ({told}{twice})"


class Room(NamedTuple):
    """A device's memory in bytes: what is free, what there is in all, and what it is called."""

    free: int
    whole: int
    kind: str


def find_room(processes: int = 1) -> Room:
    """Return the memory that each process has: its GPU's where there is one, else its share of the machine's.

    Args:
        processes: how many train together. Of their GPUs, the one with the least free is told.
    """
    import torch

    if torch.cuda.is_available():
        cards = [()] if processes == 1 else [(card,) for card in range(processes)]
        return min(map(_room_of, cards))
    memory = psutil.virtual_memory()
    return Room(memory.available // processes, memory.total // processes, "memory")


def _room_of(card: tuple[int, ...]) -> Room:
    """Return a card's memory; of the current one where none is named."""
    import torch

    free, whole = torch.cuda.mem_get_info(*card)
    # What torch holds without using it is free for torch.
    free += torch.cuda.memory_reserved(*card) - torch.cuda.memory_allocated(*card)
    return Room(free, whole, "GPU memory")


def estimate_peak(
    outline: Any,
    config: TrainingConfig,
    setting: Setting,
    longest: int,
    *,
    stored: int = 0,
    processes: int = 1,
) -> Peak:
    """Return what each process of a training takes at its peak.

    Activations are computed twice where the config or the room asks for it.

    Args:
        outline: the model, or `stores.pretrained.load_outline` of it; without matrices.
        config: how to train.
        setting: how the model is computed.
        longest: the tokens of the longest sample. All samples of its pass are taken to be as long.
        stored: what `quantised_bytes` says of its files.
        processes: how many share a batch, and with `parallel: fsdp` the model too. What they hold of the
            others' parts while they compute with them is not counted.
    """
    parts = processes if config.parallel == "fsdp" else 1
    config = share_of_one(config, processes)
    kept = _estimate(outline, config, setting, longest, stored, parts, recomputes=False)
    if config.gradient_checkpointing == "auto":
        recomputes = must_recompute(kept, longest)
    else:
        recomputes = config.gradient_checkpointing
    return (
        _estimate(outline, config, setting, longest, stored, parts, recomputes=True) if recomputes else kept
    )


def must_recompute(kept: Peak, longest: int) -> bool:
    """Say whether `gradient_checkpointing: auto` computes activations twice.

    On a GPU it does where they may not fit what is free; on a CPU where one sample is more than a pass.

    Args:
        kept: the estimate with all activations kept.
        longest: the tokens of the longest sample.
    """
    import torch

    if not torch.cuda.is_available():
        return longest > tokens_per_pass()
    return not fits(kept, find_room())


def quantised_bytes(weights: str) -> int:
    """Return the bytes of a model's files where they are quantised, and stay so in training; else 0."""
    if not is_quantised(weights):
        return 0
    return sum(file.stat().st_size for file in Path(weights).glob("*.safetensors"))


def fits(peak: Peak, room: Room) -> bool:
    """Say whether a training fits what is free, with a margin for what the estimate misses."""
    return peak.total * _MARGIN <= room.free


def _estimate(
    outline: Any,
    config: TrainingConfig,
    setting: Setting,
    longest: int,
    stored: int,
    parts: int,
    *,
    recomputes: bool,
) -> Peak:
    import torch

    rows = rows_per_pass(config.batch_size, longest)
    layer = _LayerSizes.of(outline, config, setting, longest)
    passed = rows * longest
    whole = layer.kept(config, setting)
    number = outline.config.get_text_config().num_hidden_layers
    # The layer under way is kept in full beside the inputs of all.
    a_token = number * layer.hidden * layer.bytes + whole if recomputes else number * whole
    on_gpu = torch.cuda.is_available()
    return Peak(
        weights=ceil((stored or _weights(outline, config, setting)) / parts) + on_gpu * _CONTEXT,
        matrices=ceil(_MATRIX_BYTES * _adapted(outline, config) / parts),
        activations=round(_HELD * passed * a_token),
        logits=round(_HELD * _logits(outline, setting, passed)),
        recomputes=recomputes,
    )


class _LayerSizes(NamedTuple):
    """The widths of a layer, and the bytes of its numbers."""

    hidden: int
    queries: int
    keys: int
    middle: int
    heads: int
    longest: int
    bytes: int

    @classmethod
    def of(cls, outline: Any, config: TrainingConfig, setting: Setting, longest: int) -> "_LayerSizes":
        sizes = outline.config.get_text_config()
        heads = sizes.num_attention_heads
        head = getattr(sizes, "head_dim", None) or sizes.hidden_size // heads
        experts = getattr(sizes, "num_experts_per_tok", None) or 1
        middle = getattr(sizes, "moe_intermediate_size", None) or getattr(sizes, "intermediate_size", None)
        # PEFT makes everything float32 that bitsandbytes does not quantise, activations too.
        wide = setting.dtype == "float32" or config.quantization != "none"
        return cls(
            hidden=sizes.hidden_size,
            queries=heads * head,
            keys=(getattr(sizes, "num_key_value_heads", None) or heads) * head,
            middle=experts * (middle or 4 * sizes.hidden_size),
            heads=heads,
            longest=longest,
            bytes=_FLOAT32 if wide else 2,
        )

    def kept(self, config: TrainingConfig, setting: Setting) -> int:
        """Return the bytes that a layer keeps of a token."""
        # Both norms keep a float32 copy; where all is float32, it is the residual stream.
        norms = 2 * self.hidden * _FLOAT32
        # Of a gated MLP: the gate, its activation, and what it is multiplied by.
        gate = 3 * self.middle * self.bytes
        copies = not setting.own_layers and self.bytes != _FLOAT32
        return norms + gate + self._attention(setting, copies) + self._inputs(config.lora.r, copies)

    def _attention(self, setting: Setting, copies: bool) -> int:
        if setting.attention == "eager":
            # Keys and values are repeated for each query. The shares are float32, and as they are multiplied.
            share = _FLOAT32 if self.bytes == _FLOAT32 else _FLOAT32 + self.bytes
            return 3 * self.queries * self.bytes + self.heads * self.longest * share
        # The result is the next layer's input, which is counted there, unless that is a copy.
        turned = self.queries * (2 if copies else 1)
        if setting.padding_free:
            return (turned + 2 * self.keys) * self.bytes
        # Beside keys and values, repeated for each query, a row of the mask.
        return (turned + 2 * self.queries + self.longest) * self.bytes

    def _inputs(self, rank: int, copies: bool) -> int:
        """Return the bytes of the adapted layers' inputs, and of what their first matrices make of them."""
        if copies:
            # PEFT makes a float32 copy for each layer.
            return (5 * self.hidden + self.queries + self.middle + 7 * rank) * _FLOAT32
        # Layers that read the same tensor keep it once.
        return (2 * self.hidden + self.queries + self.middle + 7 * rank) * self.bytes


def _weights(outline: Any, config: TrainingConfig, setting: Setting) -> int:
    wide = _FLOAT32 if setting.dtype == "float32" else 2
    whole: int = outline.num_parameters()
    if config.quantization == "none":
        return whole * wide
    layers: int = sum(layer.weight.numel() for layer in _linear(outline).values())
    # What is not quantised is made float32 (`peft.prepare_model_for_kbit_training`).
    return round(layers * _QUANTISED_BYTES[config.quantization] + (whole - layers) * _FLOAT32)


def _adapted(outline: Any, config: TrainingConfig) -> int:
    """Return the numbers in an adapter's matrices."""
    wanted = config.lora.target_modules
    rank: int = config.lora.r
    return sum(
        rank * (layer.in_features + layer.out_features)
        for name, layer in _linear(outline).items()
        if wanted == "all-linear" or any(name == one or name.endswith(f".{one}") for one in wanted)
    )


def _linear(outline: Any) -> dict[str, Any]:
    """Return a model's linear layers by name, without the output head."""
    from torch.nn import Linear

    head = outline.get_output_embeddings()
    return {
        name: layer
        for name, layer in outline.named_modules()
        if isinstance(layer, Linear) and layer is not head
    }


def _logits(outline: Any, setting: Setting, tokens: int) -> int:
    vocabulary: int = outline.config.get_text_config().vocab_size
    if setting.own_loss:
        return tokens * vocabulary * _LOGIT_BYTES
    rows, columns, size = _TILE
    return min(tokens, rows) * min(vocabulary, columns) * size
