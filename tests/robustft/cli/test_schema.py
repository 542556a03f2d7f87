"""The command prints the schemas, or writes them into a folder."""

import json
from pathlib import Path
from typing import get_args

import pytest

from robustft.schema import SchemaName, schema_of
from tests.support.cases import command


def test_the_command_prints_one_schema_or_writes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "schema", "decision") == 0
    assert json.loads(capsys.readouterr().out) == schema_of("decision")
    assert command(monkeypatch, "schema") == 0
    assert json.loads(capsys.readouterr().out).keys() == set(get_args(SchemaName))
    assert command(monkeypatch, "schema", "--out", tmp_path / "new" / "schemas") == 0
    for name in get_args(SchemaName):
        written = (tmp_path / "new" / "schemas" / f"{name}.schema.json").read_text()
        assert json.loads(written) == schema_of(name)


def test_a_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert command(monkeypatch, "schema", "--out", tmp_path / "file") == 2
    assert "cannot be written" in capsys.readouterr().err
