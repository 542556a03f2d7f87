"""Where training on a GPU stops being finite: layer, loss, attention, padding and dtype, each changed alone.

    python benchmarks/finite.py WEIGHTS ROWS [--steps 75] [--variants "as it comes" ...]

WEIGHTS is a model's folder, ROWS a run's `training.jsonl`. Every variant trains as a run does, but with the
attention that torch chooses by itself. It prints JSON: whether all gradients were finite, and the losses.
Of the first batch whose gradients were not, it prints the shape, the lengths and the modules that broke
first. A variant takes half a minute with a model of 1.5B on an H200; without padding it takes four.
"""

import argparse
import json
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from torch.backends import cuda
from torch.nn import functional
from transformers import AutoModelForCausalLM, TrainerCallback, set_seed

from agents.models.chat_template import ChatTemplate
from stores.pretrained import load_tokenizer
from training.linear import LoraLinear
from training.lora import LoraSettings, TrainingConfig
from training.objectives.sft import build_trainer
from training.objectives.tokens import IGNORED, Tokens
from training.setting import Setting


class Variant(NamedTuple):
    """What differs from the way a run trains; `kernel` is what scaled dot product attention may use."""

    own_layer: bool = True
    own_loss: bool = False
    attention: str = "sdpa"
    kernel: str = "any"
    dtype: str = "bfloat16"
    padded: bool = True


VARIANTS = {
    "as it comes": Variant(),
    "PEFT's layer": Variant(own_layer=False),
    "plain loss": Variant(own_loss=True),
    "PEFT's layer, plain loss": Variant(own_layer=False, own_loss=True),
    "eager": Variant(attention="eager"),
    "cuDNN alone": Variant(kernel="cudnn"),
    "memory-efficient alone": Variant(kernel="mem_efficient"),
    "no cuDNN": Variant(kernel="no cudnn"),
    "float32": Variant(dtype="float32"),
    "no padding": Variant(padded=False),
}


class _Watch(TrainerCallback):
    """Notes the losses and ends training after so many steps, or where something is not finite."""

    def __init__(self, steps: int) -> None:
        self.losses: list[float] = []
        self.broke: dict[str, Any] | None = None
        self._steps = steps

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if "loss" in (logs := kwargs.get("logs") or {}):
            self.losses.append(round(float(logs["loss"]), 4))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop |= self.broke is not None or state.global_step >= self._steps


def train(weights: str, rows: Path, variant: Variant, steps: int) -> dict[str, Any]:
    """Train in one way and return what was seen."""
    _allow(variant.kernel)
    config = TrainingConfig(batch_size=8)
    with tempfile.TemporaryDirectory(prefix="robustft-finite-") as folder:
        tokenizer = load_tokenizer(weights)
        tokens = Tokens(Path(folder) / "tokens.arrow", config)
        tokens.read(rows, ChatTemplate(tokenizer, weights), threading.Event())
        set_seed(0)
        model = _load(weights, variant)
        setting = Setting(dtype="bfloat16", own_layers=variant.own_layer)
        trainer = build_trainer(model, tokenizer, tokens, config, setting, seed=0)
        # Here it is looked at after each pass, and more closely.
        trainer.remove_callback(trainer.watch)
        if not variant.padded:
            trainer.args.gradient_accumulation_steps = config.batch_size
            trainer.args.per_device_train_batch_size = trainer._train_batch_size = 1
        if variant.own_loss:
            trainer.compute_loss = _plain_loss
        watch = _Watch(steps)
        trainer.add_callback(watch)
        step = trainer.training_step

        def training_step(model: Any, inputs: dict[str, Any], *others: Any, **named: Any) -> Any:
            batch = {name: value.clone() for name, value in inputs.items() if torch.is_tensor(value)}
            loss = step(model, inputs, *others, **named)
            if watch.broke is None and (broken := _broken(model)):
                watch.broke = {"parameters": len(broken), **_diagnosis(model, batch)}
            return loss

        trainer.training_step = training_step
        trainer.train()
    return {"finite": watch.broke is None, "losses": watch.losses, "broke": watch.broke}


def _allow(kernel: str) -> None:
    cuda.enable_cudnn_sdp(kernel in ("any", "cudnn"))
    cuda.enable_mem_efficient_sdp(kernel != "cudnn")
    cuda.enable_flash_sdp(kernel in ("any", "no cudnn"))
    cuda.enable_math_sdp(kernel in ("any", "no cudnn"))


def _load(weights: str, variant: Variant) -> Any:
    model = AutoModelForCausalLM.from_pretrained(
        weights, dtype=getattr(torch, variant.dtype), attn_implementation=variant.attention
    )
    settings = LoraSettings()
    matrices = LoraConfig(
        r=settings.r, lora_alpha=settings.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    if variant.own_layer:
        matrices._register_custom_module({torch.nn.Linear: LoraLinear})
    return get_peft_model(model, matrices)


def _plain_loss(
    model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
) -> Any:
    logits = model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
    ).logits
    labels = inputs["labels"][:, 1:].flatten()
    total = functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), labels, ignore_index=IGNORED, reduction="sum"
    )
    return total / ((labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)


def _broken(model: Any) -> list[str]:
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all()
    ]


def _diagnosis(model: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """Return a batch's shape, and the modules that were not finite when it is trained on again."""
    forward: list[str] = []
    backward: list[str] = []
    hooks: list[Any] = []

    def watch(name: str, module: Any) -> None:
        def outputs(module: Any, given: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if torch.is_tensor(first) and not torch.isfinite(first).all():
                forward.append(name)

        def gradients(module: Any, inner: Any, outer: Any) -> None:
            if any(gradient is not None and not torch.isfinite(gradient).all() for gradient in outer):
                backward.append(name)

        hooks.extend((module.register_forward_hook(outputs), module.register_full_backward_hook(gradients)))

    for name, module in model.named_modules():
        watch(name, module)
    model.zero_grad()
    loss = _plain_loss(model, batch)
    loss.backward()
    for hook in hooks:
        hook.remove()
    return {
        "shape": list(batch["input_ids"].shape),
        "lengths": batch["attention_mask"].sum(1).tolist(),
        "loss_again": float(loss),
        "forward": forward[:5],
        "backward": backward[:5],
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--steps", type=int, default=75)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    results = {
        name: train(arguments.weights, arguments.rows, VARIANTS[name], arguments.steps)
        for name in arguments.variants
    }
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    found = {"device": device, "torch": torch.__version__, "cudnn": torch.backends.cudnn.version()}  # type: ignore[no-untyped-call]
    print(json.dumps({**found, **results}, indent=2))


if __name__ == "__main__":
    main()
