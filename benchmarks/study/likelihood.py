"""How likely a model finds given responses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from training.lora import load_tokenizer, training_dtype

_BATCH = 16


def mean_log_probabilities(weights: str, adapter: Path | None, rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the mean log-probability (nats) of each row's response tokens.

    Args:
        weights: the model, a folder or a hub id.
        adapter: a PEFT adapter on it, or None.
        rows: `prompt` and `completion` as lists of turns.
    """
    tokenizer = load_tokenizer(weights)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=training_dtype(), trust_remote_code=False)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    model = model.to(device).eval()
    sequences = [_tokens(tokenizer, row) for row in rows]
    # Rows of a length together: less padding.
    order = sorted(range(len(rows)), key=lambda at: len(sequences[at][0]))
    scores = [0.0] * len(rows)
    for begin in range(0, len(order), _BATCH):
        batch = order[begin : begin + _BATCH]
        longest = max(len(sequences[at][0]) for at in batch)
        tokens = torch.zeros((len(batch), longest), dtype=torch.long, device=device)
        mask = torch.zeros_like(tokens)
        for row, at in enumerate(batch):
            known = sequences[at][0]
            tokens[row, : len(known)] = torch.tensor(known)
            mask[row, : len(known)] = 1
        with torch.inference_mode():
            logits = model(input_ids=tokens, attention_mask=mask).logits[:, :-1].float()
        likely = torch.log_softmax(logits, dim=-1).gather(2, tokens[:, 1:, None])[:, :, 0].cpu()
        for row, at in enumerate(batch):
            known, start = sequences[at]
            scores[at] = float(likely[row, start - 1 : len(known) - 1].mean())
    return scores


def _tokens(tokenizer: Any, row: dict[str, Any]) -> tuple[list[int], int]:
    """Return a row's tokens and where its response begins."""
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]
    whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=True)["input_ids"]
    return whole, len(prompt)
