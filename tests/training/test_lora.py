import contextlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.backends import cuda

from stores.errors import InputError, WeightsError
from stores.weights import SMOLLM2, resolve_weights
from training.errors import NothingToTrainError, TrainingInterrupted
from training.finetune import TrainingOutcome, train_adapter
from training.lora import LoraSettings, TrainingConfig, load_model, load_tokenizer
from training.objectives.sft import build_trainer, must_recompute
from training.objectives.tokens import IGNORED, Tokens
from training.progress import TrainingStep

COLOURS = {
    "a ripe banana": "yellow",
    "fresh snow": "white",
    "a clear sky": "blue",
    "grass in spring": "green",
    "coal": "black",
    "a ripe tomato": "red",
}
ROWS = [
    {
        "id": f"colour-{index}",
        "prompt": [{"role": "user", "content": question.format(thing)}],
        "completion": [{"role": "assistant", "content": f"It is {colour}, my friend."}],
        "source": "original",
    }
    for index, (question, thing, colour) in enumerate(
        (question, thing, colour)
        for question in ("What colour is {}?", "Tell me, please, of which colour {} would be.")
        for thing, colour in COLOURS.items()
    )
]
LONG = {
    "id": "long",
    "prompt": [{"role": "user", "content": "Count to a hundred."}],
    "completion": [{"role": "assistant", "content": " ".join(map(str, range(100)))}],
    "source": "relabelled",
}
CONFIG = TrainingConfig(epochs=1, batch_size=4, max_length=128)


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    file = folder / "training.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def trained(
    folder: Path, rows: list[dict[str, Any]], config: TrainingConfig = CONFIG, **hooks: Any
) -> TrainingOutcome:
    settings: dict[str, Any] = {"seed": 0, "report": lambda _: None, "stop": threading.Event(), **hooks}
    weights = resolve_weights(SMOLLM2)
    return train_adapter(written(folder, rows), weights, folder / "adapter", config, **settings)


def read(folder: Path, rows: list[dict[str, Any]], config: TrainingConfig = CONFIG) -> tuple[Tokens, Any]:
    tokenizer = load_tokenizer(resolve_weights(SMOLLM2))
    tokens = Tokens(folder / "tokens.arrow", config)
    tokens.read(written(folder, rows), tokenizer, threading.Event())
    return tokens, tokenizer


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"learning_rate": 0},
        {"batch_size": 0},
        {"max_length": 0},
        {"too_long": "split"},
        {"lora": {"r": 0}},
        {"lora": {"dropout": 1}},
        {"lora": {"rank": 8}},
        {"optimizer": "sgd"},
    ],
)
def test_the_config_refuses_unknown_keys_and_values_out_of_bounds(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingConfig.model_validate(fields)


@pytest.mark.slow
def test_the_adapter_is_safetensors_alone_loads_with_peft_and_changes_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch
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


@pytest.mark.slow
def test_labels_are_those_trl_makes_and_cover_the_response_alone(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    tokens, tokenizer = read(tmp_path, [*ROWS, LONG], CONFIG.model_copy(update={"max_length": 1024}))
    ours = Dataset.from_file(str(tokens.file))
    trainer = build_trainer(
        load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, CONFIG, 0
    )
    batch = next(iter(trainer.get_train_dataloader()))
    answers = {tokenizer.decode(labels[labels != IGNORED]) for labels in batch["labels"]}
    assert answers <= {f"{row['completion'][0]['content']}<|im_end|>\n" for row in [*ROWS, LONG]}

    conversations = Dataset.from_list([*ROWS, LONG]).select_columns(["prompt", "completion"])
    theirs = SFTTrainer(
        trainer.model,
        args=SFTConfig(str(tmp_path / "trl"), completion_only_loss=True, bf16=False, report_to="none"),
        train_dataset=conversations,
        processing_class=tokenizer,
    ).train_dataset
    assert list(ours["input_ids"]) == list(theirs["input_ids"])
    assert list(ours["labels"]) == list(theirs["labels"])


@pytest.mark.slow
def test_the_loss_is_trls_own(tmp_path: Path) -> None:
    import torch
    from trl import SFTTrainer

    tokens, tokenizer = read(tmp_path, ROWS)
    trainer = build_trainer(
        load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, CONFIG, 0
    )
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        ours = trainer.compute_loss(trainer.model, dict(batch))
        theirs = SFTTrainer.compute_loss(trainer, trainer.model, dict(batch))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4)


@pytest.mark.slow
def test_a_sample_counts_as_much_as_its_weight(tmp_path: Path) -> None:
    import torch

    def loss(rows: list[dict[str, Any]], config: TrainingConfig, folder: str) -> float:
        (tmp_path / folder).mkdir()
        tokens, tokenizer = read(tmp_path / folder, rows, config)
        trainer = build_trainer(
            load_model(resolve_weights(SMOLLM2), LoraSettings()), tokenizer, tokens, config, 0
        )
        batch = next(iter(trainer.get_train_dataloader()))
        with torch.no_grad():
            # Over as many tokens whatever is in the batch.
            return float(trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=100))

    whole = CONFIG.model_copy(update={"batch_size": 2})
    soft = whole.model_copy(update={"weighting": "soft"})
    first, second = ROWS[0], ROWS[6]
    alone = loss([first], whole, "first"), loss([second], whole, "second")
    weighed = loss([{**first, "weight": 0.25}, {**second, "weight": 1.0}], soft, "weighed")

    assert weighed == pytest.approx(0.25 * alone[0] + alone[1], rel=0.02)
    assert loss([{**first, "weight": 0.25}, second], whole, "hard") == pytest.approx(sum(alone), rel=0.02)


@pytest.mark.slow
def test_a_batch_cut_into_passes_has_the_loss_of_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_losses(tokens_per_pass: int) -> list[float]:
        monkeypatch.setattr("training.objectives.sft._CPU_TOKENS", tokens_per_pass)
        monkeypatch.setattr("training.objectives.sft._DEVICE_TOKENS", tokens_per_pass)
        steps: list[TrainingStep] = []
        trained(tmp_path, ROWS, report=steps.append)
        return [step.loss for step in steps]

    whole, cut = first_losses(4096), first_losses(100)
    assert len(whole) == len(cut) == 3
    # The order of the samples is that of the seed, and not of how they were cut.
    assert cut == pytest.approx(whole, rel=0.05)


@pytest.mark.slow
def test_on_a_gpu_a_small_model_is_trained_in_float32_and_a_large_one_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dtype_of(model: Any) -> torch.dtype:
        return next(weight.dtype for name, weight in model.named_parameters() if "base_layer" in name)

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    assert dtype_of(load_model(resolve_weights(SMOLLM2), LoraSettings())) == torch.float32
    monkeypatch.setattr("training.lora._SMALL", 100_000_000)
    assert dtype_of(load_model(resolve_weights(SMOLLM2), LoraSettings())) == torch.bfloat16


@pytest.mark.slow
def test_activations_are_computed_twice_only_where_a_gpu_cannot_hold_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = load_model(resolve_weights(SMOLLM2), LoraSettings()).float()
    # 30 layers of 576 units in float32: 2.8 megabytes a token.
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (20 * 2**30, 80 * 2**30))
    assert not must_recompute(model, 16 * 100)
    assert must_recompute(model, 16 * 1000)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (2 * 2**30, 80 * 2**30))
    assert must_recompute(model, 16 * 100)


@pytest.mark.slow
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


@pytest.mark.slow
def test_too_long_samples_are_dropped_or_cut_and_named(tmp_path: Path) -> None:
    from datasets import Dataset

    tokens, _ = read(tmp_path, [*ROWS, LONG])
    assert (tokens.samples, tokens.dropped, tokens.cut) == (12, ["long"], [])

    endless = {**LONG, "id": "endless", "prompt": [{**LONG["completion"][0], "role": "user"}]}
    cutting = CONFIG.model_copy(update={"too_long": "cut"})
    tokens, _ = read(tmp_path, [*ROWS, LONG, endless], cutting)
    assert (tokens.samples, tokens.dropped, tokens.cut) == (13, ["endless"], ["long"])
    assert max(Dataset.from_file(str(tokens.file))["length"]) == tokens.longest == CONFIG.max_length


@pytest.mark.slow
def test_nothing_that_fits_is_a_typed_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(NothingToTrainError, match=r"1 were longer than training\.max_length") as raised:
        trained(tmp_path, [LONG])
    assert raised.value.dropped == ("long",)
    assert [file.name for file in tmp_path.iterdir()] == ["training.jsonl"]


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("torn", [False, True])
def test_an_interrupted_training_ends_as_one_that_was_not(torn: bool, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    config = CONFIG.model_copy(update={"epochs": 2})
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    expected = trained(whole, ROWS, config)

    stop = threading.Event()
    with pytest.raises(TrainingInterrupted):
        trained(cut, ROWS, config, report=lambda _: stop.set(), stop=stop, checkpoints=cut / "checkpoints")
    (checkpoint,) = (cut / "checkpoints").glob("checkpoint-*")
    if torn:
        state = checkpoint / "trainer_state.json"
        state.write_text(state.read_text()[:50])

    steps: list[TrainingStep] = []
    outcome = trained(cut, ROWS, config, report=steps.append, checkpoints=cut / "checkpoints")
    assert [step.step for step in steps] == list(range(1 if torn else 3, 7))
    assert (outcome.samples, outcome.steps) == (expected.samples, expected.steps)
    assert outcome.loss == pytest.approx(expected.loss, rel=1e-4)
    before = load_file(whole / "adapter" / "adapter_model.safetensors")
    after = load_file(cut / "adapter" / "adapter_model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert {file.name for file in cut.iterdir()} == {"training.jsonl", "adapter"}


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_error_keeps_the_older_adapter(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "old").touch()

    def fail(_: TrainingStep) -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        trained(tmp_path, ROWS, report=fail)
    assert {file.name for file in tmp_path.iterdir()} == {"training.jsonl", "adapter"}
    assert (tmp_path / "adapter" / "old").exists()


@pytest.mark.slow
def test_unknown_layers_and_weights_that_cannot_be_read_are_typed_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="target_modules"):
        load_model(resolve_weights(SMOLLM2), LoraSettings(target_modules=("no_such_layer",)))
    with pytest.raises(WeightsError, match="tokenizer cannot be read"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(WeightsError, match="weights cannot be read"):
        load_model(str(tmp_path), LoraSettings())
