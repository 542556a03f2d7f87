"""Fine-tuning: the adapter it leaves, and what is left when it is stopped, fails or goes on."""

import contextlib
import threading
from pathlib import Path

import pytest
import torch
from torch.backends import cuda

from stores.pretrained import load_tokenizer
from stores.weights import SMOLLM2, resolve_weights
from tests.support.training import CONFIG, LONG, ROWS, trained
from training.errors import NothingToTrainError, TrainingInterrupted
from training.progress import TrainingStep

pytestmark = pytest.mark.slow


def test_the_adapter_is_safetensors_alone_loads_with_peft_and_changes_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    steps: list[TrainingStep] = []
    outcome = trained(tmp_path, ROWS, CONFIG.model_copy(update={"epochs": 2}), report=steps.append)

    assert capsys.readouterr().out == ""
    assert {file.name for file in tmp_path.iterdir()} == {"training.jsonl", "adapter"}
    assert {file.name for file in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert [(step.step, step.total) for step in steps] == [(step, 6) for step in range(1, 7)]
    assert steps[-1].loss < steps[0].loss * 0.8
    assert (outcome.samples, outcome.steps, outcome.dropped, outcome.cut) == (12, 6, (), ())

    weights = resolve_weights(SMOLLM2)
    plain = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32)
    tokenizer = load_tokenizer(weights)
    ids = tokenizer.apply_chat_template(
        ROWS[0]["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.no_grad():
        before = plain(**ids).logits
        tuned = PeftModel.from_pretrained(plain, str(tmp_path / "adapter"))
        after = tuned(**ids).logits
    assert torch.isfinite(after).all()
    assert (after - before).abs().max() > 0.1
    assert all(torch.isfinite(values).all() for values in tuned.parameters())


def test_no_product_is_rounded_in_parts_and_no_attention_is_cudnns_while_training_alone(
    tmp_path: Path,
) -> None:
    seen: list[tuple[bool, bool]] = []

    def note(step: TrainingStep) -> None:
        seen.append((cuda.matmul.allow_bf16_reduced_precision_reduction, cuda.cudnn_sdp_enabled()))

    trained(tmp_path, ROWS, report=note)
    assert seen == [(False, False)] * 3
    assert cuda.matmul.allow_bf16_reduced_precision_reduction
    assert cuda.cudnn_sdp_enabled()


def test_nothing_that_fits_is_a_typed_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(NothingToTrainError, match=r"1 were longer than training\.max_length") as raised:
        trained(tmp_path, [LONG])
    assert raised.value.dropped == ("long",)
    assert [file.name for file in tmp_path.iterdir()] == ["training.jsonl"]


@pytest.mark.parametrize("after", [0, 1])
def test_stopping_leaves_nothing_behind(tmp_path: Path, after: int) -> None:
    stop = threading.Event()
    steps: list[TrainingStep] = []

    def report(step: TrainingStep) -> None:
        steps.append(step)
        stop.set()

    if not after:
        stop.set()
    with pytest.raises(TrainingInterrupted):
        trained(tmp_path, ROWS, report=report, stop=stop)
    # What is asked for between two steps is seen after the second.
    assert after <= len(steps) <= after + 1
    assert [file.name for file in tmp_path.iterdir()] == ["training.jsonl"]


@pytest.mark.parametrize(("after", "torn"), [(1, True), (4, False)])
def test_an_interrupted_training_ends_as_one_that_was_not(after: int, torn: bool, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    config = CONFIG.model_copy(update={"epochs": 2})
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    expected = trained(whole, ROWS, config)

    stop = threading.Event()

    def interrupt(step: TrainingStep) -> None:
        if step.step == after:
            stop.set()

    with pytest.raises(TrainingInterrupted):
        trained(cut, ROWS, config, report=interrupt, stop=stop, checkpoints=cut / "checkpoints")
    (checkpoint,) = (cut / "checkpoints").glob("checkpoint-*")
    if torn:
        state = checkpoint / "trainer_state.json"
        state.write_text(state.read_text()[:50])

    steps: list[TrainingStep] = []
    outcome = trained(cut, ROWS, config, report=steps.append, checkpoints=cut / "checkpoints")
    assert [step.step for step in steps] == list(range(1 if torn else after + 2, 7))
    assert (outcome.samples, outcome.steps) == (expected.samples, expected.steps)
    assert outcome.loss == pytest.approx(expected.loss, rel=1e-4)
    before = load_file(whole / "adapter" / "adapter_model.safetensors")
    after = load_file(cut / "adapter" / "adapter_model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert {file.name for file in cut.iterdir()} == {"training.jsonl", "adapter"}


def test_an_error_keeps_the_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.progress._CHECKPOINT_SECONDS", 0)
    folder = tmp_path / "checkpoints"

    def fail(step: TrainingStep) -> None:
        if step.step == 2:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        trained(tmp_path, ROWS, report=fail, checkpoints=folder)
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-1"]

    steps: list[TrainingStep] = []
    trained(tmp_path, ROWS, report=steps.append, checkpoints=folder)
    assert steps[0].step == 2
    assert not folder.exists()


def test_an_error_keeps_the_older_adapter(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "old").touch()

    def fail(_: TrainingStep) -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        trained(tmp_path, ROWS, report=fail)
    assert {file.name for file in tmp_path.iterdir()} == {"training.jsonl", "adapter"}
    assert (tmp_path / "adapter" / "old").exists()


def test_label_smoothing_raises_the_loss_of_the_same_first_step(tmp_path: Path) -> None:
    losses = []
    for factor in (0.0, 0.1):
        steps: list[TrainingStep] = []
        folder = tmp_path / str(factor)
        folder.mkdir()
        trained(
            folder,
            ROWS,
            CONFIG.model_copy(update={"args": {"label_smoothing_factor": factor}}),
            report=steps.append,
        )
        losses.append(steps[0].loss)
    # The mean log-probability over all tokens of a vocabulary is far below that of the response's.
    assert losses[1] > losses[0] + 0.5
