"""The command lists runs and samples, and writes files to fill in."""

import json
from pathlib import Path

import pytest

from tests.support.cases import command, read_lines


def test_a_runs_samples_are_listed_as_json_lines_in_plain_signs(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "list", hostile_run, "--json", "--limit", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["noisy", "evil"]
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_list_is_a_table_for_people(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "list", hostile_run) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    header, *lines = told.splitlines()
    assert header.split() == ["noise", "verdict", "id", "response", "became"]
    assert [line.split()[-3:-1] for line in lines if "Paris" in line] == [["clean", "Paris"]]
    assert len(lines) == 3


def test_without_a_directory_the_runs_are_listed(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "list") == 0
    assert "no runs below runs" in capsys.readouterr().err
    Path("runs").mkdir()
    Path("runs", "mine").symlink_to(hostile_run)
    assert command(monkeypatch, "list") == 0
    assert capsys.readouterr().out.startswith("runs/mine: 3 samples, ")
    assert command(monkeypatch, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"]["total"] == 3


def test_files_to_fill_in_are_written(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "list", hostile_run, "--to-check", 2, "--out", "check.jsonl") == 0
    assert "check.jsonl: 2 samples" in capsys.readouterr().out
    assert len(read_lines(Path("check.jsonl"))) == 2
    assert command(monkeypatch, "list", hostile_run, "--audit", 3, "--out", "audit.csv") == 0
    assert Path("audit.csv").read_text().startswith("id,prompt,response,trusted,robustft_drawn\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to-check", 2], "--to-check: needs --out FILE"),
        (["--audit", 2, "--to-check", 2, "--out", "x.jsonl"], "leave one of the two out"),
        (["--out", "x.jsonl"], "names the file of --to-check or --audit"),
    ],
)
def test_options_that_do_not_fit_end_with_2(
    arguments: list[object],
    said: str,
    hostile_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(monkeypatch, "list", hostile_run, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not Path("x.jsonl").exists()
