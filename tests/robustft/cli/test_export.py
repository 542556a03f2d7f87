"""What a run trained on, for another trainer: nothing invalid, and nowhere among the run's own files."""

import json
from pathlib import Path

import pyarrow.parquet
import pytest

from stores.dataset import read_samples
from tests.support.cases import command, read_lines
from tests.support.commands import ROWS, answer, plain, write_config, write_rows
from tests.support.endpoint import Endpoint

FORMATS = ["messages", "prompt-completion", "alpaca", "sharegpt", "parquet"]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_reads_back_as_the_training_set(
    form: str, hostile_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path("out.parquet" if form == "parquet" else "out.jsonl")
    assert command(monkeypatch, "export", hostile_run, "--format", form, "--out", out) == 0
    trained = read_lines(hostile_run / "training.jsonl")
    assert len(trained) == 3
    expected = [(row["prompt"][-1]["content"], row["completion"][0]["content"]) for row in trained]
    assert [(sample.prompt, sample.response) for sample in read_samples(out)] == expected


def test_a_parquet_export_holds_ids_and_sources(hostile_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(monkeypatch, "export", hostile_run, "--format", "parquet", "--out", "out.parquet") == 0
    rows = pyarrow.parquet.read_table("out.parquet").to_pylist()
    trained = read_lines(hostile_run / "training.jsonl")
    assert [(row["id"], row["source"]) for row in rows] == [(row["id"], row["source"]) for row in trained]


def test_an_unknown_export_format_ends_with_2(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "export", hostile_run, "--format", "csv", "--out", "out.csv") == 2
    assert "sharegpt" in plain(capsys.readouterr().err)
    assert not Path("out.csv").exists()


def test_an_export_of_a_run_without_a_training_set_says_how_to_get_one(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS[:1])
    assert command(monkeypatch, "run", config, "--data", data, "--out", "run", "--until", "detect") == 0
    capsys.readouterr()
    assert command(monkeypatch, "export", "run", "--format", "messages", "--out", "out.jsonl") == 2
    assert "robustft resume run" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()


def test_an_export_of_decisions_that_no_longer_stand_says_how_to_get_another(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS)
    endpoint.reply = answer
    assert command(monkeypatch, "run", config, "--data", data, "--out", "run", "--until", "select") == 0
    changed = ["resume", "run", "--until", "detect", "--set", "agents.checker.policy=majority"]
    assert command(monkeypatch, *changed) == 0
    export = ["export", "run", "--format", "messages", "--out", "out.jsonl"]
    capsys.readouterr()
    assert command(monkeypatch, *export) == 2
    assert "robustft resume run --until select" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()
    assert command(monkeypatch, "resume", "run", "--until", "select") == 0
    assert command(monkeypatch, *export) == 0


def finished(data: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = write_config(Path("my.yaml"), endpoint.url)
    endpoint.reply = answer
    arguments = ["run", config, "--data", data, "--out", "run", "--until", "select"]
    policy = ["--set", "agents.checker.policy=unanimous", "--set", "selection.keep=1.0"]
    skip = ["--set", "data.on_bad_row=skip"]
    assert command(monkeypatch, *arguments, *policy, *skip) == 0
    return Path("run")


def test_the_data_file_comes_back_with_the_new_responses_in_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path("train.csv")
    data.write_text(
        "question;answer;year\r\n"
        "What is the capital of France?;Paris;1\r\n"
        ";nothing;2\r\n"
        "What is the capital of Italy?;Vienna;3\r\n",
        encoding="utf-8",
        newline="",
    )
    run = finished(data, endpoint, monkeypatch)
    assert command(monkeypatch, "export", run, "--format", "same", "--out", "out.csv") == 0
    assert Path("out.csv").read_bytes().decode() == (
        "question;answer;year;robustft\r\n"
        "What is the capital of France?;Paris;1;kept\r\n"
        ";nothing;2;skipped\r\n"
        "What is the capital of Italy?;Rome;3;changed\r\n"
    )
    capsys.readouterr()
    arguments = ["export", run, "--format", "same", "--what", "changed", "--out"]
    assert command(monkeypatch, *arguments, "out.csv") == 2
    assert "--force" in capsys.readouterr().err
    assert command(monkeypatch, *arguments, "out.csv", "--force") == 0
    assert Path("out.csv").read_text(encoding="utf-8").count("\n") == 2
    assert command(monkeypatch, *arguments, data, "--force") == 2
    assert "is the data file itself" in capsys.readouterr().err
    data.write_text("question;answer;year\r\nWhat is the capital of Spain?;Madrid;1\r\n", encoding="utf-8")
    assert command(monkeypatch, *arguments, "out.csv", "--force") == 2
    assert "has changed since the run read it" in capsys.readouterr().err
    data.unlink()
    assert command(monkeypatch, *arguments, "out.csv", "--force") == 2
    assert "is not there" in capsys.readouterr().err


def test_an_export_goes_to_standard_output(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert (
        command(monkeypatch, "export", hostile_run, "--format", "messages", "--what", "all", "--out", "-")
        == 0
    )
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[0])["robustft"] == "kept"
    assert "samples" in err


@pytest.mark.parametrize("name", [".state/journal.sqlite", "summary.json", "new.jsonl", "link.jsonl"])
def test_an_export_overwrites_no_file_of_the_run(
    name: str, hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("link").symlink_to(hostile_run)
    Path("link.jsonl").symlink_to(hostile_run / ".state" / "replies.sqlite")
    before = {path: path.stat().st_size for path in hostile_run.rglob("*")}
    out = Path(name) if name == "link.jsonl" else Path("link", name)
    assert command(monkeypatch, "export", hostile_run, "--format", "messages", "--out", out) == 2
    assert "inside the run directory" in capsys.readouterr().err
    assert {path: path.stat().st_size for path in hostile_run.rglob("*")} == before
