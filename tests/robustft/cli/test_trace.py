"""The command shows one sample of a run, and says which there are."""

import shutil
from pathlib import Path

import pytest

from robustft import run
from tests.support.cases import PROMPTS, command, script, write_run
from tests.support.endpoint import Endpoint


def test_a_trace_of_an_unknown_id_ends_with_2_and_shows_known_ones(
    hostile_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "trace", hostile_run, "nobody") == 2
    told = capsys.readouterr().err
    assert "'nobody'" in told
    assert "clean, noisy, evil" in told


@pytest.mark.parametrize(
    "arguments", [["trace", "run", "noisy"], ["export", "run", "--format", "messages", "--out", "out.jsonl"]]
)
def test_a_damaged_journal_is_told_with_what_mends_it(
    arguments: list[str],
    hostile_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(hostile_run, "run")
    Path("run", ".state", "journal.sqlite").write_bytes(b"damaged " * 1000)
    assert command(monkeypatch, *arguments) == 1
    told = capsys.readouterr().err
    assert told.startswith("robustft: run: its files cannot be read")
    assert "`robustft resume run`" in told
    assert told.count("\n") == 1


def test_requests_can_be_looked_at_as_they_were_sent(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="select")
    for name in PROMPTS:
        (tmp_path / f"{name}.md").unlink()
    monkeypatch.setenv("COLUMNS", "200")

    assert command(monkeypatch, "trace", out, "k") == 0
    assert "[base]" not in capsys.readouterr().out
    assert command(monkeypatch, "trace", out, "k", "--prompts") == 0

    shown = capsys.readouterr().out
    about = [text for text in endpoint.texts() if "Which is a vehicle?" in text]
    assert len(about) >= 6
    for text in about:
        for line in filter(None, text.splitlines()):
            assert line in shown, line
    assert "sampled with: max_tokens" in shown
