"""Whole runs with the calibrated checker, on prompts that tell their answers, with a scripted endpoint."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graph.config.run import ConfigError, RunConfig
from robustft import load_config, resume, run
from stores.encoder import EncoderConfig
from stores.errors import WeightsError
from stores.run_directory import RunDirectory
from stores.weights import MINILM, resolve_weights
from tests.support.cases import command, read_lines, write_run
from tests.support.endpoint import Endpoint
from tests.support.finished import OPTIONS, RIGHT, other


def rows() -> list[dict[str, Any]]:
    """Every third label is wrong."""
    return [
        {
            "id": f"q{index}",
            "prompt": question,
            "completion": other(kind, 1 + index % 2) if index % 3 == 0 else kind,
            "options": OPTIONS,
            "gold": kind,
        }
        for index, (question, kind) in enumerate(RIGHT.items())
    ]


def strong_reply(messages: list[dict[str, Any]]) -> str:
    """An expert that is wrong about every tenth question, with two answers that err together."""
    text = messages[-1]["content"]
    found = next((index for index, question in enumerate(RIGHT) if question in text), None)
    if found is None:
        return "yes"
    kind = list(RIGHT.values())[found]
    if text.startswith("[check]"):
        return "Verdict: noisy"
    return other(kind, 1) if found % 10 == 4 else kind


def begin(folder: Path, endpoint: Endpoint, *settings: str) -> RunConfig:
    config = write_run(folder, endpoint.url, rows(), agents__reasoner__max_reflections=0)
    return load_config(config, ["agents.relabeler.neighbours=3", *settings])


def asked(endpoint: Endpoint) -> int:
    """Return how many requests were not just a knock at the door."""
    return sum(text.startswith("[") for text in endpoint.texts())


@pytest.fixture
def expert(endpoint: Endpoint) -> Endpoint:
    endpoint.reply = strong_reply
    return endpoint


CALIBRATED = "agents.checker.policy=calibrated"


def test_a_strong_expert_is_not_worse_off_than_with_a_vote(expert: Endpoint, tmp_path: Path) -> None:
    voted = run(begin(tmp_path, expert), tmp_path / "voted", until="select").summary.to_json()
    weighed = run(begin(tmp_path, expert, CALIBRATED), tmp_path / "weighed", until="select").summary.to_json()

    assert weighed["detection"]["f1"] >= voted["detection"]["f1"] > 0.8
    assert weighed["training_set"]["purity"] >= voted["training_set"]["purity"]
    assert weighed["training_set"]["purity"] > 0.95


def test_the_summary_says_what_the_views_are_worth(expert: Endpoint, tmp_path: Path) -> None:
    summary = run(begin(tmp_path, expert, CALIBRATED), tmp_path / "run", until="detect").summary

    calibration = summary.calibration
    assert calibration is not None
    assert calibration.noise_rate == pytest.approx(1 / 3, abs=0.1)
    assert calibration.reliability["base"] == pytest.approx(0.9, abs=0.1)
    assert set(calibration.reliability) == {"base", "reasoning", "prompts"}


def test_a_model_that_adds_nothing_is_said_to(
    expert: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expert.reply = lambda messages: "animal" if messages[-1]["content"].startswith("[") else "yes"
    run(begin(tmp_path, expert, CALIBRATED), tmp_path / "run", until="detect")

    assert any("take a larger model" in record.getMessage() for record in caplog.records)


def test_most_labels_seeming_wrong_is_worth_a_look(
    expert: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = [row | {"completion": other(row["gold"], 1 + index % 3)} for index, row in enumerate(rows())]
    config = write_run(tmp_path, expert.url, given, agents__checker__policy="calibrated")
    run(load_config(config, []), tmp_path / "run", until="detect")

    told = " ".join(record.getMessage() for record in caplog.records)
    assert "how many responses are wrong cannot be told" in told or "most responses" in told
    assert "--to-check 40" in told


def test_a_decision_says_what_every_view_weighs(expert: Endpoint, tmp_path: Path) -> None:
    run(begin(tmp_path, expert, CALIBRATED), tmp_path / "run", until="select")

    for row in read_lines(tmp_path / "run" / "decisions.jsonl"):
        check = row["check"]
        assert 0 <= check["noise_probability"] <= 1
        assert {"prompts", "label", "agents"} <= set(check["weights"])
        assert (check["verdict"] == "clean") == (row["status"] == "clean")
        assert 0 < row["consensus"]["confidence"] <= 1
        assert row["final"] == row["consensus"]["answer"]
    clean = [row for row in read_lines(tmp_path / "run" / "decisions.jsonl") if row["status"] == "clean"]
    assert max(row["check"]["noise_probability"] for row in clean) < 0.5


def test_weighing_asks_nothing_more_and_is_not_done_twice(expert: Endpoint, tmp_path: Path) -> None:
    run(begin(tmp_path, expert), tmp_path / "voted", until="detect")
    by_vote = asked(expert)
    run(begin(tmp_path, expert, CALIBRATED), tmp_path / "weighed", until="detect")
    by_weight = asked(expert) - by_vote
    assert 49 < by_weight <= by_vote

    run(begin(tmp_path, expert, CALIBRATED), tmp_path / "whole", until="select")
    before = asked(expert)
    resume(tmp_path / "weighed", until="select")
    assert asked(expert) - before == before - by_vote - 2 * by_weight
    decisions = [(tmp_path / name / "decisions.jsonl").read_text() for name in ("whole", "weighed")]
    assert decisions[0] == decisions[1]


def test_each_question_is_encoded_once(expert: Endpoint, tmp_path: Path, encoded: list[str]) -> None:
    summary = run(begin(tmp_path, expert, CALIBRATED), tmp_path / "run", until="select").summary

    assert summary.usage.by_agent["relabeler"].requests > 0
    assert sorted(encoded) == sorted(RIGHT)


def test_what_was_killed_before_its_conclusions_comes_to_them(expert: Endpoint, tmp_path: Path) -> None:
    run(begin(tmp_path, expert, CALIBRATED), tmp_path / "run", until="select")
    before = (tmp_path / "run" / "decisions.jsonl").read_text()
    journal = RunDirectory(tmp_path / "run").open_journal()
    entries = [entry for _, entry in journal.entries()]
    for entry in entries:
        record = json.loads(entry.record)
        assert record.pop("consensus")
        journal.record([replace(entry, record=json.dumps(record))])
    journal.validity.invalidate_consensus()
    journal.close()

    resume(tmp_path / "run", until="select")
    assert (tmp_path / "run" / "decisions.jsonl").read_text() == before


def test_another_models_review_is_believed_more_than_the_same_models(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    doubled = [
        {"id": str(n), "prompt": f"Twice {n}?", "completion": str(2 * n + (n % 3 == 0))}
        for n in range(30, 90)
    ]
    reviewer = Endpoint()

    def double(messages: list[dict[str, Any]]) -> str:
        text = messages[-1]["content"]
        right = sum(2 * int(n) for n in re.findall(r"\d+", text)[:1])
        # Wrong with examples at hand: there is something to settle, where that is wanted.
        return str(right + (text.startswith("[relabel]") and settles))

    for server in (endpoint, reviewer):
        server.reply = double
    config = write_run(tmp_path, endpoint.url, doubled, agents__reasoner__max_reflections=0)
    found = {}
    for settles in (True, False):
        for reviewer.model in ("scripted", "other"):
            judge = f"models.judge={{provider: openai, base_url: '{reviewer.url}', name: {reviewer.model}}}"
            settings = (CALIBRATED, judge, "agents.reviewer.model=judge")
            directory = tmp_path / f"{reviewer.model}-{settles}"
            run(load_config(config, settings), directory, until="select")
            decisions = read_lines(directory / "decisions.jsonl")
            conclusions = [row["consensus"] for row in decisions if row["status"] == "relabelled"]
            found[reviewer.model, settles] = conclusions
    reviewer.stop()

    assert len(found["scripted", True]) == len(found["other", True]) == 20
    for same, other_model in zip(found["scripted", True], found["other", True], strict=True):
        assert same["answer"] == other_model["answer"]
        assert same["confidence"] < other_model["confidence"]
    # Where the relabeler agrees with the reasoner no reviewer is asked, whoever it is.
    assert found["scripted", False] == found["other", False]


def test_soft_weighting_keeps_all_and_writes_how_likely_each_is_right(
    expert: Endpoint, tmp_path: Path
) -> None:
    run(begin(tmp_path, expert, CALIBRATED, "training.weighting=soft"), tmp_path / "run", until="select")

    decisions = {row["id"]: row for row in read_lines(tmp_path / "run" / "decisions.jsonl")}
    training = read_lines(tmp_path / "run" / "training.jsonl")
    assert len(training) == len(decisions)
    for row in training:
        assert row["weight"] == decisions[row["id"]]["consensus"]["confidence"]


def test_a_threshold_of_ones_own_decides(expert: Endpoint, tmp_path: Path) -> None:
    settings = (CALIBRATED, "agents.checker.threshold=0.999")
    run(begin(tmp_path, expert, *settings), tmp_path / "run", until="detect")

    for row in read_lines(tmp_path / "run" / "decisions.jsonl"):
        assert (row["check"]["verdict"] == "clean") == (row["check"]["noise_probability"] < 0.999)


def test_the_table_says_how_much_noise_there_seems_to_be(
    expert: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, expert.url, rows(), agents__checker__policy="calibrated")
    assert command(monkeypatch, "run", config, "--out", tmp_path / "run", "--until", "select") == 0
    shown = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "% of the responses are wrong (" in shown
    assert "% may be); right, it seems: base " in shown
    assert "kept by confidence" in shown


def test_a_trace_shows_the_weights(
    expert: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(begin(tmp_path, expert, CALIBRATED), tmp_path / "run", until="select")

    assert command(monkeypatch, "trace", tmp_path / "run", "q0") == 0
    shown = capsys.readouterr().out
    assert "nats for the response" in shown
    assert "prompts" in shown
    assert "consensus" in shown


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("agents.checker.threshold=0.5", "threshold"),
        ("training.weighting=soft", "soft needs agents.checker.policy: calibrated"),
        ("selection.min_confidence=0.8", "min_confidence needs agents.checker"),
    ],
)
def test_what_needs_calibration_is_refused_without_it(setting: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_config(None, ["agents.checker.policy=hybrid", setting])


def test_a_limit_is_refused_where_all_that_have_a_confidence_are_kept() -> None:
    told = r"^--set selection.min_confidence=0.4: .*weighting: soft keeps every"
    with pytest.raises(ConfigError, match=told):
        load_config(None, ["training.weighting=soft", "selection.min_confidence=0.4"])


def test_a_share_and_a_limit_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"selection.keep, a share, contradict each other; set one"):
        load_config(None, ["selection.keep=0.4", "selection.min_confidence=0.4"])


def test_a_rare_label_that_agents_confirm_is_kept_and_a_stray_text_is_not(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    labels = [{**row, "options": None} for row in rows()]
    labels[0]["completion"] = "I am a language model and cannot say what kind of thing this is."
    names = ("zinc", "copper", "silver", "lead")
    rare = [{"id": name, "prompt": f"What is a {name}?", "completion": "metal"} for name in names]
    endpoint.reply = lambda messages: (
        "It is a metal." if any(name in messages[-1]["content"] for name in names) else strong_reply(messages)
    )
    settings = {"agents__reasoner__max_reflections": 0, "agents__checker__policy": "calibrated"}
    run(write_run(tmp_path, endpoint.url, [*labels, *rare], **settings), tmp_path / "run", until="select")

    found = {row["id"]: row for row in read_lines(tmp_path / "run" / "decisions.jsonl")}
    assert {(found[name]["status"], found[name]["final"]) for name in names} == {("clean", "metal")}
    assert (found["q0"]["status"], found["q0"]["final"]) == ("relabelled", labels[0]["gold"])


@pytest.mark.parametrize("policy", ["hybrid", "calibrated"])
def test_views_are_not_named_twice(policy: str) -> None:
    with pytest.raises(ConfigError, match="views names one twice"):
        load_config(None, [f"agents.checker.policy={policy}", "agents.checker.views=[base, base]"])


def test_samples_that_failed_first_change_nothing_in_the_end(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = strong_reply
    settings = (CALIBRATED, "run.max_failed=0.5")
    whole = begin(tmp_path, endpoint, *settings)
    run(whole, tmp_path / "whole", until="select")
    endpoint.refuse = lambda messages: 400 if "cat?" in messages[-1]["content"] else None
    run(whole, tmp_path / "run", until="select")
    endpoint.refuse = lambda messages: None
    assert (tmp_path / "run" / "decisions.jsonl").read_text().count('"status": "failed"') == 1

    resume(tmp_path / "run", until="select", retry_failed=True)

    for name in ("decisions.jsonl", "training.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_another_encoder_weighs_all_anew_and_asks_nothing(
    expert: Endpoint, tmp_path: Path, encoded: list[str]
) -> None:
    config = begin(tmp_path, expert, CALIBRATED, "agents.relabeler.neighbours=0")
    run(config, tmp_path / "run", until="select")
    before, seen = asked(expert), len(encoded)
    # The same one under its other name; which one it is makes no difference here.
    other = config.model_copy(update={"encoder": EncoderConfig(name=resolve_weights(MINILM))})

    resume(tmp_path / "run", config=other, until="detect")

    assert len(encoded) == 2 * seen
    assert asked(expert) == before


def test_an_encoder_that_is_not_there_is_missed_before_anything_is_asked(
    expert: Endpoint, tmp_path: Path
) -> None:
    config = begin(tmp_path, expert, CALIBRATED, "encoder.name=/no/encoder")
    with pytest.raises(WeightsError, match="/no/encoder"):
        run(config, tmp_path / "run", until="detect")
    assert asked(expert) == 0
    assert not (tmp_path / "run").exists()


def test_a_certain_verdict_says_so(expert: Endpoint, tmp_path: Path) -> None:
    config = begin(tmp_path, expert, CALIBRATED)
    data = tmp_path / "train.jsonl"
    garbled = {**rows()[1], "id": "garbled", "prompt": "What is a yak?", "completion": "lamina"}
    data.write_text(data.read_text() + json.dumps(garbled) + "\n")
    run(config, tmp_path / "run", until="detect")
    assert read_lines(tmp_path / "run" / "decisions.jsonl")[-1]["check"]["noise_probability"] == 1.0
