"""New samples are judged with a finished run's weights, from the command line and from Python."""

import json
from pathlib import Path
from typing import Any

import pytest

from robustft import Decision, check
from tests.support.cases import command, read_lines
from tests.support.commands import write_rows
from tests.support.endpoint import Endpoint
from tests.support.finished import OPTIONS, finish

ROWS: list[dict[str, Any]] = [
    {"id": "yak", "prompt": "Tell me: What is a ape? Or a yak.", "completion": "animal", "options": OPTIONS},
    {"id": "q1", "prompt": "Tell me: What is a oak? Or an oat.", "completion": "vehicle", "options": OPTIONS},
]
COUNTED = "2 samples, 1 noisy, 1 relabelled"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, serving: Endpoint) -> Path:
    return finish(tmp_path_factory.mktemp("finished"), serving)


def test_decisions_are_written_to_a_file_and_counted(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(Path("new.jsonl"), ROWS)
    arguments = ["check", finished, "--data", data, "--out", "out.jsonl"]
    assert command(monkeypatch, *arguments) == 0
    told = capsys.readouterr()
    assert told.out == f"out.jsonl: {COUNTED}\n"
    assert "check     2/2 samples" in told.err
    written = [Decision.model_validate(row) for row in read_lines(Path("out.jsonl"))]
    assert [(one.id, one.status, one.final) for one in written] == [
        ("yak", "clean", "animal"),
        ("q1", "relabelled", "plant"),
    ]
    assert command(monkeypatch, *arguments) == 2
    assert "exists already; --force replaces it" in capsys.readouterr().err
    assert command(monkeypatch, *arguments, "--force", "--limit", "1") == 0
    assert len(read_lines(Path("out.jsonl"))) == 1
    # Python says the same.
    assert check(finished, data) == written
    assert check(finished, ROWS, limit=1) == written[:1]


def test_without_a_file_decisions_go_to_standard_output_alone(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(Path("new.jsonl"), ROWS)
    assert command(monkeypatch, "check", finished, "--data", data) == 0
    told = capfd.readouterr()
    assert [json.loads(line)["id"] for line in told.out.splitlines()] == ["yak", "q1"]
    assert COUNTED in told.err


def test_new_data_are_read_by_the_runs_columns_and_by_those_that_a_setting_names(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = [{"name": row["id"], "asked": row["prompt"], "said": row["completion"]} for row in ROWS]
    data = write_rows(Path("new.jsonl"), renamed)
    columns = "data.columns={id: name, prompt: asked, response: said}"
    assert command(monkeypatch, "check", finished, "--data", data, "--out", "o.jsonl", "--set", columns) == 0
    assert [row["id"] for row in read_lines(Path("o.jsonl"))] == ["yak", "q1"]


@pytest.mark.parametrize(
    ("rows", "arguments", "said"),
    [
        ([{"id": "x", "prompt": "?"}], [], "new.jsonl"),
        ([ROWS[0], {**ROWS[1], "id": "yak"}], [], "yak"),
        (ROWS, ["--set", "agents.checker.polcy=judge"], "did you mean 'policy'"),
        (ROWS, ["--out", "nowhere/out.jsonl"], "its folder does not exist"),
        (ROWS, ["--out", "RUN/out.jsonl"], "is inside the run directory"),
    ],
)
def test_what_is_wrong_ends_with_2_before_anything_is_asked(
    rows: list[dict[str, Any]],
    arguments: list[str],
    said: str,
    finished: Path,
    serving: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, before = write_rows(Path("new.jsonl"), rows), len(serving.requests)
    given = [argument.replace("RUN", str(finished)) for argument in arguments]
    assert command(monkeypatch, "check", finished, "--data", data, *given) == 2
    assert said in capsys.readouterr().err
    assert len(serving.requests) == before


def test_a_row_that_is_set_aside_is_told(
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = write_rows(Path("new.jsonl"), [*ROWS, {"id": "bad", "prompt": "?", "completion": {}}])
    arguments = ["--out", "out.jsonl", "--set", "data.on_bad_row=skip"]
    assert command(monkeypatch, "check", finished, "--data", data, *arguments) == 0
    assert COUNTED in capsys.readouterr().out
    assert "new.jsonl, line 3: set aside: " in caplog.text


def test_failed_samples_are_written_and_too_many_of_them_end_with_1(
    finished: Path, serving: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(Path("new.jsonl"), ROWS)
    serving.refuse = lambda messages: 400 if "yak" in messages[-1]["content"] else None
    arguments = ["check", finished, "--data", data, "--out", "out.jsonl", "--force"]
    assert command(monkeypatch, *arguments) == 1
    told = capsys.readouterr()
    assert "2 samples, 1 noisy, 1 relabelled, 1 failed" in told.out
    assert "more than 5% of the samples failed (run.max_failed): 1 x " in told.err
    assert [row["status"] for row in read_lines(Path("out.jsonl"))] == ["failed", "relabelled"]
    assert command(monkeypatch, *arguments, "--set", "run.max_failed=0.5") == 0
    serving.refuse = lambda messages: None


def test_a_run_that_is_not_finished_says_how_to_go_on(
    tmp_path: Path, serving: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = finish(tmp_path, serving, "hybrid", until="detect")
    data = write_rows(Path("new.jsonl"), ROWS)
    assert command(monkeypatch, "check", directory, "--data", data) == 2
    assert f"robustft resume {directory} --until conclude" in capsys.readouterr().err
