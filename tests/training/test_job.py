"""What a run and its processes tell each other: read back as written, and refused in any other form."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from training.attempt import TrainingOutcome
from training.job import Fault, Job, RankReport, RunFiles, StopFile
from training.lora import TrainingConfig
from training.setting import Setting

OUTCOME = TrainingOutcome(samples=2, steps=3, loss=0.5, seconds=1.0, dropped=(), cut=())
FAULT = Fault(step=3, samples=("a",), fault="the loss was nan", cause="unknown", rising=False)
JOB = Job(
    weights="a model",
    config=TrainingConfig(processes=2, args={"optim": "sgd"}),
    setting=Setting(dtype="float32"),
    seed=4,
    samples=5,
    longest=6,
)


def test_a_job_is_read_as_it_was_written() -> None:
    assert Job.model_validate_json(JOB.model_dump_json()) == JOB


@pytest.mark.parametrize(
    "report",
    [
        RankReport(at=1.0),
        RankReport(at=1.0, outcome=OUTCOME),
        RankReport(at=1.0, fault=FAULT),
        RankReport(at=1.0, failure="RuntimeError: no"),
    ],
)
def test_a_report_is_read_as_it_was_written(report: RankReport) -> None:
    assert RankReport.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("text", ["", "{}", '{"at": 1, "more": 2}', '{"at": 1, "failure": [1]}', "[" * 9999])
def test_a_report_of_another_form_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        RankReport.model_validate_json(text)


def test_reports_are_found_in_their_folder(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    files.report_of(1).touch()
    assert list(files.reports()) == [tmp_path / "rank-1.json"]


def test_a_file_tells_to_stop(tmp_path: Path) -> None:
    stop = StopFile(RunFiles(tmp_path).stop)
    assert not stop.is_set()
    stop.file.touch()
    assert stop.is_set()
