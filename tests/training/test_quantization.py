"""Quantised training: what is missing is told before it, and with bitsandbytes here an adapter is trained."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stores.errors import InputError
from tests.support.tiny_models import save_tiny_model
from training.finetune import train_adapter
from training.lora import Quantization, TrainingConfig, load_model
from training.progress import TrainingStep
from training.quantization import check_quantization, quantize
from training.setting import Setting

ROWS = [
    {
        "id": str(number),
        "prompt": [{"role": "user", "content": "Hi?"}],
        "completion": [{"role": "assistant", "content": "Yes, yes, yes."}],
        "source": "original",
    }
    for number in range(8)
]


def test_nothing_is_asked_of_a_model_that_is_not_quantised(tmp_path: Path) -> None:
    assert quantize("none", "float32") == {}
    check_quantization(str(tmp_path), TrainingConfig())


def test_4bit_is_nf4_twice_quantised_in_the_training_dtype() -> None:
    config = quantize("4bit", "bfloat16")["quantization_config"]
    assert (config.load_in_4bit, config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == (
        True,
        "nf4",
        True,
    )
    assert config.bnb_4bit_compute_dtype == torch.bfloat16
    assert quantize("8bit", "bfloat16")["quantization_config"].load_in_8bit


def test_a_missing_bitsandbytes_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.quantizers.quantizer_bnb_4bit.is_bitsandbytes_available", lambda: False)
    folder = str(save_tiny_model(tmp_path / "model"))
    with pytest.raises(InputError, match=r"^training\.quantization: 4bit needs bitsandbytes; pip install"):
        check_quantization(folder, TrainingConfig(quantization="4bit"))


def test_a_device_that_bitsandbytes_cannot_use_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, *arguments: object, **named: object) -> None:
        raise RuntimeError("None of the available devices are supported.\nSee the docs.")

    monkeypatch.setattr(
        "transformers.quantizers.quantizer_bnb_8bit.Bnb8BitHfQuantizer.validate_environment", refuse
    )
    folder = str(save_tiny_model(tmp_path / "model"))
    with pytest.raises(InputError, match=r"8bit: bitsandbytes cannot be used here: None of the available"):
        check_quantization(folder, TrainingConfig(quantization="8bit"))


def test_a_model_of_quantised_files_is_not_quantised_again(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "quantization_config": {"quant_method": "gptq"}})
    )
    with pytest.raises(InputError, match=r"are quantised already; leave training\.quantization out"):
        check_quantization(str(folder), TrainingConfig(quantization="4bit"))


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["4bit", "8bit"])
def test_an_adapter_is_trained_on_a_quantised_model(tmp_path: Path, quantization: Quantization) -> None:
    pytest.importorskip("bitsandbytes")
    folder = save_tiny_model(tmp_path / "model", hidden=128)
    config = TrainingConfig(epochs=4, batch_size=4, learning_rate=1e-2, quantization=quantization)
    check_quantization(str(folder), config)
    model = load_model(str(folder), config, Setting(dtype="float32"))
    layers = {type(module).__name__ for module in model.modules()}
    assert {"4bit": "Linear4bit", "8bit": "Linear8bitLt"}[quantization] in layers
    assert {value.dtype for value in model.parameters() if value.requires_grad} == {torch.float32}

    file = tmp_path / "training.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    steps: list[TrainingStep] = []
    outcome = train_adapter(
        file, str(folder), tmp_path / "adapter", config, seed=0, report=steps.append, stop=threading.Event()
    )
    assert (outcome.steps, outcome.retry) == (8, None)
    assert steps[-1].loss < 0.8 * steps[0].loss
    values = load_file(tmp_path / "adapter" / "adapter_model.safetensors").values()
    assert {value.dtype for value in values} == {torch.float32}
    assert all(torch.isfinite(value).all() for value in values)


@pytest.mark.slow
def test_a_quantised_training_is_retried_with_activations_computed_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bitsandbytes")
    folder = save_tiny_model(tmp_path / "model", hidden=128)
    config = TrainingConfig(epochs=4, batch_size=4, quantization="4bit", gradient_checkpointing=True)
    whole, calls = torch.nn.functional.cross_entropy, 0

    def poisoned(*arguments: Any, **named: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return whole(*arguments, **named) * (float("nan") if calls == 4 else 1)

    monkeypatch.setattr("torch.nn.functional.cross_entropy", poisoned)
    file = tmp_path / "training.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    outcome = train_adapter(
        file, str(folder), tmp_path / "adapter", config, seed=0, report=lambda _: None, stop=threading.Event()
    )
    assert outcome.retry is not None
    assert (outcome.steps, outcome.retry.step) == (8, 4)
    assert "since a quantised model cannot be float32" in outcome.retry.setting
    values = load_file(tmp_path / "adapter" / "adapter_model.safetensors").values()
    assert all(torch.isfinite(value).all() for value in values)
