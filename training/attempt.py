"""One try at a training, in this process: from its start, or from the last checkpoint."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from stores.pretrained import load_outline
from stores.records import TrainingRetry
from training.errors import NotFiniteError, TrainingInterrupted
from training.lora import TrainingConfig, load_model, save_adapter
from training.memory import estimate_peak, quantised_bytes
from training.objectives.sft import build_trainer
from training.objectives.tokens import Tokens
from training.processes import any_says, world_size
from training.progress import Stop, TrainingStep, last_checkpoint, make_progress
from training.retry import make_slower
from training.setting import Setting, safer_setting


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
        retry: why and how training went on in a safer setting, where a step was not finite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    steps: int
    loss: float
    seconds: float
    dropped: tuple[str, ...]
    cut: tuple[str, ...]
    retry: TrainingRetry | None = None


class Attempt(NamedTuple):
    """Training on samples that are read: from the start, or from where an earlier one came to.

    Of several processes, each makes one with the same arguments.

    Args:
        weights: the model to tune: a folder or a hub id.
        work: the folder of its checkpoints, which the adapter is written into.
        config: how to train.
        setting: how the model is computed, in the first try.
        tokens: the samples.
        tokenizer: the model's.
        seed: of the matrices' first values and the order of the samples.
        report: called after each step.
        stop: says when to end.
    """

    weights: str
    work: Path
    config: TrainingConfig
    setting: Setting
    tokens: Tokens
    tokenizer: Any
    seed: int
    report: Callable[[TrainingStep], None]
    stop: Stop

    def train(self, retry: TrainingRetry | None = None) -> TrainingOutcome:
        """Train; where a step is not finite, leave a checkpoint of before it.

        Args:
            retry: why and how to go on from such a checkpoint.

        Raises:
            NotFiniteError: the loss or a gradient was not finite.
            TrainingInterrupted: it was told to stop.
        """
        if retry is not None:
            return self._train_again(retry)
        trainer, progress = self._trainer(self.config, self.setting)
        try:
            return self._outcome(trainer, progress)
        except NotFiniteError:
            # Nothing public writes one between two steps. Before the first there is nothing to keep.
            if trainer.state.global_step:
                trainer._save_checkpoint(trainer.model, trial=None)
            raise

    def _train_again(self, retry: TrainingRetry) -> TrainingOutcome:
        setting = safer_setting(self.config, self.setting, widen=retry.float32)
        rate = self.config.learning_rate / 2 if retry.halved else self.config.learning_rate
        config = self.config.model_copy(update={"learning_rate": rate})
        trainer, progress = self._trainer(config, setting)
        trainer.add_callback(make_slower(rate))
        return self._outcome(trainer, progress).model_copy(update={"retry": retry})

    def _trainer(self, config: TrainingConfig, setting: Setting) -> tuple[Any, Any]:
        from transformers import set_seed

        outline = load_outline(self.weights)
        stored = quantised_bytes(self.weights)
        longest, processes = self.tokens.longest, world_size()
        peak = estimate_peak(outline, config, setting, longest, stored=stored, processes=processes)
        (recomputes,) = any_says(peak.recomputes)
        set_seed(self.seed)
        trainer = build_trainer(
            load_model(self.weights, config, setting),
            self.tokenizer,
            self.tokens,
            config,
            setting,
            self.seed,
            recomputes=recomputes,
        )
        progress = make_progress(self.report, self.stop, config.batch_size)
        trainer.add_callback(progress)
        return trainer, progress

    def _outcome(self, trainer: Any, progress: Any) -> TrainingOutcome:
        began = time.monotonic()
        trainer.train(resume_from_checkpoint=last_checkpoint(self.work))
        seconds = time.monotonic() - began
        if any(any_says(self.stop.is_set())):
            raise TrainingInterrupted(f"training was stopped after step {trainer.state.global_step}")
        save_adapter(trainer.model, self.work / "adapter")
        return TrainingOutcome(
            samples=self.tokens.samples,
            steps=trainer.state.global_step,
            loss=progress.total_loss / trainer.state.global_step,
            seconds=seconds,
            dropped=tuple(self.tokens.dropped),
            cut=tuple(self.tokens.cut),
        )


@contextmanager
def safe_products() -> Iterator[None]:
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
def quiet() -> Iterator[None]:
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
