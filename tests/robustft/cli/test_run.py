"""A new run: its config is found, and its directory is named as it is."""

from pathlib import Path

import pytest

from configs import shipped_configs
from robustft import load_run
from tests.support.cases import asked, command, script, write_run
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


def test_the_command_line_names_the_data_in_the_place_of_the_config(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path / "my.yaml", endpoint.url)
    train, test = write_rows(Path("train.jsonl"), ROWS), write_rows(Path("test.jsonl"), ROWS[:1])
    gold = write_rows(Path("gold.jsonl"), [{**row, "completion": "Rome"} for row in ROWS])
    named = ["--data", train, "--test", test, "--gold", gold, "--limit", 2]
    assert command(monkeypatch, "run", config, *named, "--out", "run", "--until", "detect") == 0
    finished = load_run("run")
    assert [decision.id for decision in finished.decisions()] == ["clean", "noisy"]
    assert {decision.gold for decision in finished.decisions()} == {"Rome"}
    data = finished.config.data
    assert [Path(str(name)).name for name in (data.train, data.test, data.gold)] == [
        "train.jsonl",
        "test.jsonl",
        "gold.jsonl",
    ]


def test_a_run_without_a_directory_gets_one_named_by_its_config(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    assert command(monkeypatch, "run", config, "--until", "detect") == 0
    (directory,) = Path("runs").iterdir()
    assert directory.name.startswith("my-")
    assert load_run(directory).summary.samples.total == 10


def test_a_run_that_was_not_begun_is_begun_where_it_should_be_continued(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    arguments = ["run", config, "--out", tmp_path / "run", "--resume", "--until"]
    assert command(monkeypatch, *arguments, "detect") == 0
    known = asked(endpoint)
    assert command(monkeypatch, *arguments, "select") == 0
    assert not (asked(endpoint) - known) & known
    assert load_run(tmp_path / "run").summary.samples.relabelled == 6


def test_a_directory_that_holds_a_run_is_not_run_in_without_resume(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", "--until", "detect") == 0
    known = asked(endpoint)
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", "--until", "detect") == 2
    assert "resume" in capsys.readouterr().err
    assert asked(endpoint) == known
