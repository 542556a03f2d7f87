"""A run that is gone on with on other data or settings: what is refused, and what no longer stands."""

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from robustft import load_config, resume, run
from robustft.api import arun
from stores.errors import StorageError
from stores.lock import RunLock
from stores.replacement import replace_texts
from stores.run_directory import RunDirectory, storage_errors
from tests.support.cases import CASES, command, read_lines, script, write_run
from tests.support.endpoint import Endpoint
from training.attempt import TrainingOutcome

# An endpoint cannot be tuned.
TUNED = ["models.tuned={provider: embedded}", "training.model=tuned"]


def test_a_run_is_not_gone_on_with_on_other_data(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    run(config, out, until="detect")
    other = tmp_path / "other.jsonl"
    rows = read_lines(tmp_path / "train.jsonl")
    other.write_text("".join(json.dumps({**row, "completion": "Rome"}) + "\n" for row in rows))
    again = ["run", config, "--out", out, "--resume", "--data", other]
    assert command(monkeypatch, *again) == 2
    assert "other data" in capsys.readouterr().err
    moved = (tmp_path / "train.jsonl").rename(tmp_path / "moved.jsonl")
    assert command(monkeypatch, *again[:-1], moved, "--until", "select") == 0


def test_a_run_is_not_evaluated_on_other_data_than_it_was_begun_with(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    tests = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for count, path in enumerate(tests, start=1):
        path.write_text("".join(json.dumps(CASES[n].row()) + "\n" for n in range(count)))
    out = tmp_path / "run"
    again = ["run", config, "--out", out, "--resume", "--until", "detect", "--test"]
    assert command(monkeypatch, *again, tests[0]) == 0
    assert command(monkeypatch, *again, tests[1]) == 2
    assert "other data" in capsys.readouterr().err
    assert load_config(out / "config.yaml").data.test == str(tests[0])
    moved = tests[0].rename(tmp_path / "moved.jsonl")
    assert command(monkeypatch, *again, moved) == 0


@pytest.mark.parametrize(
    ("option", "told"),
    [(["--limit", "8"], "data.limit: 4, not 8"), (["--gold", "gold.jsonl"], "other right responses")],
)
def test_a_run_is_not_gone_on_with_on_samples_read_otherwise(
    option: list[str],
    told: str,
    tmp_path: Path,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    (tmp_path / "gold.jsonl").write_bytes((tmp_path / "train.jsonl").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "run", config, "--out", out, "--limit", "4", "--until", "detect") == 0
    before = (out / "config.yaml").read_bytes()
    again = ["run", config, "--out", out, "--resume", "--until", "detect"]
    assert command(monkeypatch, *again, *option) == 2
    assert told in capsys.readouterr().err
    assert (out / "config.yaml").read_bytes() == before
    assert command(monkeypatch, *again) == 0


def test_right_responses_that_moved_are_the_same(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    gold = tmp_path / "gold.jsonl"
    gold.write_bytes((tmp_path / "train.jsonl").read_bytes())
    again = ["run", config, "--out", tmp_path / "run", "--resume", "--until", "detect", "--gold"]
    assert command(monkeypatch, *again, gold) == 0
    assert command(monkeypatch, *again, gold.rename(tmp_path / "moved.jsonl")) == 0


def damage_journal(out: Path) -> None:
    for path in (out / ".state").glob("journal.sqlite-*"):
        path.unlink()
    (out / ".state" / "journal.sqlite").write_bytes(b"damaged " * 1000)


def test_a_config_that_names_no_data_keeps_the_runs_own(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    data = tmp_path / "train.jsonl"
    bare = tmp_path / "bare.yaml"
    settings = {name: part for name, part in yaml.safe_load(config.read_text()).items() if name != "data"}
    bare.write_text(yaml.safe_dump(settings))
    out = tmp_path / "run"
    run(load_config(bare, train=str(data), test=str(data), gold=str(data), limit=4), out, until="detect")
    before = load_config(out / "config.yaml").data

    again = ["run", bare, "--out", out, "--resume", "--until", "detect"]
    assert command(monkeypatch, *again) == 0

    assert load_config(out / "config.yaml").data == before
    damage_journal(out)
    assert resume(out, until="detect").summary.samples.total == 4


def test_a_damaged_journal_of_data_that_no_config_names_is_filled_when_they_are(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    out = tmp_path / "run"
    run(config, out, until="detect")
    files = RunDirectory(out)
    nameless = load_config(out / "config.yaml", ["data.train=null"])
    replace_texts(files, nameless.to_yaml(), files.manifest().prompts)
    damage_journal(out)

    assert command(monkeypatch, "resume", out, "--until", "detect") == 2
    assert "data.train: no training data; give a file with --data" in capsys.readouterr().err
    assert command(monkeypatch, "run", config, "--out", out, "--resume", "--until", "detect") == 0
    assert load_config(out / "config.yaml").data.train == str(tmp_path / "train.jsonl")


def test_a_damaged_journal_gets_its_held_out_samples_back_when_their_file_is(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    write_run(tmp_path, script(endpoint).url)
    tests = tmp_path / "tests.jsonl"
    tests.write_bytes((tmp_path / "train.jsonl").read_bytes())
    out = tmp_path / "run"
    run(load_config(tmp_path / "my.yaml", test=str(tests)), out, until="detect")
    damage_journal(out)
    away = tests.rename(tmp_path / "away.jsonl")
    with pytest.raises(Exception, match="no such file"):
        resume(out, until="detect")

    away.rename(tests)
    resume(out, until="detect")

    journal = RunDirectory(out).open_journal()
    assert journal.count_samples("train") == journal.count_samples("test") == len(CASES)
    journal.close()


def test_figures_of_another_training_set_are_not_reported(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(config, tmp_path / "run", until="select")
    journal = RunDirectory(tmp_path / "run").open_journal()
    journal.end_stage("train", 1.0, json.dumps({"inputs": "of another", "loss": 0.5, "dropped": ["z"]}))
    journal.end_stage("evaluate", 1.0, json.dumps({"n": 1, "tuned": 1.0}))
    journal.close()
    before = (tmp_path / "run" / "training.jsonl").read_bytes()
    summary = resume(tmp_path / "run", until="select").summary
    assert summary.training is None
    assert summary.evaluation is None
    assert (tmp_path / "run" / "training.jsonl").read_bytes() == before
    assert "too_long" not in (tmp_path / "run" / "dropped.jsonl").read_text()


@pytest.mark.parametrize("setting", ["agents.checker.policy=none", "agents.relabeler.max_tokens=9"])
def test_figures_of_decisions_that_no_longer_stand_are_not_reported(
    setting: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    out = tmp_path / "run"
    run(config, out, until="select")
    journal = RunDirectory(out).open_journal()
    journal.end_stage("train", 1.0, json.dumps({"inputs": "x", "loss": 0.5, "dropped": []}))
    journal.end_stage("evaluate", 1.0, json.dumps({"n": 1, "tuned": 1.0}))
    journal.close()

    summary = resume(out, config=load_config(out / "config.yaml", [setting]), until="denoise").summary

    assert summary.training is None
    assert summary.evaluation is None


def test_a_directory_is_held_until_its_training_has_ended(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def train(*arguments: Any, stop: threading.Event, **more: Any) -> None:
        started.set()
        assert stop.wait(30)
        go_on.wait(30)
        ended.set()
        raise RuntimeError("stopped")

    monkeypatch.setattr("training.finetune.train_adapter", train)
    monkeypatch.setattr("graph.readiness.check_tuned_model", lambda *given: "")
    monkeypatch.setattr("graph.stages.train.fetchable_weights", lambda name: name)
    config = load_config(write_run(tmp_path, script(endpoint).url), TUNED)

    async def cancelled() -> None:
        running = asyncio.create_task(arun(config, tmp_path / "run"))
        await asyncio.to_thread(started.wait, 30)
        running.cancel()
        await asyncio.wait([running], timeout=0.5)
        assert not running.done()
        with pytest.raises(Exception, match="one run at a time"):
            RunLock(tmp_path / "run")
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert ended.is_set()

    asyncio.run(cancelled())
    RunLock(tmp_path / "run").release()


@pytest.mark.parametrize("lost", ["adapter", "adapter/adapter_model.safetensors"])
def test_an_adapter_that_is_no_longer_whole_is_trained_again(
    lost: str, tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Path] = []

    def train(training: Path, weights: str, adapter: Path, *arguments: Any, **more: Any) -> TrainingOutcome:
        trained.append(adapter)
        adapter.mkdir(exist_ok=True)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            (adapter / name).write_text("{}")
        return TrainingOutcome(samples=7, steps=1, loss=0.5, seconds=1.0, dropped=(), cut=())

    monkeypatch.setattr("training.finetune.train_adapter", train)
    monkeypatch.setattr("graph.readiness.check_tuned_model", lambda *given: "")
    out = tmp_path / "run"
    run(load_config(write_run(tmp_path, script(endpoint).url), TUNED), out, until="train")
    resume(out, until="train")
    assert len(trained) == 1

    path = out / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    resume(out, until="train")

    assert len(trained) == 2
    assert (out / "adapter" / "adapter_model.safetensors").is_file()


def test_a_file_that_cannot_be_read_is_named() -> None:
    told = r"run: .* \(nowhere\.txt: No such file or directory\)"
    with pytest.raises(StorageError, match=told), storage_errors("run"):
        Path("nowhere.txt").read_bytes()


@pytest.mark.parametrize(
    "settings",
    [
        ["agents.base.prompt=nope"],
        ["models.default.name=typo"],
        ["models.other={provider: embedded, name: ./typo}", "agents.relabeler.model=other"],
        ["models.other={provider: embedded, name: ./typo}", "training.model=other"],
        ["encoder.name=./typo"],
        ["data.test=train.jsonl", "agents.base.prompt=nope"],
    ],
)
def test_a_refused_continuation_leaves_the_run_as_it_was(
    settings: list[str], tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="select")
    before = kept(out)
    monkeypatch.chdir(tmp_path)

    changes = [part for setting in settings for part in ("--set", setting)]
    assert command(monkeypatch, "resume", out, *changes) == 2

    assert kept(out) == before
    endpoint.status = 500
    assert resume(out, until="select").summary.samples.relabelled == 6


def kept(out: Path) -> list[Any]:
    """Return what a run is resumed from: config, prompts, decisions, validity and held-out samples."""
    journal = RunDirectory(out).open_journal()
    try:
        valid = (journal.validity.inputs, journal.validity.has_selection)
        prompts = {path.name: path.read_bytes() for path in (out / "prompts").iterdir()}
        tests = journal.count_samples("test")
        return [(out / "config.yaml").read_bytes(), prompts, list(journal.entries()), valid, tests]
    finally:
        journal.close()
