"""What LoRA fine-tuning can be told, and the model that it trains."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from stores.errors import InputError, WeightsError
from stores.pretrained import load_outline
from stores.weights import SMOLLM2, resolve_weights
from tests.support.tiny_models import save_tiny_model
from training.lora import LoraSettings, TrainingConfig, add_matrices, load_model


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"learning_rate": 0},
        {"batch_size": 0},
        {"scheduler": "step"},
        {"warmup": 1},
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


@pytest.mark.parametrize("layers", [("no_such_layer",), ("norm",), ("model.layers.9.mlp.up_proj",)])
def test_layers_that_are_none_of_the_models_are_a_typed_error(
    tmp_path: Path, layers: tuple[str, ...]
) -> None:
    outline = load_outline(str(save_tiny_model(tmp_path / "model")))
    with pytest.raises(InputError, match=r"^training\.lora\.target_modules: ") as error:
        add_matrices(outline, LoraSettings(target_modules=layers))
    assert "\n" not in str(error.value)


def test_weights_that_cannot_be_read_are_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no config\.json"):
        load_model(str(tmp_path), LoraSettings())
