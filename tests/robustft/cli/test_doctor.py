"""The command ends with 2 where something that a config needs is not there, and names all of it."""

from pathlib import Path

import pytest

from tests.support.cases import command
from tests.support.commands import ROWS, plain, write_config, write_rows
from tests.support.endpoint import Endpoint


@pytest.mark.slow
def test_doctor_is_content_with_a_config_that_works(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS)
    assert command(monkeypatch, "doctor", config, "--set", f"data.train={data}") == 0
    told = plain(capsys.readouterr().out)
    assert "✗" not in told
    named = ("machine", "prompts", "models", "training.model", "encoder", "data.train")
    assert all(part in told for part in named)
    assert "the first row reads as an open question" in told


@pytest.mark.slow
def test_doctor_ends_with_2_and_names_all_that_is_wrong(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    endpoint.status = 500
    assert command(monkeypatch, "doctor", config, "--set", "data.train=nowhere.jsonl") == 2
    told = plain(capsys.readouterr().out)
    wrong = [line for line in told.splitlines() if "✗" in line]
    assert len(wrong) == 2
    assert "models.default" in wrong[0]
    assert "nowhere.jsonl: no such file" in wrong[1]


@pytest.mark.slow
def test_doctor_names_a_model_that_could_not_be_tuned(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    assert command(monkeypatch, "doctor", config, "--set", "models.student.name=./nowhere") == 2
    wrong = [line for line in plain(capsys.readouterr().out).splitlines() if "✗" in line]
    assert len(wrong) == 1
    told = "✗ training.model: training.model 'student': model './nowhere': no such folder"
    assert wrong[0].startswith(told)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("train", 0), ("test", 2)])
def test_doctor_takes_a_response_that_is_no_option_for_noise_where_a_run_does(
    name: str,
    code: int,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    row = {"prompt": "Which is an animal?", "options": ["dog", "bus"], "completion": "oak"}
    data = write_rows(Path("choice.jsonl"), [row, {**row, "completion": "dog"}])
    assert command(monkeypatch, "doctor", config, "--set", f"data.{name}={data}") == code
    told = plain(capsys.readouterr().out)
    assert ("reads as a multiple choice question" in told) == (code == 0)
