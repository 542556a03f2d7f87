"""The command that goes on with a run."""

from pathlib import Path

import pytest

from robustft import load_run
from tests.support.cases import asked, command, script, write_run
from tests.support.endpoint import Endpoint


def test_resuming_where_no_run_is_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "resume", tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"robustft: {tmp_path}: holds no run")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def begun(endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped after detection."""
    config = write_run(tmp_path, script(endpoint).url)
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", "--until", "detect") == 0
    return tmp_path / "run"


def test_a_run_goes_on_until_the_stage_that_is_named_and_tells_what_was_found(
    begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert command(monkeypatch, "resume", begun, "--until", "denoise") == 0
    told = capsys.readouterr().out
    assert "4 judged clean, 6 noisy" in told
    assert load_run(begun).summary.samples.relabelled == 6
    assert not (begun / "training.jsonl").exists()


def test_a_setting_is_changed_for_the_run_and_what_follows_from_it_alone_is_done_anew(
    begun: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(monkeypatch, "resume", begun, "--until", "select") == 0
    known = asked(endpoint)
    kept = load_run(begun).summary.samples.kept
    assert command(monkeypatch, "resume", begun, "--until", "select", "--set", "selection.keep=1") == 0
    assert asked(endpoint) == known
    finished = load_run(begun)
    assert finished.config.selection.keep == 1
    assert finished.summary.samples.kept == 5 > kept
    assert command(monkeypatch, "resume", begun, "--until", "select") == 0
    assert load_run(begun).summary.samples.kept == 5


def test_a_setting_that_cannot_be_taken_leaves_the_run_as_it_was(
    begun: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (begun / "config.yaml").read_bytes()
    assert command(monkeypatch, "resume", begun, "--set", "selection.kep=1") == 2
    assert "keep" in capsys.readouterr().err
    assert (begun / "config.yaml").read_bytes() == before


def test_the_help_says_that_trusted_responses_lead_on_to_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "resume", "--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "goes on to training and evaluation, with --trusted too" in told
