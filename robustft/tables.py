"""What a run found, as a table a person can read."""

import unicodedata
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stores.records import Summary


def print_summary(console: Console, summary: Summary, directory: Path) -> None:
    """Print a run's figures, where its files are, and how to look into a sample."""
    table = Table(title="RobustFT", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, figure in [*_responses(summary), *_tuned(summary), *_costs(summary)]:
        table.add_row(name, printable(figure))
    console.print(table)
    console.print(f"files: {directory}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"look into a sample: robustft trace {directory} SAMPLE_ID",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def printable(text: str, limit: int | None = None) -> Text:
    """Return data as it may be shown: no markup, no escape sequences, cut at `limit` characters.

    Args:
        text: a prompt, a reply or anything else that came from outside.
        limit: the most characters to show; None for all.
    """
    clean = "".join(
        character
        if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else "\ufffd"
        for character in text
    )
    if limit is not None and len(clean) > limit:
        clean = clean[: limit - 1] + "…"
    return Text(clean)


def _responses(summary: Summary) -> list[tuple[str, str]]:
    """Return what was found of the responses, and what became of them."""
    samples = summary.samples
    rows = [("samples", f"{samples.total}: {samples.clean} judged clean, {samples.noisy} noisy")]
    if samples.skipped:
        rows.append(("set aside", f"{samples.skipped} rows that cannot be used (see skipped.jsonl)"))
    if samples.failed:
        rows.append(("failed", f"{samples.failed} (see dropped.jsonl and decisions.jsonl)"))
    rows += _found(summary)
    empty = f" ({samples.empty} without a readable answer)" if samples.empty else ""
    measure = "confidence" if summary.calibration else "entropy"
    rows.append(("relabelled", f"{samples.relabelled}{empty}, of which {samples.kept} kept by {measure}"))
    return rows + _repaired(summary)


def _found(summary: Summary) -> list[tuple[str, str]]:
    rows = []
    if detection := summary.detection:
        rows.append(
            (
                "wrong responses",
                f"{detection.wrong} in the data, {detection.found} of them found: "
                f"precision {_percent(detection.precision)}, recall {_percent(detection.recall)}, "
                f"F1 {_percent(detection.f1)}",
            )
        )
    if calibration := summary.calibration:
        shares = [f"{name} {_percent(share)}" for name, share in calibration.reliability.items()]
        right = f"; right, it seems: {', '.join(shares)}" if shares else ""
        rows.append(("estimated", f"{_percent(calibration.noise_rate)} of the responses are wrong{right}"))
    return rows


def _repaired(summary: Summary) -> list[tuple[str, str]]:
    rows = []
    if relabel := summary.relabel:
        rows.append(
            (
                "relabels right",
                f"{_percent(relabel.accuracy)} of all, {_percent(relabel.kept_accuracy)} of those kept, "
                f"{_percent(relabel.dropped_accuracy)} of those dropped",
            )
        )
    if purity := summary.training_set:
        rows.append(
            (
                "right responses",
                f"{_percent(purity.purity_before)} of the data as given, "
                f"{_percent(purity.purity)} of the {purity.size} trained on",
            )
        )
    return rows


def _tuned(summary: Summary) -> list[tuple[str, str]]:
    """Return how training and evaluation went."""
    rows = []
    training, evaluation = summary.training, summary.evaluation
    if training is not None and training.dropped:
        rows.append(("too long", f"{training.dropped} left out (training.max_length; see dropped.jsonl)"))
    for stage, figures in (("training", training), ("evaluation", evaluation)):
        if figures is not None and figures.skipped:
            rows.append((stage, f"skipped: {figures.skipped}"))
    if evaluation is not None and not evaluation.skipped:
        tuned = f", tuned {_percent(evaluation.tuned)}" if evaluation.tuned is not None else ""
        rows.append(("accuracy", f"untuned {_percent(evaluation.untuned)}{tuned} on {evaluation.n} held-out"))
    return rows


def _costs(summary: Summary) -> list[tuple[str, str]]:
    """Return what was asked, and how long it all took."""
    usage = summary.usage
    tokens = f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"
    return [
        ("asked", f"{usage.requests:,} requests, {tokens}"),
        ("time", ", ".join(f"{name} {seconds:.0f} s" for name, seconds in summary.timing.items())),
    ]


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{share:.1%}"
