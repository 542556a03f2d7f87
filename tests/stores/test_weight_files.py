"""A model's folder, looked at before its weights are loaded: what is wrong with it is told in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stores.errors import WeightsError
from stores.weight_files import check_safetensors, check_weight_files
from tests.support.tiny_models import save_tiny_model

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "model")


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def rename(name: str) -> Callable[[Path], object]:
    return lambda folder: weights(folder).rename(folder / name)


def write(name: str, content: str | bytes) -> Callable[[Path], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data)


def index_of(*shards: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        weights(folder).rename(folder / "one.safetensors")
        index = {"weight_map": {f"w{at}": shard for at, shard in enumerate(shards)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return make


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("no config", lambda folder: (folder / "config.json").unlink(), r"holds no config\.json"),
    ("config is cut", write("config.json", "{"), r"config\.json: is not JSON"),
    ("config is a list", write("config.json", "[]"), "holds list, not an object"),
    ("config is not UTF-8", write("config.json", b'{"a": "\xff"}'), "is not JSON"),
    ("config is empty", write("config.json", ""), "is empty"),
    ("config is a pointer", write("config.json", LFS), "Git LFS"),
    ("config is a web page", write("config.json", "<html>"), "web page"),
    ("config of something else", write("config.json", '{"r": 8}'), "names no model_type"),
    ("weights are missing", lambda folder: weights(folder).unlink(), "holds no weights"),
    ("weights are pickled", rename("pytorch_model.bin"), r"pickled files \(\.bin\).*safetensors"),
    ("weights have another name", rename("mine.safetensors"), "holds mine.safetensors"),
    ("weights are GGUF", rename("mine.gguf"), "GGUF files; name one"),
    ("an adapter", lambda f: (weights(f).unlink(), write("adapter_config.json", "{}")(f)), "an adapter"),
    ("weights are a pointer", write("model.safetensors", LFS), "Git LFS"),
    ("weights are empty", write("model.safetensors", ""), "is empty"),
    ("weights are noise", write("model.safetensors", b"\x7f" * 99), "is no safetensors file"),
    ("weights are a web page", write("model.safetensors", "<!doctype html>"), "web page"),
    (
        "weights are cut",
        lambda folder: weights(folder).write_bytes(weights(folder).read_bytes()[:-100]),
        r"is cut off: [\d,]+ of [\d,]+ bytes",
    ),
    ("a shard is missing", index_of("one.safetensors", "two.safetensors"), r"two\.safetensors: is missing"),
    ("the index is empty", index_of(), "holds no weight_map"),
]


@pytest.mark.parametrize(("damage", "reason"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES])
def test_a_damaged_folder_is_told_in_one_line(
    folder: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(folder)
    with pytest.raises(WeightsError, match=reason) as error:
        check_weight_files(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


def test_a_whole_folder_is_well_in_one_file_or_in_shards(folder: Path) -> None:
    check_weight_files(folder)
    assert "model.embed_tokens.weight" in check_safetensors(weights(folder))
    index_of("one.safetensors")(folder)
    check_weight_files(folder)
