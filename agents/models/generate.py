"""Completes prompts with transformers' `generate`, each token with its log-probability: the way for a GPU.

A step of a GPU takes about as long for 256 rows as for one. So a batch is as large as the free memory allows,
and those who call while it is under way join it: it stops, and goes on with them. Tokens stay on the device
and are looked at now and then, not each. `docs/gpu.md` says why it is not continuous batching.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from transformers import DynamicCache, GenerationConfig, PreTrainedModel
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList
from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList

from agents.errors import ModelCallError
from agents.models.batches import free_bytes, in_halves, rated_tokens, row_bytes
from agents.models.choices import Draws, Letters
from agents.models.decoding import (
    LOOKED_AT_EVERY,
    Completion,
    Request,
    Row,
    pad_left,
    read_shared_prefix,
)
from agents.models.rating import rate_batch

# Tokens of padding that one batch may have, besides as many as it has others. Reading so many takes less than
# the steps of one more batch. Chosen, not measured.
_PADDING = 32_768


class Callers(Protocol):
    """Who waits for completions. A `Batcher` is one."""

    def is_awaited(self) -> bool:
        """Say whether anybody still waits."""

    def count_joinable(self) -> int:
        """Return how many more requests there are to `join`."""

    def join(self) -> list[Request]:
        """Take those requests; their positions follow those that are there."""

    def hand_back(self, replies: Mapping[int, Completion | Exception]) -> None:
        """Take what is done, by position."""


class Alone:
    """One caller who waits for all completions, and whom nobody joins."""

    def __init__(self) -> None:
        self.replies: dict[int, Completion | Exception] = {}

    def is_awaited(self) -> bool:
        """Say that somebody waits."""
        return True

    def count_joinable(self) -> int:
        """Return that nobody else calls."""
        return 0

    def join(self) -> list[Request]:
        """Return no requests."""
        return []

    def hand_back(self, replies: Mapping[int, Completion | Exception]) -> None:
        """Keep what is done."""
        self.replies.update(replies)


class Generation:
    """Requests under way and those that wait for the next batch, by their positions.

    Args:
        model: a causal language model.
        ends: the tokens that end a turn.
        callers: who is answered.
        circles: says of a completion's tokens whether it only repeats itself, as in `complete_batch`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        ends: Collection[int],
        callers: Callers,
        circles: Callable[[list[int]], bool] = lambda tokens: False,
    ) -> None:
        self.model = model
        self.ends = frozenset(ends)
        self.callers = callers
        self.circles = circles
        self.open: dict[int, Row] = {}
        self._taken = 0
        # What was too much once is too much the next time.
        self._most_memory: float = torch.inf

    @torch.inference_mode()
    def complete(self, requests: Sequence[Request]) -> None:
        """Complete requests and those that join them, and hand each back when it is done.

        What `complete_batch` says of temperature 0 and of the batch holds here too. At other temperatures
        the draws are others.

        Raises:
            ModelCallError: nobody waits any more.
        """
        self._add(requests)
        with _plain_settings(self.model):
            while self.open:
                batch = self._next_batch()
                results = in_halves(partial(self._run, batch), batch.positions)
                failed = {
                    position: result
                    for position, result in zip(batch.positions, results, strict=True)
                    if isinstance(result, ModelCallError)
                }
                self.close(failed)
                self._add(self.callers.join())

    def close(self, replies: Mapping[int, Completion | Exception]) -> None:
        """Hand back what is done."""
        for position in replies:
            del self.open[position]
        if replies:
            self.callers.hand_back(replies)

    def _add(self, requests: Sequence[Request]) -> None:
        first, self._taken = self._taken, self._taken + len(requests)
        self.open.update(enumerate(map(Row, requests), first))
        rated = [position for position in range(first, self._taken) if self.open[position].request.rated]
        if rated:
            asked = [self.open[position].request for position in rated]
            self.close(dict(zip(rated, rate_batch(self.model, asked, rated_tokens(self.model)), strict=True)))

    def _next_batch(self) -> "_Batch":
        """Return as many of like length as fit, among them the one who waits longest."""
        # Those of which a single token is wanted do not wait for others.
        quick = [position for position, row in self.open.items() if row.request.among]
        order = sorted(quick or self.open, key=lambda position: _length(self.open[position]))
        oldest, memory = min(order), min(free_bytes(self.model.device), self._most_memory)
        batch = _Batch(self.model, memory)
        while order:
            row = self.open[order[-1]]
            if batch.takes(row):
                batch.add(order.pop(), row)
            elif oldest in batch.positions:
                break
            else:
                batch = _Batch(self.model, memory)
        batch.followers = len(order) if batch.is_full else 0
        return batch

    def _run(self, batch: "_Batch", positions: list[int]) -> list[int]:
        """Complete a batch, or a half of it, as far as it goes before others join."""
        share = len(positions) / len(batch.positions)
        if share < 1:
            self._most_memory = min(self._most_memory, share * batch.needed)
        # Some may be done already where the memory was used up under way.
        rows = {position: self.open[position] for position in positions if position in self.open}
        if not rows:
            return positions
        prompts = [[*row.request.prompt, *row.tokens] for row in rows.values()]
        cache = DynamicCache(config=self.model.config)
        shared = read_shared_prefix(self.model, prompts, cache)
        tokens, mask = pad_left([prompt[shared:] for prompt in prompts], self.model.device)
        first = tokens.new_tensor(prompts[0][:shared]).expand(len(rows), -1)
        steps = _Steps(self, batch, rows)
        self.model.generate(  # type: ignore[operator]
            torch.cat([first, tokens], dim=1),
            attention_mask=torch.cat([torch.ones_like(first), mask], dim=1),
            past_key_values=cache,
            generation_config=_settings(max_new_tokens=max(map(_room, rows.values())), do_sample=False),
            logits_processor=LogitsProcessorList([_Choice(steps)]),
            stopping_criteria=StoppingCriteriaList([_Stop(steps)]),
        )
        steps.look()
        return positions


class _Batch:
    """Which requests are completed together, and how many more of their kind the memory takes."""

    def __init__(self, model: PreTrainedModel, memory: float) -> None:
        self.positions: list[int] = []
        self.followers = 0
        """Requests that wait since the memory is full."""
        self.is_full = False
        self._model, self._memory = model, memory
        self._longest = self._room = self._tokens = 0

    @property
    def capacity(self) -> int:
        """How many requests of this shape the memory takes."""
        return int(self._memory / self._row_bytes)

    @property
    def needed(self) -> int:
        """How many bytes these need, by the estimate."""
        return len(self.positions) * self._row_bytes

    @property
    def _row_bytes(self) -> int:
        return row_bytes(self._model, self._longest, self._room)

    def takes(self, row: Row) -> bool:
        """Say whether one more fits that is not longer than those before."""
        rows, longest, room = len(self.positions) + 1, self._longest or _length(row), _room(row)
        self.is_full = rows * row_bytes(self._model, longest, max(self._room, room)) > self._memory
        tokens = self._tokens + _length(row)
        return rows == 1 or (not self.is_full and rows * longest - tokens <= max(_PADDING, tokens))

    def add(self, position: int, row: Row) -> None:
        """Take it in."""
        self.positions.append(position)
        self._longest = self._longest or _length(row)
        self._room = max(self._room, _room(row))
        self._tokens += _length(row)


class _Steps:
    """What happens at each token of a batch: all on the device, but for a look now and then."""

    def __init__(self, generation: Generation, batch: _Batch, rows: dict[int, Row]) -> None:
        device = generation.model.device
        self._generation, self._batch, self._rows = generation, batch, rows
        self._ends = torch.tensor(sorted(generation.ends), dtype=torch.long, device=device)
        self._rooms = torch.tensor([_room(row) for row in rows.values()], device=device)
        self._done = torch.zeros(len(rows), dtype=torch.bool, device=device)
        self._tokens: list[torch.Tensor] = []
        self._log_probabilities: list[torch.Tensor] = []
        self._read = 0
        self._letters = Letters.of(list(rows.values()), device)
        self._draws = Draws.of(list(rows.values()), device)

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Choose each row's next token, and return scores of which it is the highest."""
        chosen = logits.argmax(-1)
        if self._draws:
            chosen[self._draws.rows] = self._draws.draw(logits, len(self._tokens))
        if self._letters and not self._tokens:
            chosen[self._letters.rows] = self._letters.choose(logits)
        self._tokens.append(chosen)
        at = chosen[:, None]
        self._log_probabilities.append(logits.gather(1, at).squeeze(1) - logits.logsumexp(-1))
        return logits.scatter(1, at, torch.inf) if self._draws or self._letters else logits

    def stop(self) -> torch.Tensor:
        """Return which rows are done; all of them where others are to join.

        Raises:
            ModelCallError: nobody waits any more.
        """
        if not self._generation.callers.is_awaited():
            raise ModelCallError("nobody waits for the answers")
        step = len(self._tokens)
        self._done = self._done | torch.isin(self._tokens[-1], self._ends) | (self._rooms <= step)
        if step % LOOKED_AT_EVERY == 0:
            going = self.look()
            joining = min(self._joinable(), self._batch.capacity - len(going))
            # What is read once more is never more than what is new.
            goes_on = [position in going and joining < len(going) for position in self._rows]
            self._done = ~torch.tensor(goes_on, device=self._done.device)
        return self._done

    def _joinable(self) -> int:
        return self._generation.callers.count_joinable() + self._batch.followers

    def look(self) -> set[int]:
        """Read what was chosen since the last look, and hand back what is done; returns who goes on."""
        rows, ends = self._rows, self._generation.ends
        going = {position for position in rows if position in self._generation.open}
        if self._read == len(self._tokens):
            return going
        if self._letters and not self._read:
            self._letters.tell(list(rows.values()))
        tokens = torch.stack(self._tokens[self._read :], 1).tolist()
        values = torch.stack(self._log_probabilities[self._read :], 1).tolist()
        self._read = len(self._tokens)
        for (position, row), said, rated in zip(rows.items(), tokens, values, strict=True):
            if position in going:
                new = zip(said, rated, strict=True)
                more = all(row.takes(token, value, ends) for token, value in new)
                if not more or (row.is_due and self._generation.circles(row.tokens)):
                    going.remove(position)
        done = {position: row for position, row in rows.items() if position in self._generation.open}
        self._generation.close(
            {position: row.result for position, row in done.items() if position not in going}
        )
        return going


class _Choice(LogitsProcessor):
    """Lets `generate` take what the steps choose."""

    def __init__(self, steps: _Steps) -> None:
        self._steps = steps

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self._steps.choose(scores)


class _Stop(StoppingCriteria):
    """Lets `generate` stop where the steps do."""

    def __init__(self, steps: _Steps) -> None:
        self._steps = steps

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        return self._steps.stop()


@contextmanager
def _plain_settings(model: PreTrainedModel) -> Iterator[None]:
    """Leave out what a model's folder adds to what is asked: Qwen's has a penalty on repeated words."""
    own = model.generation_config
    model.generation_config = _settings()
    try:
        yield
    finally:
        model.generation_config = own


def _settings(**fields: Any) -> GenerationConfig:
    return GenerationConfig(**fields)  # type: ignore[no-untyped-call]


def _length(row: Row) -> int:
    return len(row.request.prompt) + len(row.tokens)


def _room(row: Row) -> int:
    return row.request.max_tokens - len(row.tokens)
