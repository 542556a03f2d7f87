"""Loads the weights, tokenizer and adapter of a model that answers inside this process."""

from pathlib import Path

import torch

from agents.models.config import EmbeddedModelConfig
from agents.models.embedded import EmbeddedChatModel
from stores.model_hub import fetchable_weights
from stores.pretrained import check_vocabulary, load_causal_model, load_tokenizer, put_adapter
from stores.weight_files import check_weight_files
from stores.weights import reading_weights

# The most prompts at once on a CPU, measured; on a GPU the memory is the limit.
_BATCH_ON_CPU, _BATCH_ON_GPU = 64, 65_536


def load_embedded(
    config: EmbeddedModelConfig, adapter: Path | None = None, *, generates: bool | None = None
) -> EmbeddedChatModel:
    """Load a model for in-process answers, on the GPU where there is one.

    Args:
        config: the model; its name is an alias, a folder or a hub id.
        adapter: a PEFT adapter to put on it.
        generates: whether transformers' `generate` answers; by default where the device is a GPU of CUDA's.

    Raises:
        WeightsError: the weights, the tokenizer or the adapter cannot be loaded, or have no chat template.
    """
    device = _best_device()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    if config.dtype != "auto":
        dtype = getattr(torch, config.dtype)
    with reading_weights(config.name):
        weights = fetchable_weights(config.name)
        if Path(weights).is_dir():
            check_weight_files(Path(weights))
        tokenizer = load_tokenizer(weights)
        model = load_causal_model(weights, dtype=dtype, device_map=device)
        check_vocabulary(config.name, tokenizer, model)
        if adapter is not None:
            # Merged: the adapter's many small products would halve the speed.
            model = put_adapter(model, adapter).merge_and_unload()
        model.requires_grad_(False)
        if generates is None:
            generates = device == "cuda"
        most = _BATCH_ON_GPU if generates else _BATCH_ON_CPU
        return EmbeddedChatModel(
            model=model,
            tokenizer=tokenizer,
            name_or_path=config.name,
            batch_size=most if config.batch_size == "auto" else config.batch_size,
            generates=generates,
            template_settings=config.chat_template_kwargs,
        )


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
