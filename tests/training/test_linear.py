import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from training.linear import LoraLinear

WIDTH = 64


def adapted(
    own: bool, *, bias: bool = False, dropout: float = 0.0, dtype: torch.dtype = torch.float32
) -> PeftModel:
    """Two linear layers with LoRA matrices that are not zero, ours or PEFT's, with equal weights."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, 2 * WIDTH, bias=bias), torch.nn.Linear(2 * WIDTH, WIDTH, bias=bias)
    ).to(dtype)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=dropout, target_modules=["0", "1"])
    if own:
        config._register_custom_module({torch.nn.Linear: LoraLinear})
    model = get_peft_model(copy.deepcopy(layers), config)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def gradients(model: PeftModel, x: torch.Tensor) -> dict[str, torch.Tensor]:
    result = model(x)
    result.float().pow(2).sum().backward()
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_and_its_gradients_equal_pefts(bias: bool) -> None:
    x, other = (torch.randn(3, 5, WIDTH, generator=torch.Generator().manual_seed(2)) for _ in range(2))
    x.requires_grad_()
    other.requires_grad_()
    ours, pefts = adapted(True, bias=bias), adapted(False, bias=bias)

    torch.testing.assert_close(ours(x), pefts(other))
    torch.testing.assert_close(gradients(ours, x), gradients(pefts, other))
    torch.testing.assert_close(x.grad, other.grad)


def test_an_update_below_the_last_digit_of_bfloat16_is_not_lost() -> None:
    x = torch.randn(2000, WIDTH, generator=torch.Generator().manual_seed(2))
    exact, ours, pefts = adapted(False), *(adapted(own, dtype=torch.bfloat16) for own in (True, False))
    moved = {}
    for name, model in {"exact": exact, "ours": ours, "pefts": pefts}.items():
        # The exact model's weights are those that bfloat16 can tell apart.
        for layer in ("0", "1"):
            base = model.base_model.model.get_submodule(layer).get_base_layer()
            base.weight.data = base.weight.data.bfloat16().to(base.weight.dtype)
            model.base_model.model.get_submodule(layer).scaling["default"] = 1e-4
        values = x.bfloat16().to(torch.float32 if name == "exact" else torch.bfloat16)
        with torch.no_grad():
            first = model.base_model.model.get_submodule("0")
            moved[name] = first(values).float() - first.get_base_layer()(values).float()

    # Along the exact update: how much of it there is on average.
    kept = {
        name: float((value * moved["exact"]).sum() / moved["exact"].pow(2).sum())
        for name, value in moved.items()
    }
    assert kept["ours"] == pytest.approx(1, abs=0.3)
    assert kept["pefts"] < 0.5


def test_with_dropout_the_layer_is_pefts() -> None:
    x = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(2))
    ours, pefts = adapted(True, dropout=0.5), adapted(False, dropout=0.5)

    torch.manual_seed(3)
    result = ours(x)
    torch.manual_seed(3)
    torch.testing.assert_close(result, pefts(x))
