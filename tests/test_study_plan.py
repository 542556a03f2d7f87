"""The whole study as one command: its list, its way on after a stop, and its steps with tiny sizes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from study.plan import Plan, Step
from study_plan import Log, asked_of, parser, take

ROOT = Path(__file__).parent.parent
SMALL = "smollm2-135m-instruct"


def plan(out: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "study_plan.py"), str(out), *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, check=check, cwd=ROOT, env=env, capture_output=True, text=True)


def step(tmp_path: Path, *programs: str, out: Path | None = None) -> Step:
    return Step("a step", 60, [[sys.executable, "-c", program] for program in programs], out)


def test_the_list_begins_with_the_largest_and_changes_nothing(tmp_path: Path) -> None:
    models = [SMALL, "some/model-0.5b", "some/model-1.5b"]
    listed = plan(tmp_path / "out", "--models", *models, "--pairs", "--redux", "redux", "--dry-run").stdout
    lines = listed.splitlines()
    assert "model-1.5b+model-1.5b: code, core at 30, 0 %" in lines[0]
    assert sum("redux, detector" in line for line in lines) == 3
    assert any("model-1.5b+smollm2-135m-instruct: maths, core" in line for line in lines)
    assert "letters, core" not in listed
    assert "in all" in lines[-1]
    assert not (tmp_path / "out").exists()


def test_a_folders_own_noise_is_used_where_it_has_some(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("labeled", "test", "noisy30"):
        (folder / f"{name}.jsonl").write_text("")
    given = parser().parse_args([str(tmp_path / "out"), "--models", SMALL, "--folders", str(folder)])
    first = next(iter(Plan(given).steps()))
    made, own = first.commands
    assert made[made.index("--kinds") + 1] == "uniform"
    assert made[made.index("--rates") + 1 :] == ["0"]
    assert "--kinds" not in own
    assert own[own.index("--rates") + 1 :] == ["30"]


def test_a_step_is_done_once_and_a_failed_one_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "steps.jsonl")
    good, bad = (
        step(tmp_path, "print(1)", out=tmp_path / "made" / "x.json"),
        step(tmp_path, "exit(3)", "print(2)"),
    )
    for one in (good, bad):
        log.add(one, asked_of(one), 120, take(one, None))
    again = Log(tmp_path / "steps.jsonl")
    assert again.is_done(good, asked_of(good))
    assert not again.is_done(good, "asked otherwise")
    assert not again.is_done(bad, asked_of(bad))
    assert (tmp_path / "made" / "x.json").read_text() == "1\n"
    # One step took two minutes where one was expected.
    assert again.ratio == 2


def test_the_time_is_up_in_the_middle_of_a_step(tmp_path: Path) -> None:
    slow = step(tmp_path, "import time\ntime.sleep(600)")
    assert take(slow, time.monotonic() + 1) == 124
    assert take(slow, time.monotonic() - 1) == 124


@pytest.mark.slow
def test_every_kind_of_step_runs_on_a_cpu(tmp_path: Path) -> None:
    redux = tmp_path / "mmlu_redux"
    redux.mkdir()
    head = "question,choices,answer,error_type,source,correct_answer,potential_reason\n"
    rows = [f"What is {n} + 1?,\"['{n + 1}', '{n + 2}', '{n + 3}', '{n}']\",{n % 2},"
            f"{'wrong groundtruth' if n % 2 else 'ok'},,0,\n" for n in range(6)]  # fmt: skip
    (redux / "mmlu_sums.csv").write_text(head + "".join(rows))
    tiny = ["--models", SMALL, "--samples", "6", "--tests", "2", "--rates", "30", "--seeds", "0"]
    tiny += ["--redux", str(redux), "--device", "cpu", "--limit", "6"]
    for setting in ("base.max_tokens", "reasoner.max_tokens", "relabeler.max_tokens"):
        tiny += ["--set", f"agents.{setting}=12"]
    tiny += ["--set", "agents.reasoner.max_reflections=0", "--set", "training.epochs=1"]
    out = tmp_path / "out"
    for only in ("extraction, core", "redux, detector"):
        plan(out, *tiny, "--only", only)
    records = (out / f"{SMALL}+{SMALL}" / "results" / "paper.jsonl").read_text().splitlines()
    found = [json.loads(record) for record in records]
    methods = ("vanilla", "sft", "sft-gold", "robustft", "robustft-calibrated")
    assert {(record["rate"], record["method"]) for record in found} == {(30, method) for method in methods}
    assert all(record["n_samples"] == 6 and record["n_test"] == 2 for record in found)
    figures = json.loads((out / "detector" / f"redux-{SMALL}.json").read_text())
    assert (figures["samples"], figures["wrong"]) == (6, 3)
    assert "default" in figures["views"]
    # What is done is not done again.
    assert "0 of 1 steps" in plan(out, *tiny, "--only", "redux, detector", "--dry-run").stdout
