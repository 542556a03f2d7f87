"""How many requests the free memory takes at once, and what happens where it was too little after all."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import psutil

from agents.errors import ModelCallError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Asked = TypeVar("Asked")
Result = TypeVar("Result")

# On a CPU, rows times padded length of one batch: more brought nothing (`docs/measurements.md`). The cache is
# 0.75 GB then with SmolLM2 in float32.
_MOST_TOKENS = 16_384
# Of the free memory. The rest is for what is between the pieces, and for others on the device. Not measured.
_SHARE = 0.6
# A cache grows by being copied, layer by layer; what is freed leaves gaps.
_COPIES = 2
# Of the attention's mask, for each pair of a prompt's tokens: as truth values and as numbers to add.
_MASK_BYTES = 3
# Of each word of the vocabulary, for a row: logits in float32, their copy, and what is drawn from.
_WORD_BYTES = 32
# Tokens that one pass rates on a CPU: each has a logit for every word (0.6 GB at 150,000 words).
_RATED_TOKENS = 1024
_TOO_LARGE = "the memory does not hold this request, even alone; ask for less with agents.NAME.max_tokens"
# What torch and cuBLAS say where they raise no error of a class of its own.
_MESSAGES = ("can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


def cache_bytes(model: "PreTrainedModel") -> int:
    """Return what the keys and values of one token take, in all layers; windows of attention not counted."""
    text = model.config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return int(2 * text.num_hidden_layers * heads * width * model.dtype.itemsize)


def row_bytes(model: "PreTrainedModel", prompt: int, room: int) -> int:
    """Return the most that one row of a batch takes, from the reading of its prompt to its last token.

    Args:
        model: a causal language model.
        prompt: tokens of the batch's longest prompt.
        room: tokens that the reply may take.
    """
    text = model.config.get_text_config()
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    # One layer's at a time: nothing is kept for gradients.
    read = model.dtype.itemsize * (4 * inner + 8 * text.hidden_size) + _MASK_BYTES * prompt
    kept = _COPIES * cache_bytes(model) * (prompt + room)
    return int(kept + prompt * read + _WORD_BYTES * text.vocab_size)


def free_bytes(device: "torch.device") -> int:
    """Return how much of a device's free memory a batch may take."""
    if device.type != "cuda":
        return int(_SHARE * psutil.virtual_memory().available)
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    # What torch holds without using it is free for torch.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(_SHARE * free)


def batch_tokens(model: "PreTrainedModel") -> int:
    """Return how many tokens, padding and replies included, one batch may have on a CPU."""
    fitting: int = free_bytes(model.device) // (_COPIES * cache_bytes(model))
    return min(_MOST_TOKENS, fitting)


def rated_tokens(model: "PreTrainedModel") -> int:
    """Return how many tokens one pass may rate: on a GPU what its free memory holds."""
    if model.device.type != "cuda":
        return _RATED_TOKENS
    text = model.config.get_text_config()
    return max(_RATED_TOKENS, free_bytes(model.device) // int(_WORD_BYTES * text.vocab_size))


def in_halves(
    work: Callable[[list[Asked]], Sequence[Result]], items: list[Asked]
) -> list["Result | ModelCallError"]:
    """Work on all items at once; where the memory is not enough, on each half by itself.

    Args:
        work: takes items and returns a result for each, in the same order. It may see an item again.
        items: at least one.

    Returns:
        A result for each item; an error for one that the memory does not hold even alone.
    """
    try:
        return list(work(items))
    except (RuntimeError, MemoryError) as exc:
        if not is_too_large(exc):
            raise
    # Out here nothing holds the tensors that were too many.
    _release()
    if len(items) == 1:
        return [ModelCallError(_TOO_LARGE)]
    half = len(items) // 2
    return [*in_halves(work, items[:half]), *in_halves(work, items[half:])]


def is_too_large(exc: BaseException) -> bool:
    """Say whether an error is about memory, of a GPU or of the machine."""
    import torch

    if isinstance(exc, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(exc, RuntimeError) and any(message in str(exc) for message in _MESSAGES)


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
