"""Whole runs against a scripted endpoint: what they decide, record, survive, and never ask twice."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from robustft import RobustFTError, RunFailedError, arun, load_config, resume, run
from robustft.cli import main
from stores.journal import Journal
from tests.endpoint import Endpoint

PROMPTS = {
    "base": "[base] {{ question }}",
    "reason": "[reason] {{ question }}",
    "reflect": "[reflect] {{ question }}",
    "check": "[check] {{ question }}\n{{ response }}, {{ base }}, {{ reasoning }}. Verdict?",
    "relabel": "[relabel] {{ question }}",
    "review": "[review] {{ question }}\n{{ context_answer }} or {{ reasoning_answer }}?",
}
ANIMALS = ["dog", "bus", "oak"]


class Case(NamedTuple):
    """A sample, what every agent replies, and what shall come of it."""

    id: str
    query: str
    label: str
    replies: dict[str, str]
    status: str = "clean"
    final: str | None = None
    drop: str | None = None
    options: list[str] | None = None

    def row(self) -> dict[str, Any]:
        row = {"id": self.id, "prompt": self.query, "completion": self.label}
        return row | ({"options": self.options} if self.options else {})


def said(base: str, reason: str, check: str = "", relabel: str = "", review: str = "") -> dict[str, str]:
    roles = {"base": base, "reason": reason, "check": check, "relabel": relabel, "review": review}
    return {**roles, "reflect": "Looks right."}


# The file's order is not the ids' order; a token's log-probability is minus a tenth of its length.
CASES = [
    Case("z", "Capital of France?", "Paris", said("Paris", "Answer: Paris"), final="Paris"),
    Case("a", "Which is an animal?", "A", said("A", "A dog."), final="dog", options=ANIMALS),
    Case("n", "What is 2 plus 2?", "4", said("It is 4.", "Answer: 4.0"), final="4"),
    Case(
        "s", "Capital of Italy?", "Rome", said("Milan", "Rome", "Verdict: noisy", "Rome"),
        "relabelled", "Rome", "high_entropy",
    ),
    Case(
        "m", "Capital of Germany?", "Rome", said("Berlin", "Berlin", relabel="It is Berlin"),
        "relabelled", "It is Berlin",
    ),
    Case("v", "Capital of Spain?", "Madrid", said("Madrid", "Porto", "Verdict: reliable"), final="Madrid"),
    Case(
        "k", "Which is a vehicle?", "dog", said("bus", "bus", relabel="tree: oak", review="B"),
        "relabelled", "bus", "high_entropy", options=ANIMALS,
    ),
    Case(
        "u", "Capital of Norway?", "Oslo", said("Oslo", "Bergen", "Who knows", "Oslo", "Oslo"),
        "relabelled", "Oslo", "high_entropy",
    ),
    Case(
        "e", "Which is a plant?", "dog", said("Hm.", "Hm.", relabel="Hm."),
        "relabelled", None, "empty", options=ANIMALS,
    ),
    Case("b", "Capital of Peru?", "Rome", said("Lima", "Lima", relabel="Lima"), "relabelled", "Lima"),
]  # fmt: skip


def case_of(text: str) -> Case:
    return next(case for case in CASES if case.query in text)


def role_of(text: str) -> str:
    return text[1 : text.index("]")]


def reply(messages: list[dict[str, Any]]) -> str:
    text = messages[-1]["content"]
    return case_of(text).replies[role_of(text)] if text.startswith("[") else "yes"


def script(endpoint: Endpoint) -> Endpoint:
    endpoint.reply = reply
    endpoint.log_probability = lambda token: -len(token) / 10
    return endpoint


def asked(endpoint: Endpoint) -> Counter[tuple[str, str]]:
    """Return how often each role was asked about each sample; the probes are left out."""
    texts = [text for text in endpoint.texts() if text.startswith("[")]
    return Counter((role_of(text), case_of(text).id) for text in texts)


def write_run(folder: Path, url: str, cases: list[Case] = CASES, **changes: Any) -> Path:
    """Write prompts, data and a config; returns the config's path. Changes are `section__key=value`."""
    for name, text in PROMPTS.items():
        (folder / f"{name}.md").write_text(text)
    rows = "".join(f"{json.dumps(case.row())}\n" for case in cases)
    (folder / "train.jsonl").write_text(rows)
    config: dict[str, Any] = {
        "data": {"train": "train.jsonl"},
        "models": {"default": {"provider": "openai", "name": "scripted", "base_url": url}},
        "agents": {
            "base": {"prompt": "base.md"},
            "reasoner": {"prompt": "reason.md", "reflect_prompt": "reflect.md", "max_reflections": 1},
            "checker": {"prompt": "check.md"},
            "relabeler": {"prompt": "relabel.md", "neighbours": 0},
            "reviewer": {"prompt": "review.md"},
        },
        "run": {},
        "selection": {},
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        config[section][key] = value
    path = folder / "my.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Return the exit code of the `robustft` command."""
    monkeypatch.setattr(sys, "argv", ["robustft", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


class Finished(NamedTuple):
    """A run until select over all cases."""

    out: Path
    summary: dict[str, Any]
    endpoint: Endpoint


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("mixed")
    endpoint = script(Endpoint())
    config = write_run(folder, endpoint.url)
    summary = run(config, folder / "run", until="select")
    yield Finished(folder / "run", summary, endpoint)
    endpoint.stop()


def test_every_sample_gets_the_status_and_final_answer_its_replies_imply(mixed: Finished) -> None:
    found = {row["id"]: (row["status"], row["final"]) for row in read_lines(mixed.out / "decisions.jsonl")}
    assert found == {case.id: (case.status, case.final) for case in CASES}


def test_decisions_stand_in_the_order_of_the_data(mixed: Finished) -> None:
    ids = [row["id"] for row in read_lines(mixed.out / "decisions.jsonl")]
    assert ids == [case.id for case in CASES]


def test_a_decision_has_the_promised_fields_in_their_order(mixed: Finished) -> None:
    order = ["id", "prompt", "response", "status", "options", "base", "reasoning", "check", "context"]
    order += ["review", "final", "kept", "gold", "usage"]
    optional = {"options", "context", "review", "gold"}
    for row in read_lines(mixed.out / "decisions.jsonl"):
        assert list(row) == [name for name in order if name in row]
        assert set(order) - set(row) <= optional


def test_a_decision_holds_every_view_and_verdict(mixed: Finished) -> None:
    row = next(row for row in read_lines(mixed.out / "decisions.jsonl") if row["id"] == "u")
    assert row["base"] == {"answer": "Oslo", "reply": "Oslo"}
    assert [turn["role"] for turn in row["reasoning"]["turns"]] == ["reason", "reflect", "reason"]
    assert row["reasoning"]["answer"] == "Bergen"
    assert (row["check"]["reliable"], row["check"]["agreed"]) == (False, ["base"])
    assert (row["check"]["reply"], row["check"]["reason"]) == ("Who knows", "unparsed")
    assert (row["context"]["neighbours"], row["context"]["answer"]) == ([], "Oslo")
    assert (row["review"]["answer"], row["review"]["reply"]) == ("Oslo", "Oslo")


def test_entropy_is_the_mean_negative_log_probability_of_the_context_answer(mixed: Finished) -> None:
    contexts = [row["context"] for row in read_lines(mixed.out / "decisions.jsonl") if "context" in row]
    for context in contexts:
        expected = [-len(token) / 10 for token in context["reply"].split()]
        assert context["log_probabilities"] == expected
        assert context["entropy"] == pytest.approx(-sum(expected) / len(expected))
    assert len({round(context["entropy"], 6) for context in contexts}) > 1


def test_selection_keeps_exactly_the_floor_of_lowest_entropy_ties_by_id(mixed: Finished) -> None:
    rows = read_lines(mixed.out / "decisions.jsonl")
    candidates = [row for row in rows if row["status"] == "relabelled" and row["final"] is not None]
    ranked = sorted((row["context"]["entropy"], row["id"]) for row in candidates)
    assert len(ranked) == 5
    assert len({entropy for entropy, _ in ranked}) < len(ranked), "the cases must hold a tie"
    assert {row["id"] for row in candidates if row["kept"]} == {name for _, name in ranked[:2]} == {"m", "b"}


def test_the_training_set_is_the_clean_and_the_kept_samples_with_their_source(mixed: Finished) -> None:
    rows = read_lines(mixed.out / "training.jsonl")
    kept = [case for case in CASES if case.drop is None]
    assert [row["id"] for row in rows] == [case.id for case in kept]
    assert [row["completion"] for row in rows] == [
        [{"role": "assistant", "content": case.final}] for case in kept
    ]
    sources = {"clean": "original", "relabelled": "relabelled"}
    assert [row["source"] for row in rows] == [sources[case.status] for case in kept]


def test_the_training_prompt_is_what_the_base_agent_asks(mixed: Finished) -> None:
    requests = {text for text in mixed.endpoint.texts() if text.startswith("[base]")}
    for row in read_lines(mixed.out / "training.jsonl"):
        (turn,) = row["prompt"]
        assert turn["role"] == "user"
        assert turn["content"] in requests


def test_what_was_left_out_is_listed_with_its_reason(mixed: Finished) -> None:
    found = {row["id"]: row["reason"] for row in read_lines(mixed.out / "dropped.jsonl")}
    assert found == {case.id: case.drop for case in CASES if case.drop}


def test_the_summary_counts_add_up(mixed: Finished) -> None:
    samples = mixed.summary["samples"]
    trained = len(read_lines(mixed.out / "training.jsonl"))
    assert samples == {
        "total": 10, "clean": 4, "noisy": 6, "relabelled": 6, "empty": 1, "selected": 2, "training": trained,
        "failed": 0,
    }  # fmt: skip
    assert samples["training"] == samples["clean"] + samples["selected"]
    assert json.loads((mixed.out / "summary.json").read_text()) == mixed.summary


def test_the_summary_of_data_without_gold_measures_nothing(mixed: Finished) -> None:
    assert not {"detection", "relabel", "training_set", "evaluation"} & set(mixed.summary)


def test_usage_is_what_the_endpoint_was_asked(mixed: Finished) -> None:
    usage = mixed.summary["usage"]
    roles = Counter(role for role, _ in asked(mixed.endpoint).elements())
    named = {"base": "base", "reason": "reasoner", "reflect": "reasoner", "check": "checker"}
    named |= {"relabel": "relabeler", "review": "reviewer"}
    expected: Counter[str] = Counter()
    for role, count in roles.items():
        expected[named[role]] += count
    assert {agent: used["requests"] for agent, used in usage["by_agent"].items()} == expected
    assert usage["requests"] == roles.total() == len(mixed.endpoint.requests) - 1
    assert usage["prompt_tokens"] == 7 * roles.total()


def test_usage_of_the_decisions_adds_up_to_the_summary(mixed: Finished) -> None:
    rows = read_lines(mixed.out / "decisions.jsonl")
    for name in ("requests", "prompt_tokens", "completion_tokens"):
        assert sum(row["usage"][name] for row in rows) == mixed.summary["usage"][name]


def test_only_a_split_goes_to_the_judge_and_only_a_disagreement_to_the_reviewer(mixed: Finished) -> None:
    requests = asked(mixed.endpoint)
    assert {name for role, name in requests if role == "check"} == {"s", "v", "u"}
    assert {name for role, name in requests if role == "review"} == {"k", "u"}


def test_the_suspect_label_reaches_the_judge_alone(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    cases = [case._replace(label="Atlantis") for case in CASES if not case.options]
    run(write_run(tmp_path, endpoint.url, cases), tmp_path / "run", until="select")
    assert {role_of(text) for text in endpoint.texts() if "Atlantis" in text} <= {"check"}


def test_gold_feeds_the_figures_and_never_a_request(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    gold = "".join(f"{json.dumps({**case.row(), 'completion': 'Eldorado'})}\n" for case in CASES[3:6])
    (tmp_path / "gold.jsonl").write_text(gold)
    config = write_run(tmp_path, endpoint.url, data__gold="gold.jsonl")
    summary = run(config, tmp_path / "run", until="select")
    assert summary["detection"]["recall"] == pytest.approx(2 / 3)
    assert "Eldorado" not in json.dumps(endpoint.requests)
    rows = {row["id"]: row.get("gold") for row in read_lines(tmp_path / "run" / "decisions.jsonl")}
    assert {name for name, right in rows.items() if right == "Eldorado"} == {"s", "m", "v"}


@pytest.mark.slow
def test_relabeling_sees_the_nearest_clean_samples_only(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    config = load_config(write_run(tmp_path, endpoint.url), ["agents.relabeler.neighbours=3"])
    run(config, tmp_path / "run", until="select")
    rows = read_lines(tmp_path / "run" / "decisions.jsonl")
    clean = {row["id"] for row in rows if row["status"] == "clean"}
    for row in (row for row in rows if "context" in row):
        shown = row["context"]["neighbours"]
        assert len(shown) == 3
        assert {neighbour["id"] for neighbour in shown} <= clean
        assert shown == sorted(shown, key=lambda neighbour: (neighbour["distance"], neighbour["id"]))
    assert (tmp_path / "run" / "chroma").is_dir()


def test_data_with_nothing_noisy_is_kept_whole(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url, CASES[:3])
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", "--until", "select") == 0
    assert "3 judged clean, 0 noisy" in capsys.readouterr().out
    assert len(read_lines(tmp_path / "run" / "training.jsonl")) == 3
    assert (tmp_path / "run" / "dropped.jsonl").read_text() == ""


def test_data_with_nothing_clean_is_relabelled_without_context(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = [case for case in CASES if case.status == "relabelled"]
    config = write_run(tmp_path, script(endpoint).url, noisy)
    setting = "agents.relabeler.neighbours=3"
    arguments = ["--out", tmp_path / "run", "--until", "select", "--set", setting]
    assert command(monkeypatch, "run", config, *arguments) == 0
    assert "0 judged clean, 6 noisy" in capsys.readouterr().out
    rows = read_lines(tmp_path / "run" / "decisions.jsonl")
    assert [row["context"]["neighbours"] for row in rows] == [[]] * 6


def test_keeping_nothing_drops_every_relabelled_sample(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url, selection__keep=0)
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", "--until", "select") == 0
    assert "6 (1 without a readable answer), of which 0 kept" in capsys.readouterr().out
    rows = read_lines(tmp_path / "run" / "training.jsonl")
    assert {row["source"] for row in rows} == {"original"}


def test_keeping_all_keeps_every_relabelled_sample_with_an_answer(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url, selection__keep=1)
    assert run(config, tmp_path / "run", until="select")["samples"]["selected"] == 5


@pytest.mark.slow
def test_a_run_that_selects_nothing_skips_training_and_says_so(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = [case for case in CASES if case.status == "relabelled"]
    config = write_run(tmp_path, script(endpoint).url, noisy, selection__keep=0)
    tuned = ["--set", "models.tuned={provider: embedded}", "--set", "training.model=tuned"]
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", *tuned) == 0
    assert "skipped" in capsys.readouterr().out
    assert not (tmp_path / "run" / "adapter").exists()


@pytest.mark.slow
def test_a_sample_too_long_to_train_on_stays_out_after_a_resume(tmp_path: Path, endpoint: Endpoint) -> None:
    long = CASES[0]._replace(id="long", query="Capital of France? " + "Think of it. " * 200)
    settings = ["models.tuned={provider: embedded}", "training.model=tuned", "training.max_length=128"]
    path = write_run(tmp_path, script(endpoint).url, [*CASES[:3], long])
    run(load_config(path, [*settings, "training.epochs=1"]), tmp_path / "run")
    training = (tmp_path / "run" / "training.jsonl").read_bytes()
    assert [row["id"] for row in read_lines(tmp_path / "run" / "training.jsonl")] == ["z", "a", "n"]
    assert read_lines(tmp_path / "run" / "dropped.jsonl") == [{"id": "long", "reason": "too_long"}]
    resume(tmp_path / "run")
    assert (tmp_path / "run" / "training.jsonl").read_bytes() == training


@pytest.mark.parametrize("role", ["base", "reason", "reflect", "check", "relabel", "review"])
def test_a_sample_whose_request_is_refused_fails_alone(role: str, tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint).refuse = lambda messages: (
        400 if messages[-1]["content"].startswith(f"[{role}] {victim.query}") else None
    )
    victim = next(case for case in CASES if case.id == "u")
    summary = run(write_run(tmp_path, endpoint.url, run__max_failed=0.1), tmp_path / "run", until="select")
    rows = {row["id"]: row for row in read_lines(tmp_path / "run" / "decisions.jsonl")}
    assert rows["u"]["status"] == "failed"
    assert "scripted failure" in rows["u"]["failure"]
    assert {"id": "u", "reason": "failed"} in read_lines(tmp_path / "run" / "dropped.jsonl")
    expected = {case.id: case.status for case in CASES if case.id != "u"}
    assert {name: row["status"] for name, row in rows.items() if name != "u"} == expected
    assert summary["samples"]["failed"] == 1


def test_an_endpoint_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path, endpoint: Endpoint) -> None:
    refused: list[str] = []

    def refuse(messages: list[dict[str, Any]]) -> int | None:
        text = messages[-1]["content"]
        if text.startswith("[base]") and len(refused) < 2:
            refused.append(text)
            return 503 if len(refused) == 1 else 429
        return None

    script(endpoint).refuse = refuse
    summary = run(write_run(tmp_path, endpoint.url, CASES[:2]), tmp_path / "run", until="select")
    assert len(refused) == 2
    assert (summary["samples"]["failed"], summary["samples"]["clean"]) == (0, 2)


def test_more_failures_than_allowed_stop_the_run_and_resume_finishes_it(
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
    assert f"robustft resume {out}" in told

    finished = {sample.id for sample, entry in journal_entries(out) if entry.status != "failed"}
    assert finished
    endpoint.refuse = lambda messages: None
    endpoint.requests.clear()
    assert command(monkeypatch, "resume", out, "--until", "select") == 0, capsys.readouterr().err
    assert not finished & {name for role, name in asked(endpoint) if role == "base"}
    rows = read_lines(out / "decisions.jsonl")
    assert [(row["id"], row["status"]) for row in rows] == [(case.id, case.status) for case in CASES]


def test_failures_in_detection_within_the_budget_do_not_stop_relabeling(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    script(endpoint).refuse = lambda messages: 400 if "France" in messages[-1]["content"] else None
    cases = [CASES[0], *(case for case in CASES if case.status == "clean" and case.id != "z"), CASES[4]]
    config = write_run(tmp_path, endpoint.url, cases, run__max_failed=0.25)
    samples = run(config, tmp_path / "run", until="select")["samples"]
    assert (samples["failed"], samples["relabelled"]) == (1, 1)


def journal_entries(out: Path) -> list[Any]:
    journal = Journal(out / "journal.sqlite")
    try:
        return list(journal.entries())
    finally:
        journal.close()


@pytest.mark.parametrize("stage", ["detect", "denoise"])
def test_a_run_until_a_stage_goes_on_from_there(stage: Any, tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    first = run(config, tmp_path / "run", until=stage)
    assert first["samples"]["noisy"] == 6
    assert not (tmp_path / "run" / "training.jsonl").exists()
    assert {row["kept"] for row in read_lines(tmp_path / "run" / "decisions.jsonl")} == {None}
    endpoint_before = asked(endpoint)
    second = resume(tmp_path / "run", until="select")
    assert second["samples"]["training"] == 6
    assert not (asked(endpoint) - endpoint_before) & endpoint_before
    assert second["usage"]["requests"] == asked(endpoint).total()


def test_until_detect_asks_no_relabeler(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="detect")
    assert {role for role, _ in asked(endpoint)} == {"base", "reason", "reflect", "check"}
    statuses = Counter(row["status"] for row in read_lines(tmp_path / "run" / "decisions.jsonl"))
    assert statuses == {"clean": 4, "noisy": 6}


def test_resuming_a_finished_run_asks_nothing_and_changes_no_record(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    first = run(write_run(tmp_path, script(endpoint).url), out, until="select")
    records = {name: (out / name).read_bytes() for name in ("decisions.jsonl", "training.jsonl")}
    endpoint.requests.clear()
    second = resume(out, until="select")
    assert endpoint.requests == []
    assert records == {name: (out / name).read_bytes() for name in records}
    assert (second["samples"], second["usage"]) == (first["samples"], first["usage"])


def test_run_with_resume_goes_on_with_the_same_config_only(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    run(config, out, until="detect")
    endpoint.requests.clear()
    again = ["run", config, "--out", out, "--resume", "--until", "select"]
    assert command(monkeypatch, *again, "--set", "selection.keep=0.1") == 2
    told = capsys.readouterr().err
    assert told.startswith(f"robustft: {out}: ")
    assert "another config" in told
    assert endpoint.requests == []
    assert command(monkeypatch, *again, "--set", "run.concurrency=2") == 0
    assert {role for role, _ in asked(endpoint)} == {"relabel", "review"}


def test_resuming_where_no_run_is_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "resume", tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"robustft: {tmp_path}: holds no run")
    assert list(tmp_path.iterdir()) == []


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    code = "from robustft.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        # A background shell starts its children deaf to SIGINT, and they pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_run_is_finished_by_resume_without_asking_again(
    number: signal.Signals, code: int, tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    script(endpoint).delay = 0.1
    config = write_run(tmp_path, endpoint.url, run__concurrency=1)
    process = start(tmp_path, "run", config, "--out", out, "--until", "select")
    while process.poll() is None and ("base", "m") not in asked(endpoint):
        time.sleep(0.01)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    assert "Traceback" not in told
    if number == signal.SIGINT:
        assert f"robustft resume {out}" in told

    finished = {sample.id for sample, _ in journal_entries(out)}
    assert {"z", "a", "n"} <= finished
    assert len(finished) < len(CASES)
    endpoint.delay = 0
    endpoint.requests.clear()
    summary = resume(out, until="select")
    assert {name for role, name in asked(endpoint) if role == "base"} == {c.id for c in CASES} - finished
    assert (summary["samples"]["clean"], summary["samples"]["relabelled"]) == (4, 6)


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


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_same_data_gives_the_same_records_at_any_concurrency(
    concurrency: int, tmp_path: Path, endpoint: Endpoint, mixed: Finished
) -> None:
    config = write_run(tmp_path, script(endpoint).url, run__concurrency=concurrency)
    run(config, tmp_path / "run", until="select")
    for name in ("decisions.jsonl", "training.jsonl", "dropped.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (mixed.out / name).read_bytes()


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_are_under_way_than_concurrency_allows(
    concurrency: int, tmp_path: Path, endpoint: Endpoint
) -> None:
    script(endpoint).delay = 0.05
    config = write_run(tmp_path, endpoint.url, run__concurrency=concurrency)
    run(config, tmp_path / "run", until="denoise")
    assert endpoint.most_in_flight == concurrency


def test_two_runs_at_once_in_one_event_loop_do_not_mix(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, cases in zip(folders, (CASES[:4], CASES[4:]), strict=True):
        folder.mkdir()
        write_run(folder, endpoint.url, cases)

    async def both() -> list[dict[str, Any]]:
        runs = (arun(folder / "my.yaml", folder / "run", until="select") for folder in folders)
        return await asyncio.gather(*runs)

    first, second = asyncio.run(both())
    assert (first["samples"]["total"], second["samples"]["total"]) == (4, 6)
    assert [row["id"] for row in read_lines(folders[1] / "run" / "decisions.jsonl")] == list("mvkueb")


def test_two_runs_after_another_in_one_process_work(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    first = asyncio.run(arun(config, tmp_path / "one", until="select"))
    second = asyncio.run(arun(config, tmp_path / "two", until="select"))
    assert first["samples"] == second["samples"]
    assert first["config_hash"] == second["config_hash"]


def test_progress_is_reported_for_every_stage(tmp_path: Path, endpoint: Endpoint) -> None:
    seen: dict[str, tuple[int, int]] = {}
    config = write_run(tmp_path, script(endpoint).url)
    run(
        config,
        tmp_path / "run",
        until="select",
        progress=lambda report: seen.update({report.stage: (report.done, report.total)}),
    )
    assert (seen["detect"], seen["denoise"]) == ((10, 10), (6, 6))


def test_python_callers_get_typed_errors(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint).refuse = lambda messages: 400 if "?" in messages[-1]["content"] else None
    config = write_run(tmp_path, endpoint.url, run__max_failed=0)
    with pytest.raises(RunFailedError, match="scripted failure"):
        run(config, tmp_path / "run", until="select")
    with pytest.raises(RobustFTError, match="holds no run"):
        resume(tmp_path / "nowhere")


def test_a_limit_takes_the_first_samples(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    assert run(config, tmp_path / "run", limit=3, until="select")["samples"]["total"] == 3
    assert [row["id"] for row in read_lines(tmp_path / "run" / "decisions.jsonl")] == ["z", "a", "n"]
