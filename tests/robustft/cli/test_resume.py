"""The command that goes on with a run."""

from pathlib import Path

import pytest

from tests.support.cases import command


def test_resuming_where_no_run_is_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "resume", tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"robustft: {tmp_path}: holds no run")
    assert list(tmp_path.iterdir()) == []
