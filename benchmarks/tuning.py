"""How fast an adapter is trained, beside TRL and PEFT as they come, and whether the loss falls as fast.

    python benchmarks/tuning.py [--data FILE] [--samples 128] [--batch 16]

One epoch over the same samples, one process a trainer: `ours`; `trl`, its trainer with PEFT's layers and a
bfloat16 model; `trl float32`, the same with a float32 model. Prints JSON: real tokens a second of training
(padding not counted), and the losses of all steps. The first step, which warms up, is not timed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

from agents.models.chat_template import ChatTemplate
from graph.config.run import RunConfig
from graph.stages.base_role import BaseRole
from prompts.template import QuestionTemplate
from robustft.data import FOLDER
from stores.dataset import read_samples
from stores.pretrained import load_tokenizer
from stores.weights import resolve_weights
from training.finetune import train_adapter
from training.lora import LoraSettings, TrainingConfig
from training.objectives.tokens import Tokens

_TRAINERS = ("ours", "trl", "trl float32")


def train(trainer: str, rows: Path, batch: int) -> dict[str, Any]:
    """Train for one epoch and return the figures."""
    weights = resolve_weights(RunConfig().models["default"].name)
    config = TrainingConfig(epochs=1, batch_size=batch)
    tokens = Tokens(rows.with_suffix(".arrow"), config)
    tokens.read(rows, ChatTemplate(load_tokenizer(weights), weights), threading.Event())
    times: list[float] = []
    losses: list[float] = []

    def report(loss: float) -> None:
        times.append(time.perf_counter())
        losses.append(round(loss, 4))

    if trainer == "ours":
        adapter = rows.with_name("adapter")
        train_adapter(
            rows,
            weights,
            adapter,
            config,
            seed=0,
            report=lambda step: report(step.loss),
            stop=threading.Event(),
        )
    else:
        _train_as_it_comes(weights, tokens, config, report, float32=trainer == "trl float32")
    length = _tokens_of(tokens.file) / tokens.samples
    rate = batch * (len(times) - 1) / (times[-1] - times[0])
    return {
        "samples_per_second": round(rate, 2),
        "tokens_per_second": round(rate * length),
        "losses": losses,
    }


def _train_as_it_comes(
    weights: str, tokens: Tokens, config: TrainingConfig, report: Any, *, float32: bool
) -> None:
    import torch
    from datasets import Dataset  # type: ignore[import-untyped]
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, TrainerCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    class Report(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if "loss" in (logs := kwargs.get("logs") or {}):
                report(float(logs["loss"]))

    matrices = LoraSettings()
    settings = SFTConfig(
        output_dir=str(tokens.file.parent),
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        per_device_train_batch_size=config.batch_size,
        gradient_checkpointing=False,
        bf16=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        # As ours: the loss depends on which samples are in a batch.
        train_sampling_strategy="group_by_length",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=0,
        data_seed=0,
    )
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32 if float32 else torch.bfloat16),
        args=settings,
        train_dataset=Dataset.from_file(str(tokens.file)),
        processing_class=load_tokenizer(weights),
        peft_config=LoraConfig(
            r=matrices.r, lora_alpha=matrices.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[Report()],
    )
    trainer.train()


def _tokens_of(file: Path) -> int:
    from datasets import Dataset

    return int(sum(Dataset.from_file(str(file))["length"]))


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=FOLDER / "train.jsonl", help="samples; the bundled ones without it"
    )
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--one", nargs=2, metavar=("TRAINER", "ROWS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        trainer, rows = arguments.one
        figures = train(trainer, Path(rows), arguments.batch)
        Path(rows).with_name("figures.json").write_text(json.dumps(figures), encoding="utf-8")
        return
    settings = RunConfig().agents.base
    role = BaseRole(settings, QuestionTemplate(settings.prompt))
    samples = islice(read_samples(arguments.data), arguments.samples)
    lines = [role.row(sample, sample.response).to_line() for sample in samples]
    results = {}
    for trainer in _TRAINERS:
        with tempfile.TemporaryDirectory(prefix="robustft-training-") as folder:
            rows = Path(folder) / "rows.jsonl"
            rows.write_text("\n".join(lines), encoding="utf-8")
            command = [sys.executable, __file__, "--one", trainer, str(rows), "--batch", str(arguments.batch)]
            subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - our own command
            results[trainer] = json.loads((Path(folder) / "figures.json").read_text(encoding="utf-8"))
    ours = results["ours"]["tokens_per_second"]
    ratios = {name: round(ours / results[name]["tokens_per_second"], 2) for name in _TRAINERS[1:]}
    print(json.dumps({"samples": len(lines), "ours_over": ratios, **results}, indent=2))


if __name__ == "__main__":
    main()
