"""A step that is not finite is not taken: its samples are named, and training goes on once, more safely."""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stores.records import TrainingRetry
from tests.support.tiny_models import save_tiny_model
from training.attempt import TrainingOutcome
from training.errors import NotFiniteError, TrainingError, TrainingInterrupted
from training.finetune import train_adapter
from training.lora import TrainingConfig
from training.memory import Room
from training.progress import TrainingStep
from training.retry import keep_retry, make_slower, plan_retry, read_retry
from training.setting import choose_setting

CONFIG = TrainingConfig(epochs=4, batch_size=2)
ROWS = [
    {
        "id": f"row-{number}",
        "prompt": [{"role": "user", "content": "Hi?"}],
        "completion": [{"role": "assistant", "content": "Yes" * (number + 1)}],
        "source": "original",
    }
    for number in range(4)
]
RETRY = TrainingRetry(
    step=2, samples=("a",), fault="the loss was nan", cause="unknown", setting="x", float32=True, halved=False
)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save_tiny_model(tmp_path / "model"))


def train(weights: str, folder: Path, config: TrainingConfig = CONFIG, **hooks: Any) -> TrainingOutcome:
    file = folder / "training.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    given = {"seed": 0, "report": lambda _: None, "stop": threading.Event(), **hooks}
    return train_adapter(file, weights, folder / "adapter", config, **given)


def poison(monkeypatch: pytest.MonkeyPatch, *, when: Callable[[int], bool]) -> None:
    """Have torch's cross entropy give something that is not finite in some of its calls, from 1 on."""
    whole, calls = torch.nn.functional.cross_entropy, 0

    def poisoned(*arguments: Any, **named: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        losses = whole(*arguments, **named)
        return losses * float("nan") if when(calls) else losses

    monkeypatch.setattr("torch.nn.functional.cross_entropy", poisoned)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "adapter" / "adapter_model.safetensors"))


@pytest.mark.parametrize("step", [1, 3, 6])
def test_a_step_that_is_not_finite_is_done_again_and_the_rest_is_as_if_it_had_been(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: int
) -> None:
    # The same setting in both tries, so that the adapters can be compared.
    monkeypatch.setattr("training.setting.training_dtype", lambda: "float32")
    for folder in (whole := tmp_path / "whole", broken := tmp_path / "broken"):
        folder.mkdir()
    expected = train(weights, whole)
    assert expected.retry is None

    poison(monkeypatch, when=lambda call: call == step)
    steps: list[TrainingStep] = []
    with caplog.at_level(logging.WARNING, "robustft"):
        outcome = train(weights, broken, report=steps.append)
    retry = outcome.retry
    assert retry is not None
    assert (retry.step, retry.fault, retry.cause, retry.halved) == (
        step,
        "the loss was nan",
        "unknown",
        False,
    )
    assert len(retry.samples) == 2
    assert set(retry.samples) <= {row["id"] for row in ROWS}
    assert retry.setting == "float32, eager attention, PEFT's layers, torch's own loss"
    assert f"the loss was nan at step {step}, on the samples {', '.join(retry.samples)}" in caplog.text
    # No step is left out or taken twice, and every loss that is reported is finite.
    assert [one.step for one in steps] == list(range(1, 9))
    assert (outcome.steps, outcome.loss) == (expected.steps, pytest.approx(expected.loss, rel=1e-4))
    found, wanted = tensors(broken), tensors(whole)
    assert all(torch.isfinite(values).all() for values in found.values())
    assert all(torch.allclose(found[name], wanted[name], atol=1e-5) for name in wanted)
    assert {file.name for file in broken.iterdir()} == {"training.jsonl", "adapter"}


def test_a_gradient_that_is_not_finite_stops_too(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, losses: torch.Tensor) -> torch.Tensor:
            return losses.clone()

        @staticmethod
        def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
            return gradient * float("nan")

    whole, calls = torch.nn.functional.cross_entropy, 0

    def broken(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        losses = whole(*arguments, **named)
        return Broken.apply(losses) if calls == 3 else losses  # type: ignore[no-untyped-call]

    monkeypatch.setattr("torch.nn.functional.cross_entropy", broken)
    outcome = train(weights, tmp_path)
    assert outcome.retry is not None
    assert (outcome.retry.step, outcome.retry.fault) == (3, "the gradient's norm was nan")
    assert all(torch.isfinite(values).all() for values in tensors(tmp_path).values())


def test_there_is_one_retry_and_then_an_error_that_says_all_and_no_adapter(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, when=lambda call: call >= 3)
    steps: list[TrainingStep] = []
    with pytest.raises(TrainingError) as raised:
        train(weights, tmp_path, report=steps.append, checkpoints=tmp_path / "checkpoints")
    said = str(raised.value)
    assert said.startswith("the loss was nan at step 3, on the samples row-")
    assert "This was the second try, with float32, eager attention" in said
    assert "No adapter was made. A lower training.learning_rate may help" in said
    assert "\n" not in said
    assert [one.step for one in steps] == [1, 2]
    assert {file.name for file in tmp_path.iterdir()} == {"model", "training.jsonl"}


def test_an_older_adapter_outlives_a_training_that_fails(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(weights, tmp_path)
    before = tensors(tmp_path)
    poison(monkeypatch, when=lambda call: True)
    with pytest.raises(TrainingError):
        train(weights, tmp_path)
    assert all(torch.equal(values, before[name]) for name, values in tensors(tmp_path).items())


def test_a_retry_that_is_interrupted_goes_on_as_the_retry_and_gets_no_other(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoints"
    stop = threading.Event()

    def report(step: TrainingStep) -> None:
        if step.step == 5:
            stop.set()

    with monkeypatch.context() as patch:
        poison(patch, when=lambda call: call == 3)
        with pytest.raises(TrainingInterrupted):
            train(weights, tmp_path, report=report, stop=stop, checkpoints=folder)
    assert read_retry(folder) is not None

    with monkeypatch.context() as patch:
        poison(patch, when=lambda call: call == 1)
        with pytest.raises(TrainingError, match=r"at step 7.*second try.*at step 3"):
            train(weights, tmp_path, checkpoints=folder)


def test_the_learning_rate_is_halved_where_the_loss_had_been_rising(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = torch.nn.functional.cross_entropy, 0

    def rising(*arguments: Any, **named: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        losses = whole(*arguments, **named)
        return losses * (float("nan") if calls == 6 else 1.6**calls if calls < 6 else 1)

    monkeypatch.setattr("torch.nn.functional.cross_entropy", rising)
    rates: list[float] = []
    make = make_slower

    def note(learning_rate: float) -> Any:
        callback = make(learning_rate)
        set_rate = callback.on_train_begin

        def on_train_begin(args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            rates.append(kwargs["optimizer"].param_groups[0]["lr"])
            set_rate(args, state, control, **kwargs)
            rates.append(kwargs["optimizer"].param_groups[0]["lr"])

        callback.on_train_begin = on_train_begin
        return callback

    monkeypatch.setattr("training.attempt.make_slower", note)
    outcome = train(weights, tmp_path)
    assert outcome.retry is not None
    assert outcome.retry.halved
    assert outcome.retry.setting.endswith("half the learning rate")
    assert outcome.retry.cause.startswith(
        "training.learning_rate 0.0002 is too high, since the loss had risen"
    )
    # After five of eight steps it had fallen to three eighths.
    assert rates == pytest.approx([2e-4 * 3 / 8, 1e-4 * 3 / 8])


def test_a_slower_learning_rate_is_set_once_however_often_training_goes_on() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 4)
    slower = make_slower(0.5)
    for _ in range(2):
        slower.on_train_begin(None, None, None, optimizer=optimizer, lr_scheduler=scheduler)
        assert optimizer.param_groups[0]["lr"] == 0.5
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5 * 3 / 4


def failed(**more: Any) -> NotFiniteError:
    given = {"step": 2, "samples": ["a"], "fault": "the loss was nan", "cause": "unknown", "rising": False}
    return NotFiniteError(**{**given, **more})


def test_a_retry_is_float32_only_where_that_fits(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.setting.training_dtype", lambda: "bfloat16")
    usual = choose_setting(weights, CONFIG, 40)
    assert plan_retry(failed(), weights, CONFIG, usual, 40).float32
    monkeypatch.setattr("training.retry.find_room", lambda _: Room(1000, 1000, "memory"))
    retry = plan_retry(failed(), weights, CONFIG, usual, 40)
    assert not retry.float32
    assert retry.setting.startswith(
        "bfloat16 as before, since float32 does not fit the memory, eager attention"
    )


def test_a_quantised_model_is_retried_in_its_dtype(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.setting.training_dtype", lambda: "bfloat16")
    config = CONFIG.model_copy(update={"quantization": "4bit"})
    retry = plan_retry(failed(), weights, config, choose_setting(weights, config, 40), 40)
    assert not retry.float32
    assert retry.setting.startswith(
        "bfloat16 as before, since a quantised model cannot be float32, eager attention"
    )


def test_a_retry_is_read_as_it_was_kept_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    assert read_retry(tmp_path) is None
    keep_retry(tmp_path, RETRY)
    assert read_retry(tmp_path) == RETRY
    (tmp_path / "retry.json").write_text('{"step": 2')
    assert read_retry(tmp_path) is None
