"""Fine-tune a LoRA adapter on the training file with TRL and PEFT (paper Eq. 9)."""

import gc
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from agents.models.chat_template import ChatTemplate
from stores.pretrained import load_outline, load_tokenizer
from stores.records import TrainingRetry
from training.errors import NotFiniteError, NothingToTrainError, TrainingError, TrainingInterrupted
from training.lora import TrainingConfig, load_model, save_adapter
from training.memory import estimate_peak, quantised_bytes
from training.objectives.sft import build_trainer
from training.objectives.tokens import Tokens
from training.progress import TrainingStep, last_checkpoint, make_progress
from training.retry import keep_retry, make_slower, plan_retry, read_retry
from training.setting import Setting, choose_setting, safer_setting

_LOG = logging.getLogger("robustft")


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
        TrainingError: the loss or a gradient was not finite, in the safer setting too.
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
    tokenizer = load_tokenizer(weights)
    tokens = Tokens(work / "tokens.arrow", config)
    tokens.read(training_file, ChatTemplate(tokenizer, weights), stop)
    attempt = _Attempt(weights, work, config, tokens, tokenizer, seed, report, stop)
    retry = read_retry(work)
    if retry is None:
        setting = choose_setting(weights, config, tokens.longest)
        try:
            return attempt.train(setting)
        except NotFiniteError as exc:
            # Its traceback holds the model.
            failed = exc.with_traceback(None)
        _free()
        retry = plan_retry(failed, weights, config, setting, tokens.longest)
        keep_retry(work, retry)
        _LOG.warning("%s; training goes on before that step with %s", failed, retry.setting)
    try:
        return attempt.train_again(retry)
    except NotFiniteError as exc:
        raise TrainingError(
            f"{exc}. This was the second try, with {retry.setting}; in the first, {retry.fault} at step "
            f"{retry.step} (likely cause: {retry.cause}). No adapter was made. A lower "
            "training.learning_rate may help, or data without these samples"
        ) from exc


def _free() -> None:
    """Give back the memory of a trainer, whose model and optimiser refer to each other in circles."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class _Attempt(NamedTuple):
    """Training on samples that are read: from the start, or from where an earlier one came to."""

    weights: str
    work: Path
    config: TrainingConfig
    tokens: Tokens
    tokenizer: Any
    seed: int
    report: Callable[[TrainingStep], None]
    stop: threading.Event

    def train(self, setting: Setting) -> TrainingOutcome:
        """Train in a setting; where a step is not finite, leave a checkpoint of before it."""
        trainer, progress = self._trainer(self.config, setting)
        try:
            return self._outcome(trainer, progress)
        except NotFiniteError:
            # Nothing public writes one between two steps. Before the first there is nothing to keep.
            if trainer.state.global_step:
                trainer._save_checkpoint(trainer.model, trial=None)
            raise

    def train_again(self, retry: TrainingRetry) -> TrainingOutcome:
        """Train on from that checkpoint in the retry's setting."""
        setting = safer_setting(
            self.config, choose_setting(self.weights, self.config, self.tokens.longest), widen=retry.float32
        )
        rate = self.config.learning_rate / 2 if retry.halved else self.config.learning_rate
        config = self.config.model_copy(update={"learning_rate": rate})
        trainer, progress = self._trainer(config, setting)
        trainer.add_callback(make_slower(rate))
        return self._outcome(trainer, progress).model_copy(update={"retry": retry})

    def _trainer(self, config: TrainingConfig, setting: Setting) -> tuple[Any, Any]:
        from transformers import set_seed

        outline = load_outline(self.weights)
        stored = quantised_bytes(self.weights)
        peak = estimate_peak(outline, config, setting, self.tokens.longest, stored=stored)
        set_seed(self.seed)
        trainer = build_trainer(
            load_model(self.weights, config, setting),
            self.tokenizer,
            self.tokens,
            config,
            setting,
            self.seed,
            recomputes=peak.recomputes,
        )
        progress = make_progress(self.report, self.stop, config.batch_size)
        trainer.add_callback(progress)
        return trainer, progress

    def _outcome(self, trainer: Any, progress: Any) -> TrainingOutcome:
        began = time.monotonic()
        trainer.train(resume_from_checkpoint=last_checkpoint(self.work))
        seconds = time.monotonic() - began
        if self.stop.is_set():
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
