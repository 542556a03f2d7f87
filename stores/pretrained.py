"""Models, tokenizers and adapters as transformers and PEFT read them. What they raise is one message."""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stores.errors import WeightsError
from stores.module_patterns import check_patterns
from stores.weight_files import check_safetensors, check_weight_files, read_settings
from stores.weights import reading_weights

_LOG = logging.getLogger("robustft")

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "vocab.txt",
    "tekken.json",
)
# The largest mixtures have some hundred layers, heads and experts.
_COUNT = re.compile(r"(num_|n_)\w*(layer|expert|head)s?")
_MOST_PARTS = 10_000
# A vocabulary has some hundred thousand rows, and a window ten million places.
_EXTENT = re.compile(r"(\w+_)?(dim|size|rank|width|positions|embeddings|length)s?")
_LONGEST = 1 << 26
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def load_tokenizer(weights: str) -> Any:
    """Return a model's tokenizer. It always has a padding token, and an end token where any file names one.

    Args:
        weights: a folder or a hub id, as `stores.model_hub.fetchable_weights` returns it.

    Raises:
        WeightsError: it cannot be read.
    """
    from transformers import AutoTokenizer

    if Path(weights).is_dir() and not any((Path(weights) / name).is_file() for name in _TOKENIZER_FILES):
        raise WeightsError(
            f"{weights}: its tokenizer cannot be read: it holds none (no {_TOKENIZER_FILES[0]})"
        )
    with reading_weights(weights, "its tokenizer cannot be read"):
        tokenizer = AutoTokenizer.from_pretrained(weights, trust_remote_code=False)
        if tokenizer.eos_token is None:
            tokenizer.eos_token = next(iter(_end_tokens(weights, tokenizer)), None)
        if tokenizer.pad_token is None:
            # Padding is masked: any token will do.
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
        return tokenizer


def _end_tokens(weights: str, tokenizer: Any) -> Iterator[str]:
    """Yield the end tokens that the model's configs name."""
    from transformers import AutoConfig, GenerationConfig

    configs: list[Any] = []
    for read in (GenerationConfig, AutoConfig):
        try:
            configs.append(read.from_pretrained(weights))
        except (OSError, ValueError):
            continue
    for config in configs:
        ends = getattr(config, "eos_token_id", None)
        for end in ends if isinstance(ends, list) else [ends]:
            if type(end) is int and 0 <= end < len(tokenizer):
                yield tokenizer.convert_ids_to_tokens(end)


def read_config(weights: str) -> Any:
    """Return a model's config, whose counts are such as models have.

    Args:
        weights: a folder or a hub id.

    Raises:
        WeightsError: it cannot be read, or describes a model that would take for ever to build.
    """
    from transformers import AutoConfig

    with reading_weights(weights):
        config = AutoConfig.from_pretrained(weights, trust_remote_code=False)
        _check_counts(weights, config.to_dict())
    return config


def _check_counts(weights: str, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            _check_counts(weights, value)
        if not isinstance(value, int):
            continue
        # Parts are built as Python's objects, and angles of positions as numbers, before a weight is read.
        for named, most in ((_COUNT, _MOST_PARTS), (_EXTENT, _LONGEST)):
            if named.fullmatch(str(name)) and value > most:
                raise WeightsError(
                    f"model '{weights}': its config says {name}: {value:,}; no model has more than {most:,}"
                )


def load_causal_model(weights: str, **how: Any) -> Any:
    """Return a language model with all its weights. They are read from safetensors alone.

    Args:
        weights: a folder or a hub id.
        how: more arguments of `from_pretrained`, such as `dtype` and `device_map`.

    Raises:
        WeightsError: they cannot be read, or do not fit the model that its config describes.
    """
    from transformers import AutoModelForCausalLM

    if Path(weights).is_dir():
        check_weight_files(Path(weights))
    loaded: Any
    read_config(weights)
    with reading_weights(weights, "its weights cannot be loaded"), _quiet_loading():
        loaded = AutoModelForCausalLM.from_pretrained(
            weights,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **how,
        )
    model, found = loaded
    _check_found(weights, found)
    return model


def load_outline(weights: str) -> Any:
    """Return a model without numbers: what it is made of, checked against the folder's files.

    Of a model on the hub, and of a quantised one, only the config is read.

    Raises:
        WeightsError: as for `load_causal_model`; or the package that reads quantised weights is missing.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder = Path(weights)
    if folder.is_dir():
        check_weight_files(folder)
    config = read_config(weights)
    quantisation = getattr(config, "quantization_config", None)
    if quantisation is None and folder.is_dir():
        return load_causal_model(weights, device_map="meta")
    with reading_weights(weights):
        if quantisation is not None:
            _check_quantiser(quantisation)
            del config.quantization_config
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]


def check_vocabulary(weights: str, tokenizer: Any, model: Any) -> None:
    """Check that a model knows every token of its tokenizer.

    Raises:
        WeightsError: it does not.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise WeightsError(
            f"model '{weights}': its tokenizer has {len(tokenizer):,} tokens and its weights know {rows:,}; "
            "the folder holds another model's tokenizer, or tokens were added without resize_token_embeddings"
        )


def is_quantised(weights: str) -> bool:
    """Say whether a folder's config names a quantisation."""
    file = Path(weights) / "config.json"
    return file.is_file() and bool(read_settings(file).get("quantization_config"))


def _check_quantiser(quantisation: Any) -> None:
    """Have transformers say which package is missing."""
    from transformers.quantizers.auto import AutoHfQuantizer

    AutoHfQuantizer.from_config(quantisation, pre_quantized=True).validate_environment(device_map=None)


def _check_found(weights: str, found: dict[str, Any]) -> None:
    if wrong := sorted(found["mismatched_keys"], key=str):
        name, *shapes = wrong[0] if isinstance(wrong[0], tuple) else (wrong[0],)
        told = f" is {list(shapes[0])}, and the config wants {list(shapes[1])}" if len(shapes) > 1 else ""
        raise WeightsError(
            f"model '{weights}': {len(wrong)} of its weights have another shape than its config says "
            f"({name}{told}); the folder holds files of two models"
        )
    if unused := sorted(found["unexpected_keys"]):
        _LOG.warning(
            "%s: %d weights of its files are not part of the model that its config describes (%s)",
            weights,
            len(unused),
            unused[0],
        )
    if missing := sorted(found["missing_keys"]):
        raise WeightsError(
            f"model '{weights}': {len(missing)} weights are in none of its files ({missing[0]}); the folder "
            "is incomplete, or holds another kind of model than its config says"
        )


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """Silence the bar and the table that transformers prints; what matters of it is checked."""
    from transformers.utils import logging as talk

    bar, level = talk.is_progress_bar_enabled(), talk.get_verbosity()
    talk.disable_progress_bar()  # type: ignore[no-untyped-call]
    talk.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        talk.set_verbosity(level)
        if bar:
            talk.enable_progress_bar()  # type: ignore[no-untyped-call]


def put_adapter(model: Any, folder: Path) -> Any:
    """Return a model with a PEFT adapter on it.

    Args:
        model: its base, or the outline of that.
        folder: the adapter's.

    Raises:
        WeightsError: it is no adapter, or one of another model.
    """
    from peft import PeftModel, get_peft_model_state_dict

    held = check_adapter(folder)
    modules = [name for name, _ in model.named_modules()]
    check_patterns(str(folder), read_settings(folder / _ADAPTER_FILES[0]), modules)
    with reading_weights(str(folder), f"this adapter does not fit the model{_base_of(folder)}"):
        with _quiet_loading(), warnings.catch_warnings(action="ignore"):
            tuned = PeftModel.from_pretrained(model, str(folder))
        wanted = set(get_peft_model_state_dict(tuned, save_embedding_layers=False))
    # PEFT passes over what it has no place for, or no value.
    if astray := sorted((held ^ wanted) - {name for name in held if ".lora_" not in name}):
        raise WeightsError(
            f"model '{folder}': this adapter does not fit the model{_base_of(folder)}: "
            f"{len(astray)} of its matrices have no counterpart ({astray[0]})"
        )
    return tuned


def _base_of(folder: Path) -> str:
    base = read_settings(folder / _ADAPTER_FILES[0]).get("base_model_name_or_path")
    return f" (it was trained on {base})" if base else ""


def check_adapter(folder: Path) -> set[str]:
    """Check that a folder holds a PEFT adapter, before a model is loaded for it; returns its weights' names.

    Raises:
        WeightsError: it holds none, or a damaged one.
    """
    for name in _ADAPTER_FILES:
        if not (folder / name).is_file():
            raise WeightsError(f"{folder}: holds no PEFT adapter (no {name}{_explain_folder(folder)})")
    settings = read_settings(folder / _ADAPTER_FILES[0])
    if "peft_type" not in settings:
        raise WeightsError(f"{folder / _ADAPTER_FILES[0]}: names no peft_type; it is no config of an adapter")
    held = check_safetensors(folder / _ADAPTER_FILES[1])
    if not held:
        raise WeightsError(f"{folder / _ADAPTER_FILES[1]}: holds no weights")
    return held


def _explain_folder(folder: Path) -> str:
    if not folder.exists():
        return "; there is no such folder"
    if (folder / "adapter_model.bin").is_file():
        return "; a pickled adapter_model.bin is not read, save it as safetensors"
    if (folder / "config.json").is_file():
        return "; it holds a whole model, which can be named in models.NAME.name"
    inside = sorted(folder.glob("*/adapter_config.json"))
    return f"; did you mean {inside[0].parent}?" if inside else ""
