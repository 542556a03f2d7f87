"""Training beside plain TRL and PEFT: samples a second, peak memory, and the losses of the same steps."""

import importlib.util
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from agents.models.chat_template import ChatTemplate
from on_gpu.task import Said, Task, adapter_of, peak_gib, rows_of
from stores.pretrained import load_tokenizer
from stores.weights import resolve_weights
from training.finetune import train_adapter
from training.lora import TrainingConfig
from training.objectives.tokens import Tokens

# Of a packed row.
_PACKED = 1024
# Not timed: kernels are chosen, memory is taken.
_WARM = 2


class Plain(NamedTuple):
    """One way in which TRL and PEFT train as they come."""

    dtype: str
    way: str = "padded"
    liger: bool = False
    quantized: bool = False


def plain_ways() -> dict[str, Plain]:
    """Return the ways that can be had here. Only flash attention keeps samples in one row apart."""
    ways = {"trl bfloat16": Plain("bfloat16"), "trl float32": Plain("float32")}
    if _has("liger_kernel"):
        ways["trl bfloat16, Liger"] = Plain("bfloat16", liger=True)
    if _has("flash_attn"):
        ways["trl bfloat16, padding-free"] = Plain("bfloat16", "padding-free")
        ways["trl bfloat16, packed"] = Plain("bfloat16", "packed")
    return ways


def measure(task: Task, said: Said) -> None:
    """Train in our way, with soft weights, and in all plain ways that can be had."""
    weights = resolve_weights(task.weights)
    said.say(liger=_has("liger_kernel"), flash_attention=_has("flash_attn"))
    rows = rows_of(task, "rows")
    with said.errors_of("ours"):
        said.say("ours", **_train_ours(task, weights, rows, adapter_of(task), "hard"))
    with said.errors_of("ours, soft"):
        weighted = rows_of(task, "weighted", weighted=True)
        said.say("ours, soft", **_train_ours(task, weights, weighted, task.folder / "soft", "soft"))
    for name, way in plain_ways().items():
        with said.errors_of(name):
            said.say(name, **_train_plain(task, weights, rows, way))


def measure_finite(task: Task, said: Said) -> None:
    """Run the short form of the matrix of what is not finite."""
    rows = rows_of(task, "finite")
    variants = ["as it comes", "PEFT's layer", "no cuDNN"] if torch.cuda.is_available() else ["as it comes"]
    command = [
        *(sys.executable, str(Path(__file__).parents[1] / "finite.py"), resolve_weights(task.weights)),
        *(str(rows), "--steps", str(2 * task.steps), "--variants"),
    ]
    for variant in variants:
        with said.errors_of(variant):
            done = subprocess.run([*command, variant], stdout=subprocess.PIPE, check=True)  # noqa: S603
            said.say(variant, **json.loads(done.stdout)[variant])


def measure_quantized(task: Task, said: Said) -> None:
    """Train on a model in 4 bits: what memory it takes."""
    if not (torch.cuda.is_available() and _has("bitsandbytes")):
        said.say(skipped="needs a GPU and bitsandbytes")
        return
    weights = resolve_weights(task.weights)
    with said.errors_of("4bit"):
        figures = _train_plain(task, weights, rows_of(task, "rows"), Plain("bfloat16", quantized=True))
        said.say("4bit", **figures)


class _Steps:
    """The losses of steps, and when they were there."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.times: list[float] = []

    def note(self, loss: float) -> None:
        self.losses.append(round(loss, 4))
        self.times.append(time.perf_counter())

    def figures(self, samples_a_step: float) -> dict[str, Any]:
        timed = self.times[min(_WARM, len(self.times) - 2) :]
        seconds = timed[-1] - timed[0]
        return {
            "samples_per_second": round(samples_a_step * (len(timed) - 1) / seconds, 2),
            "peak_gib": peak_gib(),
            "losses": self.losses,
        }


def _train_ours(task: Task, weights: str, rows: Path, adapter: Path, weighting: Any) -> dict[str, Any]:
    steps = _Steps()
    train_adapter(
        rows,
        weights,
        adapter,
        TrainingConfig(epochs=1, batch_size=task.batch, weighting=weighting),
        seed=0,
        report=lambda step: steps.note(step.loss),
        stop=threading.Event(),
    )
    return steps.figures(task.batch)


def _train_plain(task: Task, weights: str, rows: Path, way: Plain) -> dict[str, Any]:
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import TrainerCallback
    from trl.data_utils import pack_dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    config = TrainingConfig(epochs=1, batch_size=task.batch)
    tokenizer = load_tokenizer(weights)
    tokens = Tokens(rows.with_suffix(".arrow"), config)
    tokens.read(rows, ChatTemplate(tokenizer, weights), threading.Event())
    dataset = Dataset.from_file(str(tokens.file)).select_columns(["input_ids", "labels", "length"])
    mean = sum(dataset["length"]) / len(dataset)
    batch, samples = task.batch, float(task.batch)
    if way.way == "packed":
        dataset = pack_dataset(dataset.remove_columns("length"), _PACKED, "bfd")
        batch = max(1, round(task.batch * mean / _PACKED))
        samples = batch * tokens.samples / len(dataset)
    steps = _Steps()

    class Report(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if "loss" in (logs := kwargs.get("logs") or {}):
                steps.note(float(logs["loss"]))

    settings = SFTConfig(
        output_dir=str(task.folder / "plain"),
        max_steps=task.steps,
        learning_rate=config.learning_rate,
        per_device_train_batch_size=batch,
        gradient_checkpointing=False,
        bf16=False,
        max_length=None,
        padding_free=way.way != "padded",
        use_liger_kernel=way.liger,
        dataset_kwargs={"skip_prepare_dataset": True},
        # As ours: the loss depends on which samples are in a batch.
        train_sampling_strategy="group_by_length" if way.way == "padded" else "random",
        dataloader_pin_memory=torch.cuda.is_available(),
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=0,
        data_seed=0,
    )
    trainer = SFTTrainer(
        _load(weights, way),
        args=settings,
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=_matrices(),
        callbacks=[Report()],
    )
    trainer.train()
    return steps.figures(samples)


def _load(weights: str, way: Plain) -> Any:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    more: dict[str, Any] = {} if way.way == "padded" else {"attn_implementation": "flash_attention_2"}
    if way.quantized:
        more["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return AutoModelForCausalLM.from_pretrained(
        weights, dtype=getattr(torch, way.dtype), device_map=device, **more
    )


def _matrices() -> Any:
    from peft import LoraConfig

    return LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
