"""The figures of an evaluation, from what each model answered: in all, by category and wording, and lost."""

from collections import Counter
from collections.abc import Mapping

from stores.records import (
    CategoryFigures,
    Contender,
    EvaluationFigures,
    GuardFigures,
    ParaphraseFigures,
    Share,
    Steadiness,
)
from training.evaluation import Accuracy
from training.shares import paired_change, wilson

_MOST_CATEGORIES = 100
_CHANCE = 0.05  # Chosen: the usual level of a test.

Accuracies = Mapping[Contender, Accuracy]
"""What each model that was asked has answered."""


def evaluation_figures(test: Accuracies, guard: Accuracies) -> EvaluationFigures:
    """Return what there is to report of an evaluation.

    Args:
        test: the answers to the test samples; empty where there are none.
        guard: those to a guard set.
    """
    counted = next(iter(test.values()), Accuracy())
    shares = {name: found for name, each in test.items() if (found := share_of(each.right, each.n))}
    named = sorted(counted.by_task, key=lambda task: (-counted.by_task[task][0], task))
    return EvaluationFigures(
        n=counted.n,
        left_out=counted.left_out or None,
        **{name: share.value for name, share in shares.items()},
        intervals={name: (share.low, share.high) for name, share in shares.items()},
        failed=_failed(test, guard),
        by_category={task: _category(test, task) for task in named[:_MOST_CATEGORIES]},
        other_categories=max(len(named) - _MOST_CATEGORIES, 0),
        paraphrases=_paraphrases(test),
        guard=_guard(guard) if guard else None,
    )


def _failed(*parts: Accuracies) -> dict[Contender, int]:
    found: Counter[Contender] = Counter()
    for part in parts:
        found.update({name: accuracy.failures.total() for name, accuracy in part.items()})
    return {name: count for name, count in found.items() if count}


def share_of(right: int, n: int) -> Share | None:
    """Return a share with its interval; None of nothing."""
    if not n:
        return None
    low, high = wilson(right / n, n)
    return Share(value=right / n, low=low, high=high, n=n)


def _category(test: Accuracies, task: str) -> CategoryFigures:
    found: dict[str, Share | None] = {}
    for name, accuracy in test.items():
        count, right = accuracy.by_task.get(task, (0, 0))
        found[name] = share_of(right, count)
    return CategoryFigures(**found)


def _paraphrases(test: Accuracies) -> ParaphraseFigures | None:
    counted = next((each for each in test.values() if each.reworded), None)
    if counted is None:
        return None
    return ParaphraseFigures(
        samples=counted.reworded,
        wordings=counted.wordings,
        **{name: _steadiness(accuracy) for name, accuracy in test.items()},
    )


def _steadiness(accuracy: Accuracy) -> Steadiness | None:
    right = share_of(accuracy.all_right, accuracy.reworded)
    same = share_of(accuracy.all_same, accuracy.reworded)
    return Steadiness(right=right, same=same) if right and same else None


def _guard(guard: Accuracies) -> GuardFigures:
    counted = next(iter(guard.values()))
    figures = GuardFigures(
        n=counted.n,
        left_out=counted.left_out or None,
        **{name: share_of(each.right, each.n) for name, each in guard.items()},
    )
    before, after = (guard[name].told if name in guard else {} for name in ("untuned", "tuned"))
    paired = [(before[name], after[name]) for name in before if name in after]
    if "tuned" not in guard:
        return figures
    failed = counted.n - len(paired)
    figures = figures.model_copy(update={"failed": failed or None})
    return _changed(figures, paired) if paired else figures


def _changed(figures: GuardFigures, paired: list[tuple[bool, bool]]) -> GuardFigures:
    """Return the figures with what tuning changed, on samples answered before and after."""
    both, lost, won, neither = (
        paired.count(told) for told in ((True, True), (True, False), (False, True), (False, False))
    )
    change = paired_change(both, lost, won, neither)
    caution = None
    if lost > won and change.p < _CHANCE:
        count = len(paired)
        caution = (
            f"tuning made the model forget: it answers {(both + won) / count:.1%} of the guard set right, "
            f"and answered {(both + lost) / count:.1%} before; that is more than chance (p = {change.p:.2g})"
        )
    return figures.model_copy(
        update={
            "lost": lost,
            "won": won,
            "change": change.value,
            "change_interval": (change.low, change.high),
            "p": change.p,
            "caution": caution,
        }
    )
