"""A model that bitsandbytes quantises while it is loaded, to be tuned with LoRA matrices (QLoRA)."""

from typing import Any

from stores.errors import InputError, first_line
from stores.pretrained import is_quantised
from training.lora import Quantization, TrainingConfig
from training.setting import training_dtype

_INSTALL = "pip install 'robustft[quantization]'"


def quantize(quantization: Quantization, dtype: str) -> dict[str, Any]:
    """Return the arguments with which `from_pretrained` quantises a model; none for `none`.

    4bit is NF4 with double quantisation, as in https://huggingface.co/docs/peft/developer_guides/quantization.

    Args:
        quantization: as in `training.quantization`.
        dtype: that the quantised layers compute in.
    """
    import torch
    from transformers import BitsAndBytesConfig

    if quantization == "none":
        return {}
    if quantization == "8bit":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}  # type: ignore[no-untyped-call]
    return {
        "quantization_config": BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, dtype),
        )
    }


def check_quantization(weights: str, config: TrainingConfig) -> None:
    """Check that a model can be quantised as the config says, on this machine.

    Raises:
        InputError: bitsandbytes or a device for it is missing, or the model's files are quantised already.
    """
    from transformers.quantizers.auto import AutoHfQuantizer

    if config.quantization == "none":
        return
    told = f"training.quantization: {config.quantization}"
    if is_quantised(weights):
        raise InputError(f"{told}: the model's files are quantised already; leave training.quantization out")
    wanted = quantize(config.quantization, training_dtype())["quantization_config"]
    try:
        AutoHfQuantizer.from_config(wanted, pre_quantized=False).validate_environment(device_map=None)
    except ImportError as exc:
        raise InputError(f"{told} needs bitsandbytes; {_INSTALL}") from exc
    except (RuntimeError, ValueError) as exc:
        raise InputError(f"{told}: bitsandbytes cannot be used here: {first_line(exc)}") from exc
