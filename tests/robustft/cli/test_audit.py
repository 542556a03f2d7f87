"""The command tells what a filled-in audit says of a run."""

import json
from pathlib import Path

import pytest

from tests.support.cases import command

ROWS = [
    {"id": "clean", "response": "Paris", "trusted": "yes"},
    {"id": "noisy", "response": "Rome", "trusted": "yes"},
    {"id": "evil", "response": "Oslo", "trusted": "no"},
]


def test_the_figures_are_told_for_people_and_as_json(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("audit.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    assert command(monkeypatch, "audit", hostile_run, "audit.jsonl") == 0
    told = capsys.readouterr().out
    assert "responses that are wrong" in told
    assert "checked: 2 of 3 samples" in told
    assert command(monkeypatch, "audit", hostile_run, "audit.jsonl", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["noise_rate"]["value"] == 0.5
    assert figures["precision"]["checked"] == 1


def test_a_file_that_is_missing_ends_with_2(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "audit", hostile_run, "nowhere.jsonl") == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
