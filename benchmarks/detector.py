"""How well a finished run tells wrong responses from right ones: by each view alone, and by all together.

    python benchmarks/detector.py RUN_DIRECTORY [--truth TRUTH] [--at 100]

A response is wrong where it does not say what its gold says, or where TRUTH says so: lines of JSON with `id`
and `wrong` (true, false, or null for what nobody can tell). The run is one of `policy: calibrated`, which has
reached at least `calibrate`.

Prints JSON. The area under the curve (AUC) has its 95 % interval (bootstrap over the samples). `precision`
is the share of wrong ones among the --at most doubtful, with its interval (Wilson); what is equally doubtful
is counted by its share. A view is scored by what it says against the response, over the samples about which
it was asked: `base`, `reasoning` and `judge` by the answer alone (right, not read, wrong), and `nats: VIEW`
by the weight that the run gave it. `default` is the noise probability.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from robustft import load_run
from stores.errors import RobustFTError
from stores.records import Decision
from training.calibration.arrays import Bools, Reals
from training.metrics import is_right
from training.shares import wilson

_AGENTS = {"base": "base", "reasoning": "reasoner"}
_REPEATS = 1000


def read_truth(path: Path) -> dict[str, bool]:
    """Return by id whether a response is wrong; what nobody can tell is left out."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {row["id"]: row["wrong"] for row in rows if row["wrong"] is not None}


def truth_of(decisions: Sequence[Decision]) -> dict[str, bool]:
    """Return the same from the gold responses that the run has."""
    return {
        decision.id: not is_right(decision.response, decision.gold, decision.options)
        for decision in decisions
        if decision.gold is not None
    }


def scores_of(decision: Decision) -> dict[str, float]:
    """Return by view how much speaks against a sample's response; a view that was not asked is not there."""
    scores: dict[str, float] = {}
    check = decision.check
    for view, agent in _AGENTS.items():
        said = decision.agents.get(agent)
        if said is not None and said.answer is None:
            scores[view] = 0.5
        elif said is not None and said.answer is not None:
            scores[view] = float(check is None or view not in check.agreed)
    judged = decision.agents.get("checker")
    if judged is not None and judged.answer is not None:
        scores["judge"] = {"reliable": 0.0, "noisy": 1.0}.get(judged.answer, 0.5)
    if check is not None:
        scores |= {f"nats: {view}": -nats for view, nats in check.weights.items()}
        if check.noise_probability is not None:
            scores["default"] = check.noise_probability
    return scores


def figures(decisions: Sequence[Decision], truth: Mapping[str, bool], at: int) -> dict[str, Any]:
    """Return the figures of every view over the samples of which it says something."""
    told = [decision for decision in decisions if decision.id in truth]
    scored = [scores_of(decision) for decision in told]
    wrong = numpy.array([truth[decision.id] for decision in told], dtype=bool)
    found: dict[str, Any] = {"samples": len(told), "wrong": int(wrong.sum()), "views": {}}
    for view in sorted({view for scores in scored for view in scores}):
        there = numpy.array([view in scores for scores in scored])
        values = numpy.array([scores[view] for scores in scored if view in scores])
        found["views"][view] = {"samples": int(there.sum()), **_ranked(values, wrong[there], at)}
    return found


def _ranked(scores: Reals, wrong: Bools, at: int) -> dict[str, Any]:
    at = min(at, len(wrong))
    hits = round(flagged_wrong(scores, wrong, at), 2)
    low, high = wilson(hits / at, at)
    precision = {"of": at, "share": round(hits / at, 3), "low": round(low, 3), "high": round(high, 3)}
    if wrong.all() or not wrong.any():
        return {"auc": None, "precision": precision}
    random = numpy.random.default_rng(0)
    areas = []
    for _ in range(_REPEATS):
        rows = random.integers(0, len(wrong), len(wrong))
        if 0 < wrong[rows].sum() < len(rows):
            areas.append(roc_auc_score(wrong[rows], scores[rows]))
    low, high = numpy.quantile(areas, (0.025, 0.975))
    area = {"auc": roc_auc_score(wrong, scores), "low": low, "high": high}
    return {"auc": {name: round(float(value), 3) for name, value in area.items()}, "precision": precision}


def flagged_wrong(scores: Reals, wrong: Bools, at: int) -> float:
    """Return how many of the `at` highest scores are wrong: of equal ones, the share that chance takes."""
    limit = numpy.sort(scores)[::-1][at - 1]
    above, level = scores > limit, scores == limit
    left = at - int(above.sum())
    return float(wrong[above].sum() + left * wrong[level].mean())


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--truth", type=Path, help="lines of JSON with `id` and `wrong`")
    parser.add_argument("--at", type=int, default=100, help="so many flagged")
    arguments = parser.parse_args()
    try:
        decisions = list(load_run(arguments.directory).decisions())
    except RobustFTError as exc:
        sys.exit(f"detector.py: {exc}")
    truth = truth_of(decisions) if arguments.truth is None else read_truth(arguments.truth)
    print(json.dumps(figures(decisions, truth, arguments.at), indent=2))


if __name__ == "__main__":
    main()
