"""The figures of one cell: how well noise was found and repaired, and how right each agent was."""

from collections.abc import Sequence
from typing import Any

from study.rules import Case, Label
from training.metrics import Tally, is_right

_BINS = 10
# By whether the checker trusts the given response, whether it is right, and whether the final one is.
_OUTCOMES = {
    (False, False, True): "repaired",
    (False, True, False): "spoilt",
    (True, False, False): "missed",
    (True, True, True): "rightly trusted",
    (False, False, False): "wrong before and after",
    (False, True, True): "right before and after",
}


def figures_of(cases: Sequence[Case], labels: Sequence[Label]) -> dict[str, Any]:
    """Return detection, relabel and training-set figures of a method's decisions; None where not defined."""
    tally = Tally()
    wrong: list[bool] = []
    scores: list[float | None] = []
    judges = False
    for case, label in zip(cases, labels, strict=True):
        gold, options = case.sample.gold, case.sample.options
        if gold is None:
            continue
        label_right = is_right(case.sample.response, gold, options, case.sample.kind)
        final = label.new if label.new is not None else label.response
        judges |= label.noisy is not None
        tally.add(
            judged_noisy=bool(label.noisy),
            response_right=label_right,
            relabelled=label.new is not None,
            final_right=None if final is None else is_right(final, gold, options, case.sample.kind),
            kept=label.response is not None,
        )
        wrong.append(not label_right)
        scores.append(label.score)
    report = tally.report()
    found = report.relabel
    # The records of the study keep the names that they were begun with.
    relabel = {
        "accuracy": found.accuracy,
        "selected_accuracy": found.kept_accuracy,
        "relabelled": found.relabelled,
        "selected": found.kept,
    }
    detection = {**report.detection.model_dump(), **_scored(wrong, scores)} if judges else None
    return {
        "detection": detection,
        "relabel": relabel if found.relabelled else None,
        "purity": report.training_set.purity,
        "purity_before": report.training_set.purity_before,
        "n_train": sum(label.response is not None for label in labels),
    }


def agents_of(cases: Sequence[Case]) -> dict[str, dict[str, float | None]]:
    """Return the share of right answers of each agent, on samples whose given response is right and wrong.

    The checker is right where it calls a right response reliable, and a wrong one noisy.
    """
    counts: dict[str, dict[str, list[bool]]] = {}
    for case in cases:
        gold, options = case.sample.gold, case.sample.options
        if gold is None:
            continue
        label_right = is_right(case.sample.response, gold, options, case.sample.kind)
        group = "right" if label_right else "wrong"
        for agent, answer in case.state.answers().items():
            found = counts.setdefault(agent, {"right": [], "wrong": []})
            found[group].append(answer is not None and is_right(answer, gold, options, case.sample.kind))
        if case.state.check is not None:
            found = counts.setdefault("checker", {"right": [], "wrong": []})
            found[group].append(case.state.check.clean == label_right)
    return {
        agent: {group: sum(right) / len(right) if right else None for group, right in groups.items()}
        for agent, groups in counts.items()
    }


def examples_of(cases: Sequence[Case]) -> list[dict[str, str]]:
    """Return up to ten decisions with what each agent said, two of each outcome.

    They hold the data set's own words: for data that may be published.
    """
    groups: dict[str, list[dict[str, str]]] = {name: [] for name in _OUTCOMES.values()}
    for case in cases:
        state, gold = case.state, case.sample.gold
        if gold is None or state.check is None:
            continue
        final = state.final
        before = is_right(case.sample.response, gold, case.sample.options, case.sample.kind)
        after = final is not None and is_right(final, gold, case.sample.options, case.sample.kind)
        name = _OUTCOMES[state.check.clean, before, after]
        answers = {agent: answer or "unreadable" for agent, answer in state.answers().items()}
        verdict = "reliable" if state.check.clean else "noisy"
        groups[name].append(
            {
                "outcome": name,
                "question": case.sample.prompt,
                "given": case.sample.response,
                "right": gold,
                "base": answers.get("base", "-"),
                "reasoner": answers.get("reasoner", "-"),
                "checker": f"{verdict}: {state.check.reason}",
                "relabeler": answers.get("relabeler", "-"),
                "reviewer": answers.get("reviewer", "-"),
                "kept": {True: "yes", False: "no", None: "-"}[case.kept],
            }
        )
    return [example for found in groups.values() for example in found[:2]][:10]


def costs_of(cases: Sequence[Case], agents: Sequence[str]) -> dict[str, int]:
    """Return what the named agents took, whether or not the replies were at hand already."""
    used = {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0}
    for case in cases:
        parts = case.state.parts()
        for agent in agents:
            for record in parts.get(agent, ()):
                for name in used:
                    used[name] += getattr(record.usage, name)
    return used


def _scored(wrong: list[bool], scores: list[float | None]) -> dict[str, Any]:
    """Return how well the scores rank, and what they are worth as probabilities.

    What has no score is ranked below all else, since it is left as it is, and is no probability.
    """
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

    pairs = [(score, is_wrong) for score, is_wrong in zip(scores, wrong, strict=True) if score is not None]
    if not pairs:
        return {"scored": 0, "auc": None, "ece": None, "bins": []}
    ranks = [-1.0 if score is None else score for score in scores]
    bins = _bins(pairs)
    errors = sum(abs(row["predicted"] - row["wrong"]) * row["n"] for row in bins)
    return {
        "scored": len(pairs),
        "auc": float(roc_auc_score(wrong, ranks)) if len(set(wrong)) == 2 else None,
        "ece": errors / len(pairs),
        "bins": bins,
    }


def _bins(pairs: list[tuple[float, bool]]) -> list[dict[str, float]]:
    """Return each tenth of the scores that holds any: its number, its mean score and its share of wrong."""
    held: dict[int, list[tuple[float, bool]]] = {}
    for score, is_wrong in pairs:
        held.setdefault(min(int(score * _BINS), _BINS - 1), []).append((score, is_wrong))
    return [
        {
            "bin": number,
            "n": len(inside),
            "predicted": sum(score for score, _ in inside) / len(inside),
            "wrong": sum(is_wrong for _, is_wrong in inside) / len(inside),
        }
        for number, inside in sorted(held.items())
    ]
