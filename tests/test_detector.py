"""How well a run tells wrong responses: areas, precision among equals, and whose truth counts."""

import json
from pathlib import Path

import numpy
import pytest
from detector import figures, flagged_wrong, read_truth, scores_of, truth_of

from stores.records import Decision
from training.shares import wilson


def decision(
    name: str, *, noise: float, gold: str = "a", response: str = "a", base: str | None = "a"
) -> Decision:
    """Return a decision of a calibrated run, with the base agent's answer."""
    agreed = ["base"] if base == response else []
    check = {
        "verdict": "noisy" if noise > 0.5 else "clean",
        "policy": "calibrated",
        "agreed": agreed,
        "reason": "",
        "noise_probability": noise,
        "weights": {"agents": 1.0 if agreed else -1.0},
    }
    usage = {"requests": 1, "prompt_tokens": 1, "completion_tokens": 1}
    agents = {"base": {"answer": base, "reply": base or "", "usage": usage}}
    return Decision.model_validate(
        {
            "version": 1,
            "id": name,
            "status": "clean",
            "prompt": "?",
            "response": response,
            "final": response,
            "kept": None,
            "gold": gold,
            "check": check,
            "agents": agents,
        }
    )


def test_a_run_that_knows_has_an_area_of_one() -> None:
    decisions = [decision(f"r{n}", noise=0.1) for n in range(30)]
    decisions += [decision(f"w{n}", noise=0.9, response="b") for n in range(10)]
    found = figures(decisions, truth_of(decisions), at=10)
    assert (found["samples"], found["wrong"]) == (40, 10)
    for view in ("default", "base", "nats: agents"):
        assert found["views"][view]["auc"] == {"auc": 1.0, "low": 1.0, "high": 1.0}
        assert found["views"][view]["precision"]["share"] == 1.0


def test_a_run_that_knows_nothing_has_an_area_of_a_half() -> None:
    decisions = [decision(str(n), noise=0.5, response="a" if n % 4 else "b", base=None) for n in range(40)]
    found = figures(decisions, truth_of(decisions), at=20)["views"]
    assert found["default"]["auc"]["auc"] == 0.5
    # Of forty that are equally doubtful, chance takes a quarter of wrong ones.
    assert found["default"]["precision"]["share"] == 0.25


def test_equals_are_flagged_by_their_share() -> None:
    scores = numpy.array([0.9, 0.5, 0.5, 0.5, 0.1])
    wrong = numpy.array([True, True, False, False, False])
    assert flagged_wrong(scores, wrong, 1) == 1
    assert flagged_wrong(scores, wrong, 2) == pytest.approx(1 + 1 / 3)


def test_what_was_not_read_is_between_right_and_wrong() -> None:
    said = [scores_of(decision("x", noise=0.2, base=base))["base"] for base in ("a", None, "b")]
    assert said == [0.0, 0.5, 1.0]


def test_a_truth_of_ones_own_counts_and_what_nobody_can_tell_does_not(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    rows = [{"id": "x", "wrong": True}, {"id": "y", "wrong": False}, {"id": "z", "wrong": None}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    truth = read_truth(path)
    assert truth == {"x": True, "y": False}
    decisions = [decision(name, noise=0.5) for name in "xyz"]
    assert figures(decisions, truth, at=100)["samples"] == 2


def test_an_interval_of_a_share() -> None:
    low, high = wilson(8 / 10, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
