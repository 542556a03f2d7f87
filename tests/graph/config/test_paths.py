"""Paths in a config: relative to it wherever the command runs, and absolute in what a run keeps."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from robustft import RunConfig, load_config, resume, run
from tests.support.cases import PROMPTS, command, script, write_run
from tests.support.endpoint import Endpoint


def value_of(config: RunConfig, place: str) -> Any:
    value: Any = config.model_dump(mode="json")
    for key in place.split("."):
        value = value[key]
    return value


def written(folder: Path, place: str, value: str, **beside: str) -> Path:
    """Write a config with one key, and others beside it in its section."""
    *parents, key = place.split(".")
    content: dict[str, Any] = {key: value, **beside}
    for parent in reversed(parents):
        content = {parent: content}
    content.setdefault("models", {}).setdefault("default", {"provider": "embedded"})
    file = folder / "my.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("place", "value", "beside"),
    [
        ("data.train", "train.jsonl", {}),
        ("data.test", "below/Test.CSV", {}),
        ("data.gold", "./gold", {}),
        ("agents.base.prompt", "mine.md", {}),
        ("agents.reasoner.reflect_prompt", "mine", {}),
        ("models.default.name", "./model", {"provider": "embedded"}),
        ("models.default.name", "a/b/model", {"provider": "vllm"}),
        ("models.default.python", "venv/bin/python", {"provider": "vllm"}),
        ("encoder.name", "../encoder", {}),
    ],
)
def test_a_path_in_a_config_is_relative_to_it_whether_or_not_it_is_there(
    place: str,
    value: str,
    beside: dict[str, str],
    there: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for folder in ("configs", "elsewhere"):
        if there or folder == "elsewhere":
            file = tmp_path / folder / value
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    written(tmp_path / "configs", place, value, **beside)
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = value_of(load_config(Path("../configs/my.yaml")), place)
    assert Path(found).is_absolute()
    assert Path(found).resolve() == (tmp_path / "configs" / value).resolve()


@pytest.mark.parametrize(
    ("place", "value", "beside"),
    [
        ("data.train", "owner/name", {}),
        ("data.test", "squad:validation", {}),
        ("data.gold", "~/gold.jsonl", {}),
        ("agents.base.prompt", "base", {}),
        ("models.default.name", "smollm2-135m-instruct", {"provider": "embedded"}),
        ("models.default.name", "Qwen/Qwen2.5-7B-Instruct", {"provider": "vllm"}),
        ("models.default.name", "./served", {"provider": "openai"}),
        ("models.default.name", "a/b/served", {"provider": "vllm", "base_url": "http://127.0.0.1:1/v1"}),
        ("models.default.python", "python3", {"provider": "vllm"}),
        ("encoder.name", "sentence-transformers/all-MiniLM-L6-v2", {}),
    ],
)
def test_what_is_no_path_stays_as_it_is(
    place: str, value: str, beside: dict[str, str], tmp_path: Path
) -> None:
    assert value_of(load_config(written(tmp_path, place, value, **beside)), place) == value


def test_a_link_in_a_config_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "content").touch()
    (tmp_path / "train.jsonl").symlink_to(tmp_path / "content")
    config = load_config(written(tmp_path, "data.train", "train.jsonl"))
    assert config.data.train == str(tmp_path / "train.jsonl")


def test_a_file_that_is_missing_beside_the_config_is_not_taken_from_the_working_directory(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "train.jsonl").rename(tmp_path / "elsewhere" / "train.jsonl")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command(monkeypatch, "run", config, "--out", "run") == 2
    assert f"{tmp_path / 'train.jsonl'}: no such file" in capsys.readouterr().err


def test_what_the_command_line_names_is_found_when_the_run_goes_on_from_another_folder(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, script(endpoint).url)
    (tmp_path / "other.md").write_text(f"{PROMPTS['review']} Please.")
    monkeypatch.chdir(tmp_path)
    settings = ["--set", "agents.reviewer.prompt=other.md", "--set", "data.gold=train.jsonl"]
    names = ["--data", "train.jsonl", "--out", "run", "--until", "detect", *settings]
    assert command(monkeypatch, "run", "my.yaml", *names) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command(monkeypatch, "resume", "../run", "--until", "select") == 0
    kept = load_config(tmp_path / "run" / "config.yaml")
    assert kept.data.train == kept.data.gold == str(tmp_path / "train.jsonl")
    assert kept.agents.reviewer.prompt == str(tmp_path / "other.md")


def test_what_the_command_line_names_and_is_not_there_is_told_as_it_was_written(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "run", config, "--data", "nowhere.jsonl", "--out", "run") == 2
    assert capsys.readouterr().err == "robustft: nowhere.jsonl: no such file\n"


def test_a_file_below_the_working_directory_is_told_as_one_would_write_it_there(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "below").mkdir()
    write_run(tmp_path / "below", script(endpoint).url)
    (tmp_path / "below" / "train.jsonl").write_text("no JSON")
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "run", "below/my.yaml", "--out", "run") == 2
    assert capsys.readouterr().err.startswith("robustft: below/train.jsonl, line 1: is not JSON")


def test_a_config_in_python_names_files_of_the_working_directory_for_good(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, script(endpoint).url)
    monkeypatch.chdir(tmp_path)
    config = RunConfig.model_validate(yaml.safe_load((tmp_path / "my.yaml").read_text()))
    run(config, "run", until="detect")
    monkeypatch.chdir("/")
    assert resume(tmp_path / "run", until="select").summary.samples.relabelled == 6


def test_a_runs_own_config_is_not_relative_to_the_run(tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    content = yaml.safe_load((out / "config.yaml").read_text())
    content["data"]["train"] = "train.jsonl"
    (out / "config.yaml").write_text(json.dumps(content))
    assert load_config(out / "config.yaml").data.train == "train.jsonl"


@pytest.mark.parametrize("name", ["mine", "models/mine"])
@pytest.mark.parametrize("place", ["models.default.name", "encoder.name"])
@pytest.mark.parametrize("file", ["config.json", "modules.json"])
def test_a_model_whose_folder_is_beside_the_config_is_found_from_any_folder(
    name: str, place: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "configs" / name
    folder.mkdir(parents=True)
    (folder / file).touch()
    monkeypatch.chdir(tmp_path)
    beside = {"provider": "embedded"} if place.startswith("models") else {}
    config = load_config(written(tmp_path / "configs", place, name, **beside))
    assert value_of(config, place) == str(folder)


def test_a_gguf_file_is_a_path(tmp_path: Path) -> None:
    place = "models.default.name"
    config = load_config(written(tmp_path, place, "mine.gguf", provider="embedded"))
    assert value_of(config, place) == str(tmp_path / "mine.gguf")
