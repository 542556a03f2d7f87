"""Fine-tune a LoRA adapter on the training file with TRL and PEFT (paper Eq. 9)."""

import gc
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from agents.models.chat_template import ChatTemplate
from stores.atomic import sync_folder, sync_tree
from stores.pretrained import load_tokenizer
from training.attempt import Attempt, TrainingOutcome, quiet, safe_products
from training.errors import LostProcessError, NotFiniteError, NothingToTrainError, TrainingError
from training.launch import Launch
from training.lora import TrainingConfig
from training.objectives.tokens import Tokens
from training.processes import process_count
from training.progress import TrainingStep
from training.retry import keep_retry, plan_retry, read_retry
from training.setting import choose_setting

_LOG = logging.getLogger("robustft")


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
        LostProcessError: one of several processes failed; checkpoints are kept.
        TrainingInterrupted: `stop` was set.
    """
    adapter.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its folders are readable by their owner alone, and the adapter would be too.
    work = checkpoints or adapter.with_name(f".{adapter.name}-{uuid4().hex[:12]}")
    work.mkdir(exist_ok=True)
    keeps = checkpoints is not None
    try:
        with quiet(), safe_products():
            outcome = _train(training_file, weights, work, config, seed=seed, report=report, stop=stop)
        sync_tree(work / "adapter")
        if adapter.exists():
            # Renamed, not removed: a kill in the middle would leave half of it.
            adapter.replace(work / "replaced")
        (work / "adapter").replace(adapter)
        sync_folder(adapter.parent)
        keeps = False
    except LostProcessError:
        # What ended it may be gone the next time, such as another program on the card.
        raise
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
    count = process_count(config)
    setting = choose_setting(weights, config, tokens.longest)
    attempt: Attempt | Launch
    if count == 1:
        attempt = Attempt(weights, work, config, setting, tokens, tokenizer, seed, report, stop)
    else:
        attempt = Launch(weights, work, config, setting, tokens, count, seed, report, stop)
    retry = read_retry(work)
    if retry is None:
        try:
            return attempt.train()
        except NotFiniteError as exc:
            # Its traceback holds the model.
            failed = exc.with_traceback(None)
        _free()
        retry = plan_retry(failed, weights, config, setting, tokens.longest)
        keep_retry(work, retry)
        _LOG.warning("%s; training goes on before that step with %s", failed, retry.setting)
    try:
        return attempt.train(retry)
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
