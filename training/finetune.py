"""Fine-tune a LoRA adapter on the training file with TRL and PEFT (paper Eq. 9)."""

import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from agents.models.chat_template import ChatTemplate
from stores.pretrained import load_tokenizer
from training.errors import NothingToTrainError, TrainingError, TrainingInterrupted
from training.lora import TrainingConfig, load_model, save_adapter
from training.objectives.sft import build_trainer
from training.objectives.tokens import Tokens
from training.progress import TrainingStep, last_checkpoint, make_progress


class TrainingOutcome(BaseModel):
    """What training did.

    Args:
        samples: samples trained on.
        steps: optimiser steps.
        loss: mean loss over all steps, in nats a response token.
        seconds: of training alone.
        dropped: ids of the samples left out: longer than `max_length`, without a response token in it, or of
            turns that the chat template cannot render.
        cut: ids of the samples whose end was cut off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    steps: int
    loss: float
    seconds: float
    dropped: tuple[str, ...]
    cut: tuple[str, ...]


def train_adapter(
    training_file: Path,
    weights: str,
    adapter: Path,
    config: TrainingConfig,
    *,
    seed: int,
    report: Callable[[TrainingStep], None],
    stop: threading.Event,
    checkpoints: Path | None = None,
) -> TrainingOutcome:
    """Fine-tune a LoRA adapter on prompt-completion rows, with the loss on the response tokens only (Eq. 9).

    Everything is written into a folder of its own, which the finished adapter leaves for its place; an older
    adapter there is replaced. The random state of Python, NumPy and torch is seeded.

    Args:
        training_file: JSONL of {"id", "prompt": [turn, ...], "completion": [turn]}, a turn being a role and
            its content.
        weights: the model to tune: a folder or a hub id.
        adapter: the folder to make.
        config: how to train.
        seed: of the matrices' first values and the order of the samples.
        report: called after each step, in this thread.
        stop: set it from another thread to end training after the step under way.
        checkpoints: the folder that an interrupted training goes on from, kept for these very inputs; it is
            removed when training is done. Without one, nothing is left of an interrupted training.

    Raises:
        NothingToTrainError: the file has no sample that fits.
        WeightsError: the weights or the tokenizer cannot be read.
        InputError: the config names layers that the model does not have.
        TrainingError: the loss was not a number.
        TrainingInterrupted: `stop` was set.
    """
    adapter.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its folders are readable by their owner alone, and the adapter would be too.
    work = checkpoints or adapter.with_name(f".{adapter.name}-{uuid4().hex[:12]}")
    work.mkdir(exist_ok=True)
    keeps = checkpoints is not None
    try:
        with _quiet(), _safe_products():
            outcome = _train(training_file, weights, work, config, seed=seed, report=report, stop=stop)
        if adapter.exists():
            shutil.rmtree(adapter)
        (work / "adapter").replace(adapter)
        keeps = False
    except (TrainingError, NothingToTrainError):
        # From there it would end the same way.
        keeps = False
        raise
    finally:
        if not keeps:
            shutil.rmtree(work, ignore_errors=True)
    return outcome


def _train(
    training_file: Path,
    weights: str,
    work: Path,
    config: TrainingConfig,
    *,
    seed: int,
    report: Callable[[TrainingStep], None],
    stop: threading.Event,
) -> TrainingOutcome:
    from transformers import set_seed

    tokenizer = load_tokenizer(weights)
    tokens = Tokens(work / "tokens.arrow", config)
    tokens.read(training_file, ChatTemplate(tokenizer, weights), stop)
    set_seed(seed)
    trainer = build_trainer(load_model(weights, config.lora), tokenizer, tokens, config, seed)
    progress = make_progress(report, stop, config.batch_size)
    trainer.add_callback(progress)
    began = time.monotonic()
    trainer.train(resume_from_checkpoint=last_checkpoint(work))
    seconds = time.monotonic() - began
    if not math.isfinite(progress.total_loss):
        raise TrainingError(
            f"the loss was {progress.loss} at step {trainer.state.global_step}; "
            "a lower training.learning_rate may help"
        )
    if stop.is_set():
        raise TrainingInterrupted(f"training was stopped after step {trainer.state.global_step}")
    save_adapter(trainer.model, work / "adapter")
    return TrainingOutcome(
        samples=tokens.samples,
        steps=trainer.state.global_step,
        loss=progress.total_loss / trainer.state.global_step,
        seconds=seconds,
        dropped=tuple(tokens.dropped),
        cut=tuple(tokens.cut),
    )


@contextmanager
def _safe_products() -> Iterator[None]:
    """Keep a GPU from two fast paths that training cannot bear, for a block.

    Sums of bfloat16 products may be rounded in parts, and `LoraLinear`'s update with them
    (https://docs.pytorch.org/docs/stable/notes/cuda.html). The backward pass of cuDNN's attention gave NaN
    for batches padded to 64 tokens (cuDNN 9.19, torch 2.11, an H200; `benchmarks/finite.py`). Torch's other
    kernels gave none.
    """
    from torch.backends import cuda

    rounds = cuda.matmul.allow_bf16_reduced_precision_reduction
    attends = cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    cuda.matmul.allow_bf16_reduced_precision_reduction = False
    cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        cuda.matmul.allow_bf16_reduced_precision_reduction = rounds
        cuda.enable_cudnn_sdp(attends)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the libraries' progress bars, and the usage report that TRL sends to its makers."""
    import datasets  # type: ignore[import-untyped]
    from huggingface_hub import constants
    from transformers.utils import logging

    bars = datasets.is_progress_bar_enabled(), logging.is_progress_bar_enabled()
    telemetry = constants.HF_HUB_DISABLE_TELEMETRY
    datasets.disable_progress_bars()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = telemetry
        if bars[0]:
            datasets.enable_progress_bars()
        if bars[1]:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
