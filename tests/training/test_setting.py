"""How a model is trained on a device: what is used where it is not slower, and what a retry falls back to."""

from pathlib import Path
from typing import Any

import pytest

from stores.pretrained import load_outline
from tests.support.tiny_models import save_tiny_model
from training import setting as module
from training.lora import TrainingConfig
from training.setting import (
    Setting,
    choose_setting,
    has_other_loss,
    rows_per_pass,
    safer_setting,
    tokens_per_pass,
    training_dtype,
)

CONFIG = TrainingConfig()


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save_tiny_model(tmp_path / "model"))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A GPU with bfloat16, a model that is not small, and neither flash attention nor Liger."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    monkeypatch.setattr(module, "_SMALL", 10)
    for name in ("is_flash_attn_2_available", "is_flash_attn_3_available", "is_liger_kernel_available"):
        monkeypatch.setattr(f"transformers.utils.import_utils.{name}", lambda: False)
    return monkeypatch


def test_on_a_cpu_the_own_layers_and_loss_are_used_and_plain_attention_for_short_samples(
    weights: str,
) -> None:
    short, long = choose_setting(weights, CONFIG, 192), choose_setting(weights, CONFIG, 193)
    assert (short.own_layers, short.own_loss, short.padding_free, short.liger) == (True, True, False, False)
    assert (short.attention, long.attention) == ("eager", None)
    assert short.dtype == training_dtype()


def test_a_quantised_model_has_pefts_layers(weights: str) -> None:
    assert not choose_setting(weights, TrainingConfig(quantization="4bit"), 10).own_layers


@pytest.mark.usefixtures("gpu")
def test_on_a_gpu_all_is_pefts_and_trls(weights: str) -> None:
    assert choose_setting(weights, CONFIG, 10) == Setting(dtype="bfloat16")


def test_on_a_gpu_a_small_model_is_trained_in_float32_unless_it_is_quantised(
    weights: str, gpu: pytest.MonkeyPatch
) -> None:
    gpu.setattr(module, "_SMALL", load_outline(weights).num_parameters() + 1)
    assert choose_setting(weights, CONFIG, 10) == Setting(dtype="float32")
    assert choose_setting(weights, TrainingConfig(quantization="8bit"), 10).dtype == "bfloat16"


@pytest.mark.parametrize("number", [2, 3])
def test_with_flash_attention_nothing_is_padded_but_in_float32(
    weights: str, gpu: pytest.MonkeyPatch, number: int
) -> None:
    gpu.setattr(f"transformers.utils.import_utils.is_flash_attn_{number}_available", lambda: True)
    found = choose_setting(weights, CONFIG, 10)
    assert (found.attention, found.padding_free) == (f"flash_attention_{number}", True)
    gpu.setattr(module, "_SMALL", 10**9)
    assert not choose_setting(weights, CONFIG, 10).padding_free


def test_a_model_without_flash_attention_is_padded(weights: str, gpu: pytest.MonkeyPatch) -> None:
    gpu.setattr("transformers.utils.import_utils.is_flash_attn_2_available", lambda: True)
    gpu.setattr("transformers.LlamaForCausalLM._supports_flash_attn", False)
    assert choose_setting(weights, CONFIG, 10) == Setting(dtype="bfloat16")


def test_ligers_kernels_are_used_where_samples_count_alike(weights: str, gpu: pytest.MonkeyPatch) -> None:
    gpu.setattr("transformers.utils.import_utils.is_liger_kernel_available", lambda: True)
    assert choose_setting(weights, CONFIG, 10).liger
    assert not choose_setting(weights, TrainingConfig(weighting="soft"), 10).liger


def test_the_safer_setting_has_nothing_special() -> None:
    fast = Setting(dtype="bfloat16", attention="flash_attention_2", padding_free=True, liger=True)
    plain = Setting(dtype="float32", attention="eager", own_loss=True)
    assert safer_setting(CONFIG, fast, widen=True) == plain
    assert safer_setting(CONFIG, fast, widen=False) == plain.model_copy(update={"dtype": "bfloat16"})


@pytest.mark.parametrize(
    ("args", "other"),
    [
        ({}, False),
        ({"loss_type": "nll"}, False),
        ({"loss_type": "dft"}, True),
        ({"label_smoothing_factor": 0.1}, True),
    ],
)
def test_a_loss_that_arguments_ask_for_is_left_to_trl(
    weights: str, args: dict[str, Any], other: bool
) -> None:
    config = TrainingConfig(args=args)
    assert has_other_loss(config) == other
    assert choose_setting(weights, config, 10).own_loss != other
    assert safer_setting(config, Setting(dtype="float32"), widen=True).own_loss != other


def test_a_pass_is_a_divisor_of_the_batch_that_fits_the_tokens(gpu: pytest.MonkeyPatch) -> None:
    assert (tokens_per_pass(), rows_per_pass(8, 4000), rows_per_pass(8, 8), rows_per_pass(6, 4096)) == (
        16_384,
        4,
        8,
        3,
    )
    gpu.setattr("torch.cuda.is_available", lambda: False)
    assert (tokens_per_pass(), rows_per_pass(8, 300), rows_per_pass(8, 2000)) == (1024, 2, 1)


def test_a_cpu_without_fast_bfloat16_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True})
    assert training_dtype() == "float32"
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": True})
    assert training_dtype() == "bfloat16"
