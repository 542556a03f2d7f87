"""How likely a model finds a reply that is given: the log-probability of each of its tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.errors import ModelCallError
from agents.models.batches import in_halves
from agents.models.decoding import Completion, Request

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def rate_batch(
    model: "PreTrainedModel", requests: Sequence[Request], most: int
) -> list[Completion | ModelCallError]:
    """Rate given replies, each after its prompt; one pass and no decoding.

    Args:
        model: a causal language model.
        requests: each with the tokens that are `rated`.
        most: tokens of one pass, padding included.

    Returns:
        A request's rated tokens with their log-probabilities, in nats; or that the memory does not hold it.
    """
    order = sorted(range(len(requests)), key=lambda index: _length(requests[index]))
    done: dict[int, Completion | ModelCallError] = {}
    while order:
        rows = len(order)
        while rows > 1 and rows * _length(requests[order[rows - 1]]) > most:
            rows -= 1
        batch, order = order[:rows], order[rows:]
        rated = in_halves(lambda asked: _rate(model, asked), [requests[index] for index in batch])
        done.update(zip(batch, rated, strict=True))
    return [done[index] for index in range(len(requests))]


def _rate(model: "PreTrainedModel", requests: Sequence[Request]) -> list[Completion]:
    import torch

    longest = max(map(_length, requests))
    tokens = torch.zeros((len(requests), longest), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, request in enumerate(requests):
        tokens[row, : _length(request)] = torch.tensor([*request.prompt, *request.rated])
        mask[row, : _length(request)] = 1
    tokens, mask = tokens.to(model.device), mask.to(model.device)
    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits
        found = []
        for row, request in enumerate(requests):
            # What follows a token is told at its own place.
            told = logits[row, len(request.prompt) - 1 : _length(request) - 1].float()
            said = tokens[row, len(request.prompt) : _length(request), None]
            values = told.gather(1, said).squeeze(1) - told.logsumexp(-1)
            likely = [min(value, 0.0) for value in values.tolist()]
            found.append(Completion(list(request.rated), likely, True))
    return found


def _length(request: Request) -> int:
    return len(request.prompt) + len(request.rated)
