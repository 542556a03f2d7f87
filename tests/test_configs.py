"""Every config that ships parses, and opens with what it is for and the command that uses it."""

from importlib.resources import files
from pathlib import Path

import pytest

from graph.context import load_prompts
from graph.fingerprint import fingerprints
from robustft import RunConfig, load_config

CONFIGS = sorted(Path(str(files("configs"))).glob("*.yaml"))


def header(path: Path) -> list[str]:
    """Return the comment lines that a file opens with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return [line.lstrip("# ").strip() for line in lines[:end]]


def test_there_is_a_config_for_the_demo() -> None:
    assert "demo.yaml" in [path.name for path in CONFIGS]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_config_parses_and_names_its_models(path: Path) -> None:
    config = load_config(path)
    assert config.models_in_use() | {config.training.model} <= set(config.models)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_config_survives_being_written_as_resolved(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    resolved = tmp_path / "config.yaml"
    resolved.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(resolved) == config
    again = load_config(resolved)
    assert fingerprints(again, load_prompts(again)) == fingerprints(config, load_prompts(config))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_config_opens_with_its_purpose_and_its_command(path: Path) -> None:
    lines = header(path)
    assert lines, "the file must open with a comment"
    assert any(line and "robustft " not in line for line in lines), "what is it for?"
    assert any(
        "robustft " in line and (path.name in line or (path.stem == "demo" and "robustft demo" in line))
        for line in lines
    ), "which command uses it?"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_config_holds_no_key_and_no_path_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not [part for part in ("sk-", "hf_", "/home/", "/work/", "/root/") if part in text]


def test_no_config_file_means_the_defaults() -> None:
    assert load_config(None) == RunConfig()
