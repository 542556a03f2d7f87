"""Loads the weights, tokenizer and adapter of a model that answers inside this process."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from agents.models.config import EmbeddedModelConfig
from agents.models.embedded import EmbeddedChatModel
from stores.errors import WeightsError
from stores.weights import resolve_weights


def load_embedded(config: EmbeddedModelConfig, adapter: Path | None = None) -> EmbeddedChatModel:
    """Load a model for in-process answers, on the GPU where there is one.

    Args:
        config: the model; its name is an alias, a folder or a hub id.
        adapter: a PEFT adapter to put on it.

    Raises:
        WeightsError: the weights, the tokenizer or the adapter cannot be loaded, or have no chat template.
    """
    device = _best_device()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    if config.dtype != "auto":
        dtype = getattr(torch, config.dtype)
    try:
        weights = resolve_weights(config.name)
        tokenizer = AutoTokenizer.from_pretrained(weights, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            weights, dtype=dtype, trust_remote_code=False, use_safetensors=True
        )
        if adapter is not None:
            from peft import PeftModel

            # Merged: the adapter's many small products would halve the speed.
            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (OSError, ValueError, KeyError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise WeightsError(f"model '{config.name}' cannot be loaded: {reason}") from exc
    if not tokenizer.chat_template:
        raise WeightsError(f"model '{config.name}' has no chat template; name an instruct model")
    model.requires_grad_(False)
    model.to(device)  # type: ignore[arg-type]  # wrapped by a decorator that loses the method's self
    return EmbeddedChatModel(
        model=model,
        tokenizer=tokenizer,
        name_or_path=config.name,
        batch_size=config.batch_size,
        template_settings=config.chat_template_kwargs,
    )


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
