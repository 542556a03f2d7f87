"""Runs that are stopped, killed, changed and gone on with: nothing is lost, nothing is asked twice."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from robustft import load_config, load_run, resume, run
from stores.lock import RunLock
from stores.run_directory import RunDirectory
from tests.support.cases import CASES, PROMPTS, Finished, asked, command, read_lines, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.started import Started

RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")


def test_more_failures_than_allowed_stop_the_run_and_only_the_failed_are_tried_again(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    refused = ("Germany", "Norway", "Peru")
    script(endpoint).refuse = lambda messages: (
        400 if any(country in messages[-1]["content"] for country in refused) else None
    )
    config = write_run(tmp_path, endpoint.url, run__concurrency=1, run__max_failed=0.2)
    assert command(monkeypatch, "run", config, "--out", out, "--until", "select") == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "scripted failure" in told
    assert "max_failed" in told
    assert f"robustft resume --retry-failed {out}" in told

    finished = {sample.id for sample, entry in journal_entries(out) if entry.status != "failed"}
    assert finished
    endpoint.refuse = lambda messages: None
    endpoint.requests.clear()
    assert command(monkeypatch, "resume", out, "--until", "select") == 1
    assert asked(endpoint).total() == 0
    again = command(monkeypatch, "resume", out, "--retry-failed", "--until", "select")
    assert again == 0, capsys.readouterr().err
    assert not finished & {name for role, name in asked(endpoint) if role == "base"}
    rows = read_lines(out / "decisions.jsonl")
    assert [(row["id"], row["status"]) for row in rows] == [(case.id, case.status) for case in CASES]


def journal_entries(out: Path) -> list[Any]:
    journal = RunDirectory(out).open_journal()
    try:
        return list(journal.entries())
    finally:
        journal.close()


@pytest.mark.parametrize("stage", ["detect", "denoise"])
def test_a_run_until_a_stage_goes_on_from_there(stage: Any, tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    first = run(config, tmp_path / "run", until=stage).summary
    assert first.samples.noisy == 6
    assert not (tmp_path / "run" / "training.jsonl").exists()
    assert {row["kept"] for row in read_lines(tmp_path / "run" / "decisions.jsonl")} == {None}
    endpoint_before = asked(endpoint)
    second = resume(tmp_path / "run", until="select").summary
    assert second.samples.training == 6
    assert not (asked(endpoint) - endpoint_before) & endpoint_before
    assert second.usage.requests == asked(endpoint).total()


def test_resuming_a_finished_run_asks_nothing_and_changes_no_record(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    first = run(write_run(tmp_path, script(endpoint).url), out, until="select").summary
    records = {name: (out / name).read_bytes() for name in ("decisions.jsonl", "training.jsonl")}
    endpoint.requests.clear()
    second = resume(out, until="select").summary
    assert endpoint.requests == []
    assert records == {name: (out / name).read_bytes() for name in records}
    assert (second.samples, second.usage) == (first.samples, first.usage)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_an_interrupted_run_is_finished_by_resume_without_asking_again(
    number: signal.Signals,
    code: int,
    tmp_path: Path,
    endpoint: Endpoint,
    mixed: Finished,
    start: Callable[..., Started],
) -> None:
    out = tmp_path / "run"
    script(endpoint).delay = 0.1
    config = write_run(tmp_path, endpoint.url, run__concurrency=1)
    started = start("run", config, "--out", out, "--until", "select")
    started.wait_for(lambda: ("base", "m") in asked(endpoint))
    started.process.send_signal(number)
    assert started.end() == code, started.said()
    assert "Traceback" not in started.said()
    if number != signal.SIGKILL:
        assert f"robustft resume {out}" in started.said()

    answered = replies(out)
    assert answered
    endpoint.delay = 0
    before = endpoint.texts()
    endpoint.requests.clear()
    summary = resume(out, until="select").summary
    # What was under way when it ended: with one request at a time, one at most.
    assert len({text for text in endpoint.texts() if text.startswith("[")}.intersection(before)) <= 1
    assert (replies(out).items() & answered.items()) == answered.items()
    assert summary.usage == mixed.summary.usage
    for name in RECORDS:
        assert (out / name).read_bytes() == (mixed.out / name).read_bytes()


def test_an_interrupted_run_ends_with_the_records_of_an_uninterrupted_one(
    tmp_path: Path, endpoint: Endpoint, mixed: Finished
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    for stage in ("detect", "denoise", "select"):
        if stage == "detect":
            run(config, tmp_path / "run", until="detect")
        else:
            resume(tmp_path / "run", until=stage)  # type: ignore[arg-type]
    for name in ("decisions.jsonl", "training.jsonl", "dropped.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (mixed.out / name).read_bytes()


def replies(out: Path) -> dict[bytes, str]:
    with closing(sqlite3.connect(out / ".state" / "replies.sqlite")) as connection:
        return dict(connection.execute("SELECT key, reply FROM replies"))


def has_replies(out: Path) -> bool:
    try:
        return bool(replies(out))
    except sqlite3.OperationalError:  # the file or its table is still to be made
        return False


def asked_anew(endpoint: Endpoint, before: Counter[tuple[str, str]]) -> Counter[str]:
    """Return how often each role was asked since."""
    return Counter(role for role, _ in (asked(endpoint) - before).elements())


def changed(folder: Path, prompt: str) -> None:
    (folder / f"{prompt}.md").write_text(f"{PROMPTS[prompt]} Please.")


@pytest.mark.parametrize(
    ("prompt", "roles"),
    [
        ("review", {"review": 2}),
        ("relabel", {"relabel": 6}),
        ("check", {"check": 3}),
        ("base", {"base": 10}),
    ],
)
def test_a_changed_prompt_asks_again_what_depends_on_it_and_nothing_else(
    prompt: str, roles: dict[str, int], tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(config, tmp_path / "run", until="select")
    before = asked(endpoint)
    changed(tmp_path, prompt)
    resume(tmp_path / "run", config=load_config(config), until="select")
    assert asked_anew(endpoint, before) == roles


def test_how_much_is_reused_is_said(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(config, tmp_path / "run", until="select")
    changed(tmp_path, "check")
    caplog.clear()
    caplog.set_level("INFO", logger="robustft")
    resume(tmp_path / "run", config=load_config(config), until="select")
    assert "base: 10 of 10 answers reused" in caplog.messages
    assert "reasoner: 30 of 30 answers reused" in caplog.messages


@pytest.mark.parametrize(
    ("setting", "roles"),
    [
        ("selection.keep=1.0", {}),
        ("run.concurrency=2", {}),
        ("run.max_failed=0.5", {}),
        ("models.default.timeout=77.0", {}),
        ("agents.reviewer.max_tokens=9", {"review": 2}),
        ("agents.checker.policy=unanimous", {"relabel": 1, "review": 1}),
        ("run.seed=1", {"base": 10, "reason": 20, "reflect": 10, "check": 3, "relabel": 6, "review": 2}),
    ],
)
def test_a_changed_setting_asks_again_what_depends_on_it_and_nothing_else(
    setting: str, roles: dict[str, int], tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="select")
    before = asked(endpoint)
    assert command(monkeypatch, "resume", out, "--set", setting, "--until", "select") == 0
    assert asked_anew(endpoint, before) == roles
    key, _, value = setting.rpartition("=")
    section: Any = load_config(out / "config.yaml").model_dump(mode="json")
    for part in key.split("."):
        section = section[part]
    assert str(section) == value


def test_keeping_more_is_a_matter_of_the_records_alone(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    first = run(config, tmp_path / "run", until="select").summary
    again = ["run", config, "--out", tmp_path / "run", "--resume", "--until", "select"]
    assert command(monkeypatch, *again, "--set", "selection.keep=1.0") == 0
    second = load_run(tmp_path / "run").summary
    assert second.samples.kept > first.samples.kept
    assert len(read_lines(tmp_path / "run" / "training.jsonl")) == second.samples.training


def test_a_changed_config_leads_to_the_records_of_a_run_with_it(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(config, tmp_path / "run", until="select")
    changed(tmp_path, "check")
    resume(tmp_path / "run", config=load_config(config), until="select")
    run(config, tmp_path / "new", until="select")
    for name in RECORDS:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "new" / name).read_bytes()


def test_another_runs_replies_are_reused(tmp_path: Path, endpoint: Endpoint, mixed: Finished) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(config, tmp_path / "old", until="select")
    before = asked(endpoint)
    summary = run(config, tmp_path / "new", until="select", reuse=tmp_path / "old").summary
    assert asked(endpoint) == before
    assert summary.usage.requests == 0
    for name in RECORDS:
        assert (tmp_path / "new" / name).read_bytes() == (mixed.out / name).read_bytes()


def test_what_cannot_be_reused_is_refused_before_anything_is_made(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    arguments = ["run", config, "--out", tmp_path / "run", "--reuse", tmp_path / "nowhere"]
    assert command(monkeypatch, *arguments) == 2
    assert "holds no run" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_gone_on_with_reuses_another_runs_replies(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(config, tmp_path / "old", until="select")
    run(load_config(config, ["run.seed=1"]), tmp_path / "new", until="detect")
    before = asked(endpoint)
    again = ["run", config, "--out", tmp_path / "new", "--resume", "--until", "select"]
    assert command(monkeypatch, *again, "--reuse", tmp_path / "old") == 0
    assert asked(endpoint) == before


def test_what_cannot_be_reused_is_refused_before_a_run_is_gone_on_with(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    for name in ("run", "damaged"):
        run(config, tmp_path / name, until="detect")
    (tmp_path / "damaged" / ".state" / "replies.sqlite").write_bytes(b"damaged " * 1000)
    before = (tmp_path / "run" / "config.yaml").read_bytes()
    again = ["run", config, "--out", tmp_path / "run", "--resume", "--until", "detect"]
    for other, told in (("nowhere", "holds no run"), ("damaged", "cannot be taken over")):
        reuse = ["--set", "run.seed=1", "--reuse", tmp_path / other]
        assert command(monkeypatch, *again, *reuse) == 2
        assert told in capsys.readouterr().err
    assert (tmp_path / "run" / "config.yaml").read_bytes() == before


def test_equal_questions_are_asked_once(tmp_path: Path, endpoint: Endpoint) -> None:
    twins = [CASES[4], CASES[4]._replace(id="m2", label="Paris"), CASES[0]]
    summary = run(write_run(tmp_path, script(endpoint).url, twins), tmp_path / "run", until="select").summary
    texts = [text for text in endpoint.texts() if text.startswith("[")]
    assert len(texts) == len(set(texts))
    assert summary.usage.requests == asked(endpoint).total()
    assert summary.samples.relabelled == 2


def test_a_directory_in_use_is_refused_with_its_holder(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    before = asked(endpoint)
    lock = RunLock(out)
    try:
        assert command(monkeypatch, "resume", out) == 2
    finally:
        lock.release()
    told = capsys.readouterr().err
    assert f"process {os.getpid()} on {socket.gethostname()}" in told
    assert asked(endpoint) == before


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    code = "import sys, os, signal; from pathlib import Path; from stores.lock import RunLock; "
    code += "lock = RunLock(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code, str(out)], check=False, cwd=Path(__file__).parents[2])
    assert json.loads((out / ".state" / "run.lock").read_text())["pid"] != os.getpid()
    assert resume(out, until="select").summary.samples.relabelled == 6


@pytest.mark.parametrize("name", ["journal.sqlite", "replies.sqlite"])
@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_database_is_made_anew_from_the_others(
    name: str, damage: str, tmp_path: Path, endpoint: Endpoint, mixed: Finished
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="denoise")
    database = out / ".state" / name
    content = database.read_bytes()
    database.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\xff" * len(content))
    before = asked(endpoint)
    resume(out, until="select")
    # What the journal says of the samples, the replies say, too; and the other way round.
    assert asked(endpoint) == before
    assert (out / ".state" / f"{name}.damaged").is_file()
    for record in RECORDS:
        assert (out / record).read_bytes() == (mixed.out / record).read_bytes()


def test_torn_records_are_written_anew(tmp_path: Path, endpoint: Endpoint, mixed: Finished) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="select")
    for name in (*RECORDS, "summary.json"):
        (out / name).write_bytes((out / name).read_bytes()[:-7])
    resume(out, until="select")
    json.loads((out / "summary.json").read_text())
    for name in RECORDS:
        assert (out / name).read_bytes() == (mixed.out / name).read_bytes()


def test_a_finished_detection_asks_no_model_whether_it_answers(tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    endpoint.requests.clear()
    assert resume(out, until="detect").summary.samples.noisy == 6
    assert endpoint.requests == []
