"""What a run found, as a table a person can read."""

from pathlib import Path

from rich.table import Table

from robustft.evaluation_table import evaluation_rows, percent
from robustft.terminal import Terminal, shown_as
from stores.counts import counted
from stores.records import CalibrationFigures, FreeText, JudgedAlone, Summary
from training.balance import off_balance


def print_summary(console: Terminal, summary: Summary, directory: Path) -> None:
    """Print a run's figures, where its files are, and how to look into a sample."""
    table = Table(title="RobustFT", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, figure in [*_responses(summary), *_tuned(summary), *_costs(summary)]:
        table.add_row(name, shown_as(figure))
    console.print(table)
    console.say(f"files: {directory}")
    console.say(f"look into a sample: robustft trace {directory} SAMPLE_ID")


def _responses(summary: Summary) -> list[tuple[str, str]]:
    """Return what was found of the responses, and what became of them."""
    samples = summary.samples
    rows = [("samples", f"{samples.total}: {samples.clean} judged clean, {samples.noisy} noisy")]
    if samples.trusted:
        rows.append(
            ("trusted", f"{counted(samples.trusted, 'response')} that you vouch for, taken as you say")
        )
    if samples.skipped:
        rows.append(
            ("set aside", f"{counted(samples.skipped, 'row')} that cannot be used (see skipped.jsonl)")
        )
    if samples.failed:
        rows.append(("failed", f"{samples.failed} (see dropped.jsonl and decisions.jsonl)"))
    rows += _no_answers(summary)
    rows += _found(summary)
    lost = [
        (samples.empty, "without a readable answer"),
        (samples.other_form, "of another form than the data"),
    ]
    said = ", ".join(f"{count} {how}" for count, how in lost if count)
    empty = f" ({said})" if said else ""
    measures = ["confidence"] if summary.calibration else []
    if summary.judged_alone or not summary.calibration:
        measures.append("entropy")
    kept = f"{samples.kept - samples.trusted_kept} kept by {' or '.join(measures)}"
    kept += f" and {samples.trusted_kept} as you say" if samples.trusted_kept else ""
    rows.append(("relabelled", f"{samples.relabelled}{empty}, of which {kept}"))
    return rows + _repaired(summary)


def _no_answers(summary: Summary) -> list[tuple[str, str]]:
    """Return how many replies were no answer, and why."""
    told = [
        f"{name} {', '.join(f'{count:,} {outcome}' for outcome, count in counts.items())}"
        for name, counts in summary.outcomes.items()
    ]
    return [("no answers", "; ".join(told))] if told else []


def _found(summary: Summary) -> list[tuple[str, str]]:
    rows = []
    if detection := summary.detection:
        rows.append(
            (
                "wrong responses",
                f"{detection.wrong} in the data, {detection.found} of them found: "
                f"precision {percent(detection.precision)}, recall {percent(detection.recall)}, "
                f"F1 {percent(detection.f1)}",
            )
        )
    if summary.incomparable:
        told = f"{counted(summary.incomparable, 'sample')}: nobody can tell whether that is what gold says"
        rows.append(("not compared", told))
    if summary.calibration:
        rows.append(("estimated", _estimated(summary.calibration, summary.judged_alone)))
    if alone := summary.judged_alone:
        silent = (
            f"; {counted(alone.unreadable, 'response')} without a readable verdict left as given"
            if alone.unreadable
            else ""
        )
        rows.append(("not estimated", f"{'; '.join(alone.reasons)}{silent}"))
    if facts := summary.turned_facts:
        area = f"AUC {facts.auc:.2f}, {facts.low:.2f} to {facts.high:.2f}, of {facts.samples}"
        rows.append(
            (
                "wrong facts",
                f"{'seen in free text' if facts.seen else 'cannot be seen in free text'} ({area})",
            )
        )
    return rows


def _estimated(calibration: CalibrationFigures, alone: JudgedAlone | None) -> str:
    responses = f"{calibration.samples} others" if alone else "responses"
    share = f"{percent(calibration.noise_rate)} of the {responses} are wrong"
    if calibration.noise_interval is not None:
        least, most = calibration.noise_interval
        share += f" ({percent(least)} to {percent(most)} may be)"
    # Where all are doubted alike, none can be singled out.
    if calibration.noisy == 0 and calibration.noise_rate * calibration.samples >= 1:
        share += ", but not which"
    shares = [f"{name} {percent(right)}" for name, right in calibration.reliability.items()]
    return share + (f"; right, it seems: {', '.join(shares)}" if shares else "")


def _repaired(summary: Summary) -> list[tuple[str, str]]:
    rows = []
    if text := summary.free_text:
        rows.append(("new free text", _free_text(text)))
    if (relabel := summary.relabel) and relabel.accuracy is not None:
        rows.append(
            (
                "relabels right",
                f"{percent(relabel.accuracy)} of all, {percent(relabel.kept_accuracy)} of those kept, "
                f"{percent(relabel.dropped_accuracy)} of those dropped",
            )
        )
    if (purity := summary.training_set) and purity.purity_before is not None:
        rows.append(
            (
                "right responses",
                f"{percent(purity.purity_before)} of the data as given, "
                f"{percent(purity.purity)} of the {purity.size} trained on",
            )
        )
    if off := off_balance(summary.balance):
        rows.append(("classes off", "; ".join(off)))
    return rows


def _free_text(text: FreeText) -> str:
    """Return what new free text looks like; whether it is right, only a person can say."""
    said = [f"{text.relabelled}, not compared with gold"]
    if text.length_ratio is not None:
        said.append(f"{text.length_ratio:.2g} times as long as clean responses (median)")
    said.append(f"{text.repeating} repeat themselves")
    if text.unfinished is not None:
        said.append(f"{text.unfinished} end unfinished")
    return ", ".join(said)


def _tuned(summary: Summary) -> list[tuple[str, str]]:
    """Return how training and evaluation went."""
    rows = []
    training, evaluation = summary.training, summary.evaluation
    if training is not None and training.dropped:
        rows.append(("too long", f"{training.dropped} left out (training.max_length; see dropped.jsonl)"))
    if training is not None and (retry := training.retry) is not None:
        told = f"{retry.fault} at step {retry.step}; it went on with {retry.setting}"
        rows.append(("training retried", f"{told} (likely cause: {retry.cause})"))
    if training is not None and training.skipped:
        rows.append(("training", f"skipped: {training.skipped}"))
    return rows + (evaluation_rows(evaluation) if evaluation is not None else [])


def _costs(summary: Summary) -> list[tuple[str, str]]:
    """Return what was asked, and how long it all took."""
    usage = summary.usage
    tokens = f"{usage.prompt_tokens:,} + {counted(usage.completion_tokens, 'token')}"
    return [
        ("asked", f"{counted(usage.requests, 'request')}, {tokens}"),
        ("time", ", ".join(f"{name} {seconds:.0f} s" for name, seconds in summary.timing.items())),
    ]
