"""How likely a model finds a reply that is given: the log-probability of each of its tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.models.decoding import Completion, Request

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Of the tokens of one pass: each has a logit for every word of the vocabulary (0.6 GB at 150,000 words).
_TOKENS = 1024


def rate_batch(model: "PreTrainedModel", requests: Sequence[Request]) -> list[Completion]:
    """Rate given replies, each after its prompt; one pass and no decoding.

    Args:
        model: a causal language model.
        requests: each with the tokens that are `rated`.

    Returns:
        A request's rated tokens with their log-probabilities, in nats.
    """
    order = sorted(range(len(requests)), key=lambda index: _length(requests[index]))
    done: dict[int, Completion] = {}
    while order:
        rows = len(order)
        while rows > 1 and rows * _length(requests[order[rows - 1]]) > _TOKENS:
            rows -= 1
        batch, order = order[:rows], order[rows:]
        rated = _rate(model, [requests[index] for index in batch])
        for index, values in zip(batch, rated, strict=True):
            done[index] = Completion(list(requests[index].rated), values, True)
    return [done[index] for index in range(len(requests))]


def _rate(model: "PreTrainedModel", requests: Sequence[Request]) -> list[list[float]]:
    import torch

    longest = max(map(_length, requests))
    tokens = torch.zeros((len(requests), longest), dtype=torch.long, device=model.device)
    mask = torch.zeros_like(tokens)
    for row, request in enumerate(requests):
        tokens[row, : _length(request)] = torch.tensor([*request.prompt, *request.rated])
        mask[row, : _length(request)] = 1
    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits
        found = []
        for row, request in enumerate(requests):
            # What follows a token is told at its own place.
            told = logits[row, len(request.prompt) - 1 : _length(request) - 1].float()
            said = tokens[row, len(request.prompt) : _length(request), None]
            values = told.gather(1, said).squeeze(1) - told.logsumexp(-1)
            found.append([min(value, 0.0) for value in values.tolist()])
    return found


def _length(request: Request) -> int:
    return len(request.prompt) + len(request.rated)
