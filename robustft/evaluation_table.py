"""How an evaluation reads in a table: accuracy in all and by category, other wordings, what was forgotten."""

from collections.abc import Iterable

from stores.counts import counted
from stores.records import EvaluationFigures, GuardFigures, ParaphraseFigures, Share, Steadiness

_SHOWN = 8
_LONGEST = 40


def percent(share: float | None) -> str:
    """Return a share in percent, `n/a` where it was not measured."""
    return "n/a" if share is None else f"{share:.1%}"


def evaluation_rows(figures: EvaluationFigures) -> list[tuple[str, str]]:
    """Return the rows of a table that say how an evaluation went, a name and a text each."""
    if figures.skipped:
        return [("evaluation", f"skipped: {figures.skipped}")]
    rows = []
    if figures.n or figures.left_out or figures.guard is None:
        tuned = f", tuned {percent(figures.tuned)}" if figures.tuned is not None else ""
        left_out = f" ({figures.left_out} left out: free text)" if figures.left_out else ""
        shares = f"untuned {percent(figures.untuned)}{tuned} on {figures.n} held-out{left_out}"
        rows.append(("accuracy", shares))
    if figures.failed:
        counts = ", ".join(f"{name} {count:,}" for name, count in figures.failed.items())
        rows.append(("failed", f"{counts} requests, whose samples count as wrong"))
    if figures.by_category:
        rows.append(("by category", "\n".join(_categories(figures))))
    if figures.paraphrases is not None:
        rows.append(("other wordings", "\n".join(_wordings(figures.paraphrases))))
    if figures.guard is not None:
        rows.append(("guard set", "\n".join(_guard(figures.guard))))
        if figures.guard.caution:
            rows.append(("caution", figures.guard.caution))
    return rows


def _categories(figures: EvaluationFigures) -> Iterable[str]:
    named = list(figures.by_category.items())
    for name, category in named[:_SHOWN]:
        size = category.untuned or category.tuned
        short = " ".join(name.split())
        short = short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"
        said = _both(category.untuned, category.tuned)
        yield f"{short} ({size.n if size else 0}): {said}"
    others = len(named) - _SHOWN + figures.other_categories
    if others > 0:
        yield f"and {counted(others, 'smaller category')} (summary.json)"


def _wordings(paraphrases: ParaphraseFigures) -> Iterable[str]:
    yield f"{counted(paraphrases.wordings, 'wording')} of {counted(paraphrases.samples, 'sample')}"
    for name in ("untuned", "tuned"):
        stood: Steadiness | None = getattr(paraphrases, name)
        if stood is not None:
            yield f"{name}: {_said(stood.right)} right in every one, {_said(stood.same)} answered alike"


def _guard(guard: GuardFigures) -> Iterable[str]:
    left_out = f" ({guard.left_out} left out: free text)" if guard.left_out else ""
    yield f"{_both(guard.untuned, guard.tuned)} on {guard.n}{left_out}"
    if guard.change is not None and guard.change_interval is not None:
        low, high = guard.change_interval
        yield (
            f"changed by {100 * guard.change:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}): "
            f"{guard.lost} lost, {guard.won} won"
        )
    if guard.failed:
        yield f"{counted(guard.failed, 'sample')} without a reply, not compared"


def _both(untuned: Share | None, tuned: Share | None) -> str:
    said = f"untuned {_said(untuned)}"
    return f"{said}, tuned {_said(tuned)}" if tuned is not None else said


def _said(share: Share | None) -> str:
    return "n/a" if share is None else f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"
