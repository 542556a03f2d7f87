"""Whether the model that is to be tuned can be, found before anything is paid for."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from agents.errors import TurnsRefusedError
from agents.models.chat_template import ChatTemplate, Example
from stores.errors import InputError, WeightsError
from stores.pretrained import check_vocabulary, is_quantised, load_outline, load_tokenizer
from stores.records import TrainingRow
from stores.weight_files import check_weight_files
from training.lora import TrainingConfig, add_matrices, training_dtype
from training.objectives.tokens import tokenize

_LOG = logging.getLogger("robustft")


def check_student(weights: str, config: TrainingConfig, rows: Sequence[TrainingRow] = ()) -> str:
    """Check that a model can be tuned: its files, tokenizer, chat template, layers and size.

    No weights are read.

    Args:
        weights: a folder or a hub id, as `stores.model_hub.fetchable_weights` returns it.
        config: how it is to be trained.
        rows: some real samples, to be made tokens as in training.

    Returns:
        What was found, in a few words.

    Raises:
        WeightsError: a file is missing or damaged, a package is missing that reads it, the model has no chat
            template or no token that ends a turn, or it is larger than this machine's whole memory.
        InputError: `target_modules` names a layer that the model does not have, or no row can be rendered.
    """
    if Path(weights).is_dir():
        check_weight_files(Path(weights))
    tokenizer = load_tokenizer(weights)
    template = ChatTemplate(tokenizer, weights)
    _check_rows(template, config, rows)
    outline = load_outline(weights)
    check_vocabulary(weights, tokenizer, outline)
    size = _check_size(weights, outline)
    add_matrices(outline, config.lora)
    return f"its files, chat template and layers fit, {size:.1f} GiB of weights in training"


def _check_rows(template: ChatTemplate, config: TrainingConfig, rows: Sequence[TrainingRow]) -> None:
    made = tokenize(rows, template)
    refused = [one for one in made if isinstance(one, TurnsRefusedError)]
    if rows and len(refused) == len(rows):
        raise InputError(f"no sample can be trained on: {refused[0]}")
    longest = max((len(one.tokens) for one in made if isinstance(one, Example)), default=0)
    if longest > config.max_length:
        _LOG.warning(
            "a sample of the first %d has %d tokens, and training.max_length is %d",
            len(rows),
            longest,
            config.max_length,
        )


def _check_size(weights: str, outline: Any) -> float:
    """Return the GiB that a model's weights take in training; warn where they may not fit."""
    import torch

    files = sum(file.stat().st_size for file in Path(weights).glob("*.safetensors")) / 2**30
    wide = outline.num_parameters() * training_dtype().itemsize / 2**30
    # A quantised model stays as small as its files.
    size = files if files and is_quantised(weights) else wide
    if torch.cuda.is_available():
        free, whole = (number / 2**30 for number in torch.cuda.mem_get_info())
        kind = "GPU memory"
    else:
        memory = psutil.virtual_memory()
        free, whole, kind = memory.available / 2**30, memory.total / 2**30, "memory"
    if size > whole:
        raise WeightsError(
            f"model '{weights}': its weights take {size:.1f} GiB in training, and this machine has "
            f"{whole:.1f} GiB of {kind}; tune a smaller or quantised model, or stop at --until select"
        )
    if size > free:
        _LOG.warning(
            "%s: its weights take %.1f GiB in training, and %.1f GiB of %s are free",
            weights,
            size,
            free,
            kind,
        )
    return size
