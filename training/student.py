"""Whether the model that is to be tuned can be, found before anything is paid for."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.errors import TurnsRefusedError
from agents.models.chat_template import ChatTemplate, Example
from stores.errors import InputError, WeightsError
from stores.pretrained import check_vocabulary, load_outline, load_tokenizer
from stores.records import TrainingRow
from stores.weight_files import check_weight_files
from training.arguments import read_arguments
from training.lora import TrainingConfig, add_matrices
from training.memory import estimate_peak, find_room, fits, quantised_bytes
from training.objectives.tokens import tokenize
from training.processes import process_count
from training.quantization import check_quantization
from training.setting import choose_setting

_LOG = logging.getLogger("robustft")


def check_student(
    weights: str,
    config: TrainingConfig,
    rows: Sequence[TrainingRow] = (),
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Check that a model can be tuned as configured: its files, tokenizer, chat template, layers and size.

    No weights are read.

    Args:
        weights: a folder or a hub id, as `stores.model_hub.fetchable_weights` returns it.
        config: how it is to be trained.
        rows: some real samples, to be made tokens as in training.
        settings: what the chat template is given besides the turns when the tuned model is evaluated.

    Returns:
        What was found, in a few words.

    Raises:
        WeightsError: a file is missing or damaged, a package is missing that reads it, the model has no chat
            template or no token that ends a turn, or it is larger than this machine's whole memory.
        InputError: `target_modules` names a layer that the model does not have, no row can be rendered,
            `training.args` has a field that cannot be used, bitsandbytes is missing for a quantisation, or
            `training.processes` asks for more than there are GPUs or than share a batch.
    """
    process_count(config)
    read_arguments(config)
    check_quantization(weights, config)
    if Path(weights).is_dir():
        check_weight_files(Path(weights))
    tokenizer = load_tokenizer(weights)
    template = ChatTemplate(tokenizer, weights)
    _check_rows(template, config, rows)
    _check_settings(template, settings or {})
    outline = load_outline(weights)
    check_vocabulary(weights, tokenizer, outline)
    size = _check_size(weights, outline, config)
    add_matrices(outline, config.lora)
    return f"its files, chat template and layers fit; {size}"


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


def _check_settings(template: ChatTemplate, settings: Mapping[str, Any]) -> None:
    try:
        template.render([{"role": "user", "content": "Hello"}], add_generation_prompt=True, **settings)
    except TurnsRefusedError as exc:
        raise InputError(f"chat_template_kwargs: {exc}") from exc


def _check_size(weights: str, outline: Any, config: TrainingConfig) -> str:
    """Return what a training takes at its peak and what is free; warn where it may not fit."""
    # As if every sample had the greatest length.
    setting = choose_setting(weights, config, config.max_length)
    stored, processes = quantised_bytes(weights), process_count(config)
    peak = estimate_peak(outline, config, setting, config.max_length, stored=stored, processes=processes)
    room = find_room(processes)
    each = " for each process" if processes > 1 else ""
    free, whole = room.free / 2**30, room.whole / 2**30
    if peak.weights > room.whole:
        raise WeightsError(
            f"model '{weights}': its weights take {peak.weights / 2**30:.1f} GiB in training, and this "
            f"machine has {whole:.1f} GiB of {room.kind}{each}; {_smaller(config)}, or stop at --until select"
        )
    who = "training" if processes == 1 else f"each of {processes} processes ({config.parallel})"
    told = (
        f"{who} takes {peak} with {config.max_length} tokens a sample, and {free:.1f} GiB of {room.kind} "
        f"are free{each}"
    )
    if not fits(peak, room):
        _LOG.warning("%s: %s; it may not fit: %s", weights, told, _smaller(config))
    return told


def _smaller(config: TrainingConfig) -> str:
    """Return what would make a training take less."""
    ways = ["tune a smaller model"]
    if config.quantization != "4bit" and config.parallel != "fsdp":
        ways.append("set training.quantization: 4bit")
    if config.gradient_checkpointing is False:
        ways.append("set training.gradient_checkpointing: auto")
    if process_count(config) > 1 and config.parallel == "ddp" and config.quantization == "none":
        ways.append("set training.parallel: fsdp")
    if config.batch_size > 1:
        ways.append("lower training.batch_size or training.max_length")
    return ", ".join(ways[:-1]) + f" or {ways[-1]}" if len(ways) > 1 else ways[0]
