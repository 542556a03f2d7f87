"""How likely a model finds given responses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from agents.errors import TurnsRefusedError
from agents.models.chat_template import ChatTemplate, Example
from stores.pretrained import load_tokenizer
from stores.records import TrainingRow
from training.objectives.tokens import tokenize
from training.setting import training_dtype

_BATCH = 16


def mean_log_probabilities(weights: str, adapter: Path | None, rows: Sequence[TrainingRow]) -> list[float]:
    """Return the mean log-probability (nats) of each row's response tokens.

    Args:
        weights: the model, a folder or a hub id.
        adapter: a PEFT adapter on it, or None.
        rows: prompts with their responses.

    Raises:
        TurnsRefusedError: the model's chat template cannot render a prompt.
    """
    tokenizer = load_tokenizer(weights)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = AutoModelForCausalLM.from_pretrained(
        weights, dtype=training_dtype(), trust_remote_code=False
    )
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    model = model.to(device).eval()
    sequences: list[Example] = []
    for made in tokenize(rows, ChatTemplate(tokenizer, weights)):
        if isinstance(made, TurnsRefusedError):
            raise made
        sequences.append(made)
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
        # The positions whose next token is some row's response: projecting all of them on the vocabulary
        # would cost more than the model itself.
        wanted = sorted(
            {at for row in batch for at in range(sequences[row][1] - 1, len(sequences[row][0]) - 1)}
        )
        positions = torch.tensor(wanted, device=device)
        with torch.inference_mode():
            logits = model(input_ids=tokens, attention_mask=mask, logits_to_keep=positions).logits.float()
        following = tokens[:, positions + 1, None]
        likely = torch.log_softmax(logits, dim=-1).gather(2, following)[:, :, 0].cpu()
        for row, at in enumerate(batch):
            known, start = sequences[at]
            own = [place for place, position in enumerate(wanted) if start - 1 <= position < len(known) - 1]
            scores[at] = float(likely[row, own].mean())
    return scores
