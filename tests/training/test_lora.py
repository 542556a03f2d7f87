"""What LoRA fine-tuning can be told, and the model that it trains."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from stores.errors import InputError, WeightsError
from stores.pretrained import load_outline
from tests.support.tiny_models import save_tiny_model
from training.linear import LoraLinear
from training.lora import LoraSettings, TrainingConfig, add_matrices, load_model
from training.setting import Setting


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"learning_rate": 0},
        {"batch_size": 0},
        {"scheduler": "step"},
        {"scheduler": "constant", "warmup": 0.1},
        {"scheduler": "inverse_sqrt"},
        {"warmup": 1},
        {"weight_decay": 1},
        {"max_grad_norm": -1},
        {"quantization": "2bit"},
        {"gradient_checkpointing": "sometimes"},
        {"args": ["optim"]},
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


@pytest.mark.parametrize("own", [False, True])
def test_the_model_is_computed_as_the_setting_says_and_its_matrices_are_float32(
    tmp_path: Path, own: bool
) -> None:
    folder = save_tiny_model(tmp_path / "model")
    setting = Setting(dtype="bfloat16", attention="eager", own_layers=own)
    model = load_model(str(folder), TrainingConfig(), setting)
    assert model.config._attn_implementation == "eager"
    dtypes = {matrix.requires_grad: matrix.dtype for matrix in model.parameters()}
    assert dtypes == {False: torch.bfloat16, True: torch.float32}
    assert any(isinstance(layer, LoraLinear) for layer in model.modules()) == own


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
        load_model(str(tmp_path), TrainingConfig(), Setting(dtype="float32"))
