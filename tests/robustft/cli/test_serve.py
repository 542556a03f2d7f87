"""The command keeps a server up until it is interrupted, and takes none down that is not its own."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cases import command
from tests.support.endpoint import free_port
from tests.support.fake_vllm import FakeVLLM
from tests.support.started import Started


@pytest.fixture
def config(tmp_path: Path) -> Path:
    vllm = FakeVLLM(tmp_path / "vllm")
    file = tmp_path / "served.yaml"
    file.write_text(f"models: {{default: {{provider: vllm, python: '{vllm.python}'}}}}\n")
    return file


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_is_kept_up_until_a_signal_and_then_stopped(
    number: signal.Signals, config: Path, tmp_path: Path, start: Callable[..., Started]
) -> None:
    started = start("serve", config, "--port", free_port())
    starts = tmp_path / "vllm" / "starts"
    started.wait_for(lambda: starts.is_file() and starts.read_text().endswith("\n"))
    (arguments,) = map(json.loads, starts.read_text().splitlines())
    assert "smollm2-135m-instruct" in " ".join(arguments)
    started.process.send_signal(number)
    assert started.end() == 0
    assert "Traceback" not in started.said()


def test_a_server_that_dies_while_it_starts_ends_the_command_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vllm = FakeVLLM(tmp_path / "vllm", "dies")
    (tmp_path / "served.yaml").write_text(
        f"models: {{default: {{provider: vllm, python: '{vllm.python}'}}}}\n"
    )
    assert command(monkeypatch, "serve", "served.yaml", "--port", free_port()) == 2
    told = capsys.readouterr().err
    assert told.startswith("robustft: models.default: ")
    assert "no room for the model" in told


@pytest.mark.parametrize("adapter", ["nowhere", "."])
def test_a_folder_that_holds_no_adapter_is_refused_before_a_server_is_started(
    adapter: str,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(monkeypatch, "serve", config, "--adapter", adapter) == 2
    assert capsys.readouterr().err.startswith(f"robustft: {adapter}: holds no PEFT adapter")
    assert not (tmp_path / "vllm" / "starts").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_ends_with_2(
    port: str, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "serve", config, "--port", port) == 2
    assert "--port" in capsys.readouterr().err
