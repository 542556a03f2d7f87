"""Whole runs with the calibrated checker on free text: no two answers are the same, and none repeats."""

import json
from pathlib import Path
from typing import Any

import pytest

from robustft import resume, run
from tests.support.cases import read_lines, write_run
from tests.support.endpoint import Endpoint

# What is asked, a right response, and what an expert says of it in other words.
_LINES = (Path(__file__).parent / "texts.jsonl").read_text(encoding="utf-8").splitlines()
TEXTS = [(text["question"], text["right"], text["expert"]) for text in map(json.loads, _LINES)]


def rows() -> list[dict[str, Any]]:
    """Every third response is to another question, or breaks off."""
    found = []
    for index, (question, response, _) in enumerate(TEXTS):
        given = response
        if index % 6 == 0:
            given = TEXTS[(index + 7) % len(TEXTS)][1]
        elif index % 6 == 3:
            given = "Well, that is a good question, and many people have asked it before, but to begin with"
        found.append({"id": f"t{index}", "prompt": question, "completion": given, "gold": response})
    return found


def expert_reply(messages: list[dict[str, Any]]) -> str:
    text = messages[-1]["content"]
    return next((said for question, _, said in TEXTS if question in text), "yes")


@pytest.fixture
def expert(endpoint: Endpoint) -> Endpoint:
    endpoint.reply = expert_reply
    return endpoint


@pytest.mark.slow
def test_wrong_texts_are_told_from_right_ones_by_what_the_experts_say(
    expert: Endpoint, tmp_path: Path
) -> None:
    config = write_run(tmp_path, expert.url, rows(), agents__checker__policy="calibrated")
    run(config, tmp_path / "run", until="select")

    decisions = read_lines(tmp_path / "run" / "decisions.jsonl")
    wrong = {row["id"] for row in decisions if row["response"] != row["gold"]}
    assert {row["id"] for row in decisions if row["status"] == "relabelled"} == wrong
    for row in decisions:
        assert {"base", "reasoning", "prompts", "prior"} >= set(row["check"]["weights"])
        stays = row["final"] == row["response"]
        assert stays or row["final"] == row["agents"]["base"]["answer"]
        assert stays or row["id"] in wrong
        # One model's words alone replace nothing: a wrong text that stays is left out for its confidence.
        assert (row["consensus"]["confidence"] > 0.5) == (row["id"] not in wrong or not stays)
    trained = {row["id"] for row in decisions if row["kept"]}
    assert not any(
        row["id"] in trained and row["final"] == row["response"] for row in decisions if row["id"] in wrong
    )


@pytest.mark.slow
def test_each_text_is_encoded_once_and_another_time_only_if_it_changes(
    expert: Endpoint, tmp_path: Path, encoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.stages.calibrate._BLOCK", 7)
    config = write_run(tmp_path, expert.url, rows(), agents__checker__policy="calibrated")
    summary = run(config, tmp_path / "run", until="select").summary

    relabelled = summary.samples.relabelled
    prompts = [question for question, _, _ in TEXTS]
    assert relabelled
    assert [encoded.count(question) for question in prompts] == [1] * len(prompts)
    # The response, the two views' answers; and of what is relabelled the new answer, beside both views again.
    others = len(encoded) - len(prompts)
    assert others == 3 * len(prompts) + 3 * relabelled


@pytest.mark.slow
def test_resuming_at_any_stage_comes_to_the_same_conclusions(expert: Endpoint, tmp_path: Path) -> None:
    config = write_run(tmp_path, expert.url, rows(), agents__checker__policy="calibrated")
    run(config, tmp_path / "whole", until="select")
    run(config, tmp_path / "parts", until="detect")
    (tmp_path / "parts" / ".state" / "similarities.npy").unlink()
    resume(tmp_path / "parts", until="select")

    decisions = [(tmp_path / name / "decisions.jsonl").read_text() for name in ("whole", "parts")]
    assert decisions[0] == decisions[1]
