"""A model of two layers with random weights and a tokenizer of bytes, as a folder of the usual files."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system here') }}{% endif %}"
ROWS = 300


def bytes_tokenizer(
    template: str | None = CHATML,
    special: Sequence[str] = ("<|im_start|>", "<|im_end|>", "<|endoftext|>"),
    eos: str | None = "<|endoftext|>",
    pad: str | None = None,
    swallowing: Sequence[str] = (),
) -> PreTrainedTokenizerFast:
    """Return a tokenizer with a token for each byte, and some control tokens.

    Args:
        template: its chat template.
        special: the control tokens.
        eos: the end token that it names.
        pad: the padding token that it names.
        swallowing: those of the control tokens that swallow the space after them.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({sign: at for at, sign in enumerate(alphabet)}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(
        [AddedToken(name, special=True, normalized=False, rstrip=name in swallowing) for name in special]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=eos, pad_token=pad)
    tokenizer.chat_template = template
    return tokenizer


@cache
def _weights(hidden: int, layers: int, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=ROWS,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config)


def save_tiny_model(folder: Path, *, hidden: int = 16, layers: int = 2, **tokenizer: Any) -> Path:
    """Write a model's folder and return it.

    Args:
        folder: the new folder.
        hidden: how wide its layers are.
        layers: how many.
        tokenizer: arguments of `bytes_tokenizer`.
    """
    _weights(hidden, layers, 0).save_pretrained(folder)
    bytes_tokenizer(**tokenizer).save_pretrained(folder)
    return folder


def save_tiny_adapter(folder: Path, *, hidden: int = 16, layers: int = 2) -> Path:
    """Write an untrained adapter of such a model and return its folder."""
    from peft import LoraConfig, get_peft_model

    model = LlamaForCausalLM(_weights(hidden, layers, 0).config)
    matrices = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(model, matrices).save_pretrained(str(folder), save_embedding_layers=False)
    return folder
