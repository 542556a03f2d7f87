"""A new run: its config is found, and its directory is named as it is."""

from pathlib import Path

import pytest

from configs import shipped_configs
from tests.support.cases import command
from tests.support.commands import ROWS, facts, plain, write_config, write_rows
from tests.support.endpoint import Endpoint


def test_a_config_that_ships_is_found_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "paper", "--data", "nowhere.jsonl") == 2
    assert "nowhere.jsonl: no such file" in capsys.readouterr().err


def test_a_config_file_goes_before_a_shipped_one_of_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("paper").write_text("mine: true")
    assert command(monkeypatch, "run", "paper") == 2
    assert "paper: unknown key 'mine'" in capsys.readouterr().err


def test_a_config_that_is_not_there_is_told_with_the_names_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "papre") == 2
    told = capsys.readouterr().err
    assert all(name in told for name in ("papre", *shipped_configs()))


def test_going_on_needs_the_runs_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.yaml").write_text("data: {train: facts.jsonl}")
    facts(4)
    assert command(monkeypatch, "run", "my.yaml", "--resume") == 2
    assert "--out DIR" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_run_directory_named_like_markup_is_printed_as_it_is(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS[:1])
    out = "run[red]"
    assert command(monkeypatch, "run", config, "--data", data, "--out", out, "--until", "select") == 0
    assert f"robustft trace {out} " in plain(capsys.readouterr().out)
    assert command(monkeypatch, "export", out, "--format", "messages", "--out", "[bold].jsonl") == 0
    assert "[bold].jsonl" in plain(capsys.readouterr().out)
