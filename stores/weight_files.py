"""A model's folder, looked at without loading it: its config, and the headers of its safetensors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stores.errors import WeightsError, first_line

_INDEX = "model.safetensors.index.json"
_LFS = b"version https://git-lfs"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# https://huggingface.co/docs/safetensors: eight bytes with the header's length, the header, the numbers.
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000


def read_settings(file: Path) -> dict[str, Any]:
    """Return a JSON file of a model's folder, such as config.json.

    Raises:
        WeightsError: it is missing, or holds no JSON object.
    """
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError as exc:
        raise WeightsError(f"{file.parent}: holds no {file.name}") from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise WeightsError(f"{file}: {_explain_bytes(file) or f'is not JSON ({first_line(exc)})'}") from exc
    if not isinstance(content, dict):
        raise WeightsError(f"{file}: holds {type(content).__name__}, not an object of settings")
    return content


def check_weight_files(folder: Path) -> None:
    """Check that a folder holds a model whose weights are all there. No weights are read.

    Raises:
        WeightsError: a file is missing, cut off, of another format, or not what its name says.
    """
    settings = read_settings(folder / "config.json")
    if "model_type" not in settings:
        kind = "an adapter or another library's model" if settings else "nothing"
        raise WeightsError(f"{folder / 'config.json'}: names no model_type; the folder may hold {kind}")
    files = list(_weight_files(folder))
    if not files:
        raise WeightsError(f"{folder}: {_explain_missing(folder)}")
    for file in files:
        check_safetensors(file)


def check_safetensors(file: Path) -> set[str]:
    """Check a safetensors file's header against its size; returns the names of what it holds.

    Raises:
        WeightsError: the file is missing, is cut off, or is no safetensors file.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            known = _LENGTH_BYTES + length <= size and length <= _LONGEST_HEADER
            header = json.loads(opened.read(length)) if known else None
        if not isinstance(header, dict):
            raise TypeError("no header")
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        ends = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except FileNotFoundError as exc:
        raise WeightsError(f"{file}: is missing") from exc
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError) as exc:
        raise WeightsError(f"{file}: {_explain_bytes(file) or 'is no safetensors file'}") from exc
    whole = _LENGTH_BYTES + length + ends
    if size < whole:
        raise WeightsError(f"{file}: is cut off: {size:,} of {whole:,} bytes are here; fetch it again")
    return set(tensors)


def _weight_files(folder: Path) -> Iterator[Path]:
    index = folder / _INDEX
    single = folder / "model.safetensors"
    if single.is_file() or not index.is_file():
        yield from [single] if single.is_file() else []
        return
    shards = read_settings(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise WeightsError(f"{index}: holds no weight_map")
    yield from (folder / str(name) for name in sorted(set(map(str, shards.values()))))


def _explain_missing(folder: Path) -> str:
    if any(any(folder.glob(pattern)) for pattern in _PICKLED):
        return (
            "holds its weights as pickled files (.bin), which can run code when they are read; save them as "
            "safetensors (model.save_pretrained with safe_serialization)"
        )
    if (folder / "adapter_config.json").is_file():
        return "holds an adapter and no model; name the model that it belongs to"
    if ggufs := sorted(folder.glob("*.gguf")):
        return f"holds GGUF files; name one as the model, such as {ggufs[0]}"
    others = sorted(folder.glob("*.safetensors"))
    if others:
        return f"holds {others[0].name}, but no model.safetensors and no {_INDEX}; rename it, or fetch that"
    return f"holds no weights (no model.safetensors, no {_INDEX})"


def _explain_bytes(file: Path) -> str | None:
    """Say what a file is that is not what its name says; None where nothing is known of it."""
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(_LFS))
    except OSError as exc:
        return f"cannot be read ({exc.strerror})"
    if begins == _LFS:
        return "is the pointer of a Git LFS file; fetch the file itself (git lfs pull)"
    if not begins:
        return "is empty"
    if begins.lstrip()[:1] == b"<":
        return "is a web page; fetch the file again"
    return None
