"""Whole runs against a scripted endpoint: what they decide and record."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from robustft import load_config, load_run, resume, run
from stores.records import Dropped, Samples, Usage
from tests.support.cases import (
    ANIMALS,
    CASES,
    Case,
    Finished,
    asked,
    command,
    read_lines,
    role_of,
    said,
    script,
    write_run,
)
from tests.support.endpoint import Endpoint


def test_every_sample_gets_the_status_and_final_answer_its_replies_imply(mixed: Finished) -> None:
    found = {row["id"]: (row["status"], row["final"]) for row in read_lines(mixed.out / "decisions.jsonl")}
    assert found == {case.id: (case.status, case.final) for case in CASES}


def test_decisions_stand_in_the_order_of_the_data(mixed: Finished) -> None:
    ids = [row["id"] for row in read_lines(mixed.out / "decisions.jsonl")]
    assert ids == [case.id for case in CASES]


def test_a_decision_has_the_promised_fields_in_their_order(mixed: Finished) -> None:
    order = ["version", "id", "status", "prompt", "response", "final", "kept", "drop_reason"]
    order += ["drop_detail", "options", "check", "agents"]
    optional = {"options", "drop_reason", "drop_detail"}
    for row in read_lines(mixed.out / "decisions.jsonl"):
        assert list(row) == [name for name in order if name in row]
        assert set(order) - set(row) <= optional


def test_a_decision_holds_every_view_and_verdict(mixed: Finished) -> None:
    row = next(row for row in read_lines(mixed.out / "decisions.jsonl") if row["id"] == "u")
    agents = row["agents"]
    assert list(agents) == ["base", "reasoner", "checker", "relabeler", "reviewer"]
    assert (agents["base"]["answer"], agents["base"]["reply"]) == ("Oslo", "Oslo")
    assert [turn["role"] for turn in agents["reasoner"]["turns"]] == ["reason", "reflect", "reason"]
    assert agents["reasoner"]["answer"] == "Bergen"
    assert (row["check"]["verdict"], row["check"]["agreed"]) == ("noisy", ["base"])
    assert (agents["checker"]["reply"], agents["checker"]["answer"]) == ("Who knows", "unreadable")
    assert ("neighbours" in agents["relabeler"], agents["relabeler"]["answer"]) == (False, "Oslo")
    assert (agents["reviewer"]["answer"], agents["reviewer"]["reply"]) == ("Oslo", "Oslo")


def test_entropy_is_the_mean_negative_log_probability_of_the_context_answer(mixed: Finished) -> None:
    agents = [row["agents"] for row in read_lines(mixed.out / "decisions.jsonl")]
    contexts = [said["relabeler"] for said in agents if "relabeler" in said]
    for context in contexts:
        expected = [-len(token) / 10 for token in context["reply"].split()]
        assert context["log_probabilities"] == expected
        assert context["entropy"] == pytest.approx(-sum(expected) / len(expected))
    assert len({round(context["entropy"], 6) for context in contexts}) > 1


def test_selection_keeps_exactly_the_floor_of_lowest_entropy_ties_by_id(mixed: Finished) -> None:
    rows = read_lines(mixed.out / "decisions.jsonl")
    candidates = [row for row in rows if row["status"] == "relabelled" and row["final"] is not None]
    ranked = sorted((row["agents"]["relabeler"]["entropy"], row["id"]) for row in candidates)
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
    samples = mixed.summary.samples
    trained = len(read_lines(mixed.out / "training.jsonl"))
    assert samples == Samples(
        total=10, clean=4, noisy=6, relabelled=6, empty=1, kept=2, training=trained, failed=0
    )
    assert samples.training == samples.clean + samples.kept
    assert json.loads((mixed.out / "summary.json").read_text()) == mixed.summary.to_json()


def test_the_summary_of_data_without_gold_measures_nothing(mixed: Finished) -> None:
    summary = mixed.summary
    assert (summary.detection, summary.relabel, summary.training_set, summary.evaluation) == (None,) * 4


def test_usage_is_what_the_endpoint_was_asked(mixed: Finished) -> None:
    usage = mixed.summary.usage
    roles = Counter(role for role, _ in asked(mixed.endpoint).elements())
    named = {"base": "base", "reason": "reasoner", "reflect": "reasoner", "check": "checker"}
    named |= {"relabel": "relabeler", "review": "reviewer"}
    expected: Counter[str] = Counter()
    for role, count in roles.items():
        expected[named[role]] += count
    assert {agent: used.requests for agent, used in usage.by_agent.items()} == expected
    assert usage.requests == roles.total() == len(mixed.endpoint.requests) - 1
    assert usage.prompt_tokens == 7 * roles.total()


def test_usage_of_the_decisions_adds_up_to_the_summary(mixed: Finished) -> None:
    spent = sum((decision.usage for decision in load_run(mixed.out).decisions()), Usage())
    assert spent.model_dump() == mixed.summary.usage.model_dump(exclude={"by_agent"})


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
    summary = run(config, tmp_path / "run", until="select").summary
    assert summary.detection is not None
    assert summary.detection.recall == pytest.approx(2 / 3)
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
    for row in (row for row in rows if "relabeler" in row["agents"]):
        shown = row["agents"]["relabeler"]["neighbours"]
        assert len(shown) == 3
        assert {neighbour["id"] for neighbour in shown} <= clean
        assert shown == sorted(shown, key=lambda neighbour: (neighbour["distance"], neighbour["id"]))
    assert (tmp_path / "run" / ".state" / "chroma").is_dir()


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
    assert [row["agents"]["relabeler"].get("neighbours") for row in rows] == [None] * 6


def test_examples_of_verdicts_that_no_longer_stand_are_not_shown(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    run(load_config(config, ["agents.relabeler.neighbours=3"]), tmp_path / "run", until="select")
    doubts = ["agents.checker.policy=calibrated", "agents.checker.threshold=0.000001"]
    again = load_config(config, [*doubts, "agents.relabeler.neighbours=3"])
    resume(tmp_path / "run", config=again, until="select")
    rows = read_lines(tmp_path / "run" / "decisions.jsonl")
    assert [row["agents"]["relabeler"].get("neighbours") for row in rows] == [None] * len(CASES)


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
    assert run(config, tmp_path / "run", until="select").summary.samples.kept == 5


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
    assert list(load_run(tmp_path / "run").dropped()) == [Dropped(id="long", reason="too_long")]
    resume(tmp_path / "run")
    assert (tmp_path / "run" / "training.jsonl").read_bytes() == training


@pytest.mark.slow
def test_samples_that_are_all_too_long_to_train_on_are_listed_as_such(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    settings = ["models.tuned={provider: embedded}", "training.model=tuned", "training.max_length=8"]
    path = write_run(tmp_path, script(endpoint).url, CASES[:3])
    for summary in (run(load_config(path, settings), out).summary, resume(out).summary):
        assert summary.training is not None
        assert summary.training.dropped == 3
        assert "training.max_length" in str(summary.training.skipped)
        assert summary.samples.training == 0
    dropped = [{"version": 1, "id": name, "reason": "too_long"} for name in "zan"]
    assert read_lines(out / "dropped.jsonl") == dropped
    assert (out / "training.jsonl").read_text() == ""
    capsys.readouterr()
    assert command(monkeypatch, "trace", out, "z") == 0
    assert "trained on: no: too_long" in capsys.readouterr().out


@pytest.mark.parametrize("role", ["base", "reason", "reflect", "check", "relabel", "review"])
def test_a_sample_whose_request_is_refused_fails_alone(role: str, tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint).refuse = lambda messages: (
        400 if messages[-1]["content"].startswith(f"[{role}] {victim.query}") else None
    )
    victim = next(case for case in CASES if case.id == "u")
    summary = run(
        write_run(tmp_path, endpoint.url, run__max_failed=0.1), tmp_path / "run", until="select"
    ).summary
    rows = {row["id"]: row for row in read_lines(tmp_path / "run" / "decisions.jsonl")}
    assert rows["u"]["status"] == "failed"
    assert "scripted failure" in rows["u"]["failure"]
    assert {"version": 1, "id": "u", "reason": "failed"} in read_lines(tmp_path / "run" / "dropped.jsonl")
    expected = {case.id: case.status for case in CASES if case.id != "u"}
    assert {name: row["status"] for name, row in rows.items() if name != "u"} == expected
    assert summary.samples.failed == 1


def test_an_endpoint_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path, endpoint: Endpoint) -> None:
    refused: list[str] = []

    def refuse(messages: list[dict[str, Any]]) -> int | None:
        text = messages[-1]["content"]
        if text.startswith("[base]") and len(refused) < 2:
            refused.append(text)
            return 503 if len(refused) == 1 else 429
        return None

    script(endpoint).refuse = refuse
    summary = run(write_run(tmp_path, endpoint.url, CASES[:2]), tmp_path / "run", until="select").summary
    assert len(refused) == 2
    assert (summary.samples.failed, summary.samples.clean) == (0, 2)


def test_failures_in_detection_within_the_budget_do_not_stop_relabeling(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    script(endpoint).refuse = lambda messages: 400 if "France" in messages[-1]["content"] else None
    cases = [CASES[0], *(case for case in CASES if case.status == "clean" and case.id != "z"), CASES[4]]
    config = write_run(tmp_path, endpoint.url, cases, run__max_failed=0.25)
    samples = run(config, tmp_path / "run", until="select").summary.samples
    assert (samples.failed, samples.relabelled) == (1, 1)


def test_until_detect_asks_no_relabeler(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="detect")
    assert {role for role, _ in asked(endpoint)} == {"base", "reason", "reflect", "check"}
    statuses = Counter(row["status"] for row in read_lines(tmp_path / "run" / "decisions.jsonl"))
    assert statuses == {"clean": 4, "noisy": 6}


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


@pytest.mark.parametrize("options", [ANIMALS, None])
@pytest.mark.parametrize(("answer", "warns"), [("bus", True), ("dog", False)])
def test_a_model_that_meets_the_labels_by_chance_is_called_so(
    answer: str,
    warns: bool,
    options: list[str] | None,
    tmp_path: Path,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
) -> None:
    labels = ["dog"] * 20 + ["bus", "oak"] * 10
    same = said(answer, answer, relabel="oak", review="oak")
    cases = [
        Case(f"{n}", f"Which is {n:03}?", label, same, options=options) for n, label in enumerate(labels)
    ]
    endpoint.reply = lambda messages: (
        same[role_of(text)] if (text := messages[-1]["content"]).startswith("[") else "yes"
    )
    summary = run(
        load_config(write_run(tmp_path, endpoint.url, cases)), tmp_path / "run", until="denoise"
    ).summary
    assert summary.views["base"].model_dump() == {
        "n": 40,
        "agreed": 0.25 if warns else 0.5,
        "by_chance": pytest.approx(1 / 3),
        "above_chance": not warns,
    }
    assert ("no more often than a guess" in caplog.text) is warns
