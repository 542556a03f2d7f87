"""What a run found, as a table a person can read."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def print_summary(console: Console, summary: dict[str, Any], directory: Path) -> None:
    """Print a run's figures, where its files are, and how to look into a sample."""
    table = Table(title="RobustFT", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, figure in _rows(summary):
        table.add_row(name, figure)
    console.print(table)
    console.print(f"files: {directory}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"look into a sample: robustft trace {directory} SAMPLE_ID",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    return [*_labels(summary), *_tuned(summary), *_costs(summary)]


def _labels(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was found of the labels, and what became of them."""
    samples = summary["samples"]
    rows = [
        ("samples", f"{samples['total']}: {samples['clean']} judged clean, {samples['noisy']} noisy"),
    ]
    if samples["failed"]:
        rows.append(("failed", f"{samples['failed']} (see dropped.jsonl and decisions.jsonl)"))
    if detection := summary.get("detection"):
        rows.append(
            (
                "wrong labels",
                f"{detection['wrong']} in the data, {detection['found']} of them found: "
                f"precision {_share(detection['precision'])}, recall {_share(detection['recall'])}, "
                f"F1 {_share(detection['f1'])}",
            )
        )
    calibration = summary.get("calibration")
    if calibration:
        shares = [f"{name} {_share(share)}" for name, share in calibration["reliability"].items()]
        right = f"; right, it seems: {', '.join(shares)}" if shares else ""
        rows.append(("estimated", f"{_share(calibration['noise'])} of the labels are wrong{right}"))
    empty = f" ({samples['empty']} without a readable answer)" if samples["empty"] else ""
    measure = "confidence" if calibration else "entropy"
    rows.append(
        ("relabelled", f"{samples['relabelled']}{empty}, of which {samples['selected']} kept by {measure}")
    )
    if relabel := summary.get("relabel"):
        rows.append(
            (
                "relabels right",
                f"{_share(relabel['accuracy'])} of all, "
                f"{_share(relabel['selected_accuracy'])} of those kept, "
                f"{_share(relabel['dropped_accuracy'])} of those dropped",
            )
        )
    if purity := summary.get("training_set"):
        rows.append(
            (
                "right labels",
                f"{_share(purity['purity_before'])} of the data as given, "
                f"{_share(purity['purity'])} of the {purity['size']} trained on",
            )
        )
    return rows


def _tuned(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how training and evaluation went."""
    rows = []
    if too_long := (summary.get("training") or {}).get("dropped"):
        rows.append(("too long", f"{too_long} left out (training.max_length; see dropped.jsonl)"))
    for stage in ("training", "evaluation"):
        if skipped := (summary.get(stage) or {}).get("skipped"):
            rows.append((stage, f"skipped: {skipped}"))
    if (evaluation := summary.get("evaluation")) and "n" in evaluation:
        tuned = f", tuned {_share(evaluation['tuned'])}" if "tuned" in evaluation else ""
        rows.append(
            ("accuracy", f"vanilla {_share(evaluation['vanilla'])}{tuned} on {evaluation['n']} held-out")
        )
    return rows


def _costs(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was asked, and how long it all took."""
    usage = summary["usage"]
    tokens = f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens"
    return [
        ("asked", f"{usage['requests']:,} requests, {tokens}"),
        ("time", ", ".join(f"{name} {seconds:.0f} s" for name, seconds in summary["timing"].items())),
    ]


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"
