"""How the next token is chosen where it is not the likeliest: one of a few letters, or drawn by a seed.

All of a batch is chosen at once, on its device.
"""

from typing import NamedTuple

import torch

from agents.models.decoding import Row


class Letters(NamedTuple):
    """Rows whose one token is to be one of a few."""

    rows: torch.Tensor
    tokens: torch.Tensor
    """One line a row; what is missing of the longest is its own first token again."""
    rated: list[torch.Tensor]

    @classmethod
    def of(cls, rows: list[Row], device: torch.device) -> "Letters | None":
        """Return those among the rows, if any."""
        found = [index for index, row in enumerate(rows) if row.request.among]
        if not found:
            return None
        among = [rows[index].request.among for index in found]
        most = max(map(len, among))
        padded = [[*tokens, *tokens[:1] * (most - len(tokens))] for tokens in among]
        return cls(torch.tensor(found, device=device), torch.tensor(padded, device=device), [])

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the likeliest of each row's tokens."""
        rated = logits[self.rows].log_softmax(-1).gather(1, self.tokens)
        self.rated.append(rated)
        return self.tokens.gather(1, rated.argmax(1, keepdim=True)).squeeze(1)

    def tell(self, rows: list[Row]) -> None:
        """Note how likely each token was."""
        for index, rated in zip(self.rows.tolist(), self.rated[0].tolist(), strict=True):
            rows[index].among = tuple(rated[: len(rows[index].request.among)])


class Draws(NamedTuple):
    """Rows whose tokens are drawn: each by its own seed, whatever the batch."""

    rows: torch.Tensor
    temperatures: torch.Tensor
    numbers: torch.Tensor
    """From 0 to 1, a column a row and a line a step."""

    @classmethod
    def of(cls, rows: list[Row], device: torch.device) -> "Draws | None":
        """Return those among the rows, if any."""
        found = [index for index, row in enumerate(rows) if row.request.temperature > 0]
        found = [index for index in found if not rows[index].request.among]
        if not found:
            return None
        numbers = [_numbers(rows[index]) for index in found]
        temperatures = torch.tensor([[rows[index].request.temperature] for index in found], device=device)
        steps = torch.nn.utils.rnn.pad_sequence(numbers).to(device)
        return cls(torch.tensor(found, device=device), temperatures, steps)

    def draw(self, logits: torch.Tensor, step: int) -> torch.Tensor:
        """Return a token for each row: the first up to which its chances come to its number."""
        reached = (logits[self.rows] / self.temperatures).softmax(-1).double().cumsum(-1)
        # A row that has ended already has no number any more.
        numbers = self.numbers[min(step, len(self.numbers) - 1)][:, None] * reached[:, -1:]
        return torch.searchsorted(reached, numbers, right=True).squeeze(1).clamp(max=logits.shape[1] - 1)


def _numbers(row: Row) -> torch.Tensor:
    generator = torch.Generator().manual_seed(row.request.seed)
    numbers = torch.rand(row.request.max_tokens, generator=generator, dtype=torch.float64)
    return numbers[len(row.tokens) :]
