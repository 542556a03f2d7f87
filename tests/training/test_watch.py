"""The watch: which steps it lets through, whose samples it names, and what it takes for the cause."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from training.errors import NotFiniteError
from training.watch import Pass, has_risen, likely_cause, make_watch

PADDED = torch.tensor([[1, 1, 1], [1, 0, 0]])
WHOLE = torch.ones(2, 3, dtype=torch.long)
NAN = float("nan")


def a_pass(loss: float, *ids: str, mask: torch.Tensor | None = WHOLE) -> Pass:
    return Pass(ids, torch.tensor(loss), mask)


class Steps:
    """A watch with a model of one matrix, whose gradient is given for each step."""

    def __init__(self) -> None:
        self.watch = make_watch(2e-4, "float32", padding_is_safe=True)
        self.model = torch.nn.Linear(2, 1, bias=False)
        self.state = SimpleNamespace(global_step=0)

    def step(self, *passes: Pass, gradient: float = 1.0) -> None:
        for one in passes:
            self.watch.saw(one)
        self.model.weight.grad = torch.full((1, 2), gradient)
        self.watch.on_pre_optimizer_step(None, self.state, None, model=self.model)
        self.state.global_step += 1


def test_a_finite_step_passes_and_its_passes_are_forgotten() -> None:
    steps = Steps()
    steps.step(a_pass(2.0, "a"), a_pass(1.0, "b"))
    with pytest.raises(NotFiniteError) as raised:
        steps.step(a_pass(NAN, "c"))
    assert (raised.value.step, raised.value.samples) == (2, ("c",))


def test_the_samples_are_those_of_the_pass_whose_loss_is_not_finite() -> None:
    with pytest.raises(NotFiniteError, match=r"^the loss was inf at step 1, on the samples c, d; ") as raised:
        Steps().step(a_pass(2.0, "a", "b"), a_pass(float("inf"), "c", "d"))
    assert raised.value.samples == ("c", "d")


def test_the_samples_are_all_of_the_step_where_only_its_gradient_is_not_finite() -> None:
    with pytest.raises(NotFiniteError, match=r"^the gradient's norm was nan at step 1") as raised:
        Steps().step(a_pass(2.0, "a"), a_pass(1.0, "b"), gradient=NAN)
    assert raised.value.samples == ("a", "b")


def test_a_message_names_a_few_samples_and_the_error_all() -> None:
    names = [f"s{number}" for number in range(20)]
    with pytest.raises(NotFiniteError, match=r"s14, s15 and 4 more; likely cause") as raised:
        Steps().step(a_pass(NAN, *names))
    assert raised.value.samples == tuple(names)


@pytest.mark.parametrize(
    ("losses", "risen"),
    [
        ([], False),
        ([1, 2, 9], False),
        ([2.0, 1.9, 1.8, 1.7], False),
        ([2.0, 1.0, 1.0, 1.0, 1.3, 1.4, 1.3], False),
        ([2.0, 1.0, 1.0, 1.0, 1.5, 2.0, 2.5], True),
        ([1.0, 1.0, 1.0, 8.0, 1.0, 1.0, 1.0], False),
    ],
)
def test_a_loss_has_risen_where_several_steps_are_far_above_the_lowest(
    losses: list[float], risen: bool
) -> None:
    assert has_risen(losses) == risen


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        (
            {"losses": [1, 1, 1, 4, 4, 4]},
            "training.learning_rate 0.0002 is too high, since the loss had risen from 1.00",
        ),
        ({"mask": PADDED}, "fused attention over a batch that is padded to 3 tokens"),
        ({"mask": PADDED, "padding_is_safe": True}, "unknown"),
        ({"mask": PADDED, "padding_is_safe": True, "dtype": "bfloat16"}, "the model is computed in bfloat16"),
        ({"mask": None, "dtype": "bfloat16"}, "the model is computed in bfloat16"),
        ({}, "unknown"),
    ],
)
def test_the_likely_cause_is_the_first_that_applies(more: dict[str, Any], cause: str) -> None:
    given: dict[str, Any] = {"losses": [1.0] * 6, "mask": WHOLE, "dtype": "float32", "padding_is_safe": False}
    given |= more
    passes = [a_pass(NAN, "a", mask=given.pop("mask"))]
    assert likely_cause(given.pop("losses"), passes, 2e-4, **given).startswith(cause)
