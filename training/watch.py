"""A watch over each step's loss and gradient: what is not finite is kept from the weights."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from training.errors import NotFiniteError
from training.processes import mean_of_all, whole

if TYPE_CHECKING:
    import torch

# Chosen, not measured: a loss has been rising where the mean of the last steps is so many times the lowest
# mean of as many steps in a row before.
_STEPS = 3
_RISEN = 1.5
# Losses that are looked at.
_KEPT = 200

FILLER = ""
"""The id of what fills a batch that is not whole, where several processes share it."""


class Pass(NamedTuple):
    """One forward and backward pass.

    Args:
        ids: of its samples.
        loss: its part of the step's loss, a tensor of one number.
        mask: the attention mask (samples, tokens), or None where nothing is padded.
    """

    ids: tuple[str, ...]
    loss: "torch.Tensor"
    mask: "torch.Tensor | None"


def make_watch(learning_rate: float, dtype: str, *, padding_is_safe: bool) -> Any:
    """Return a `transformers.TrainerCallback` that raises `NotFiniteError` where a step is not finite.

    It looks at the loss and at the gradients after the backward pass. The optimiser has not been at work
    then: weights, optimiser and learning rate are those of before the step.

    Args:
        learning_rate: the highest one of the training.
        dtype: that the model is computed in.
        padding_is_safe: whether attention is computed by plain products, which bear padding.
    """
    import torch
    from torch.nn.utils import get_total_norm
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self._passes: list[Pass] = []
            self._losses: deque[float] = deque(maxlen=_KEPT)

        def saw(self, one: Pass) -> None:
            """Take note of a pass of the step under way."""
            self._passes.append(one)

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            passes, self._passes = self._passes, []
            gradients = [value.grad for value in kwargs["model"].parameters() if value.grad is not None]
            # One transfer from the device a step.
            norm_of_all = whole(get_total_norm(gradients)).float()
            found = torch.stack([*(one.loss.float() for one in passes), norm_of_all])
            *losses, norm = found.tolist()
            # With several processes, each has the loss of its samples times their number.
            loss = mean_of_all(sum(losses))
            if all(map(_is_finite, [loss, norm])):
                self._losses.append(loss)
                return
            by_loss = not _is_finite(loss)
            blamed = [
                one for one, part in zip(passes, losses, strict=True) if not by_loss or not _is_finite(part)
            ]
            cause = likely_cause(
                self._losses, passes, learning_rate, dtype=dtype, padding_is_safe=padding_is_safe
            )
            raise NotFiniteError(
                step=state.global_step + 1,
                samples=[name for one in blamed for name in one.ids if name != FILLER],
                fault=f"the loss was {loss}" if by_loss else f"the gradient's norm was {norm}",
                cause=cause,
                rising=has_risen(self._losses),
            )

    return Watch()


def likely_cause(
    losses: Sequence[float],
    passes: Sequence[Pass],
    learning_rate: float,
    *,
    dtype: str,
    padding_is_safe: bool,
) -> str:
    """Return in a few words why a step was probably not finite.

    Args:
        losses: of the steps before it.
        passes: of the step.
        learning_rate: the highest one of the training.
        dtype: that the model is computed in.
        padding_is_safe: whether attention is computed by plain products.
    """
    if has_risen(losses):
        lowest, last = _lowest_and_last(losses)
        return (
            f"training.learning_rate {learning_rate:g} is too high, since the loss had risen from "
            f"{lowest:.2f} to {last:.2f}"
        )
    padded = [one.mask for one in passes if one.mask is not None and not bool(one.mask.all())]
    if padded and not padding_is_safe:
        widest = max(mask.shape[1] for mask in padded)
        return f"fused attention over a batch that is padded to {widest} tokens"
    if dtype != "float32":
        return f"the model is computed in {dtype}, a dtype of low precision"
    return "unknown"


def has_risen(losses: Sequence[float]) -> bool:
    """Say whether the losses of the last steps are far above those of earlier ones."""
    lowest, last = _lowest_and_last(losses)
    return last > _RISEN * lowest


def _lowest_and_last(losses: Sequence[float]) -> tuple[float, float]:
    """Return the lowest mean of a few steps in a row, and the mean of the last; 0 each of too few steps."""
    found = list(losses)
    if len(found) <= _STEPS:
        return 0.0, 0.0
    means = [sum(found[at : at + _STEPS]) / _STEPS for at in range(len(found) - _STEPS + 1)]
    return min(means), means[-1]


def _is_finite(number: float) -> bool:
    return abs(number) < float("inf")
