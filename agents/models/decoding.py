"""Completes a batch of prompts token by token, with each token's log-probability: the loop for a CPU.

Transformers' own continuous batching returns log-probabilities too, but on a CPU it answered at about a
third of this loop's speed, took 5 GB, and its answers depended on the batch (`docs/measurements.md`).
A GPU waits for the host at every token of this loop; there `agents/models/generate.py` completes.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from transformers import DynamicCache, PreTrainedModel

from agents.errors import ModelCallError

# In tokens: a look takes as long as a hundredth of these.
LOOKED_AT_EVERY = 16


class Request(NamedTuple):
    """One prompt to complete."""

    prompt: list[int]
    max_tokens: int
    temperature: float
    seed: int
    among: tuple[int, ...] = ()
    """Tokens, of which the first one is to be: the completion is the likeliest of them, and nothing more."""
    rated: tuple[int, ...] = ()
    """Tokens that are not completed but rated: how likely they are as the completion."""


class Completion(NamedTuple):
    """The tokens that followed a prompt, without the end-of-turn token, and their log-probabilities."""

    tokens: list[int]
    log_probabilities: list[float]
    finished: bool
    among: tuple[float, ...] = ()
    """The log-probability of each token that the first was to be one of."""


@torch.inference_mode()
def complete_batch(
    model: PreTrainedModel,
    requests: Sequence[Request],
    ends: Collection[int],
    is_awaited: Callable[[], bool] = lambda: True,
    circles: Callable[[list[int]], bool] = lambda tokens: False,
) -> list[Completion]:
    """Complete a batch of prompts; a prompt leaves the batch when its completion ends or runs in circles.

    In float32 the answers at temperature 0 did not depend on the batch in any of 160 prompts measured; in
    bfloat16 they did in a fifth to a third of them (`docs/measurements.md`).

    Args:
        model: a causal language model.
        requests: the prompts, at least one token each.
        ends: the tokens that end a turn.
        is_awaited: says whether anybody still waits; a process that is stopped waits for this thread.
        circles: says of a completion's tokens whether it only repeats itself. It is asked now and then, and
            ends such a completion as if its room were used up.

    Raises:
        ModelCallError: nobody waits any more.
    """
    rows = [Row(request) for request in requests]
    prompts = [request.prompt for request in requests]
    cache = DynamicCache(config=model.config)
    shared = read_shared_prefix(model, prompts, cache)
    tokens, mask = pad_left([prompt[shared:] for prompt in prompts], model.device)
    position = mask.cumsum(1).sub(1).clamp(min=0).add(shared)
    mask = torch.cat([mask.new_ones(len(mask), shared), mask], dim=1)
    going = rows
    while going:
        if not is_awaited():
            raise ModelCallError("nobody waits for the answers")
        logits = (
            model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            .logits[:, -1]
            .float()
        )
        chosen = _choose(logits, going)
        log_probability = logits.gather(1, chosen[:, None]).squeeze(1) - logits.logsumexp(-1)
        said = enumerate(zip(going, chosen.tolist(), log_probability.tolist(), strict=True))
        kept = [index for index, (row, token, value) in said if row.takes(token, value, ends)]
        kept = [index for index in kept if not (going[index].is_due and circles(going[index].tokens))]
        if 0 < len(kept) < len(going):
            indices = torch.tensor(kept, device=model.device)
            cache.batch_select_indices(indices)
            mask, position, chosen = mask[indices], position[indices], chosen[indices]
        going = [going[index] for index in kept]
        tokens = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        position = position[:, -1:] + 1
    return [row.result for row in rows]


@dataclass
class Row:
    """One prompt under way, and what has followed it so far."""

    request: Request
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    finished: bool = False
    among: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        # One a row, on the CPU: what is drawn depends on the seed, not on the batch or device.
        self.generator = torch.Generator().manual_seed(self.request.seed)

    @property
    def result(self) -> Completion:
        """What was completed."""
        return Completion(self.tokens, self.log_probabilities, self.finished, self.among)

    @property
    def is_due(self) -> bool:
        """Whether it is time to look whether the completion runs in circles."""
        return len(self.tokens) % LOOKED_AT_EVERY == 0

    def takes(self, token: int, log_probability: float, ends: Collection[int]) -> bool:
        """Take a token; returns whether another may follow."""
        if token in ends:
            self.finished = True
            return False
        self.tokens.append(token)
        self.log_probabilities.append(log_probability)
        if self.request.among:
            self.finished = True
            return False
        return len(self.tokens) < self.request.max_tokens


def read_shared_prefix(model: PreTrainedModel, prompts: list[list[int]], cache: DynamicCache) -> int:
    """Read what all prompts begin with once, for all rows; returns how many tokens that is.

    The chat template's system turn alone is half of a short prompt.
    """
    # Each row keeps a token of its own to go on from.
    longest = min(len(prompt) for prompt in prompts) - 1
    first = prompts[0]
    shared = next(
        (at for at in range(longest) if any(prompt[at] != first[at] for prompt in prompts)), longest
    )
    if shared:
        tokens = torch.tensor([first[:shared]], device=model.device)
        model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_repeat_interleave(len(prompts))
    return shared


def _choose(logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
    chosen = logits.argmax(-1)
    for index, row in enumerate(rows):
        if among := row.request.among:
            rated = logits[index].log_softmax(-1)[list(among)]
            row.among = tuple(rated.tolist())
            chosen[index] = among[int(rated.argmax())]
        elif row.request.temperature > 0:
            chances = torch.softmax(logits[index] / row.request.temperature, -1).cpu()
            chosen[index] = torch.multinomial(chances, 1, generator=row.generator)[0]
    return chosen


def pad_left(prompts: list[list[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return prompts of any lengths as one matrix, and the mask of its padding, which is on the left."""
    longest = max(len(prompt) for prompt in prompts)
    # Any token will do: the mask hides it. A device gets them whole, and not row by row.
    tokens = torch.zeros((len(prompts), longest), dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return tokens.to(device), mask.to(device)
