"""What a run has of its samples, the most doubtful first; and the runs of a folder, a line each."""

import heapq
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from agents.record import to_decision
from graph.preview import first_words
from graph.stages.outcomes import too_long_samples
from graph.state import SampleState
from robustft.terminal import Terminal
from stores.counts import counted
from stores.errors import RobustFTError
from stores.record_files import read_summary
from stores.records import Decision, Summary
from stores.run_directory import RunDirectory, holds_run, storage_errors

RUNS = Path("runs")
"""Where runs are made that are given no directory."""
_SHOWN = 40


class ListedRun(NamedTuple):
    """A run of a folder.

    Args:
        directory: the run's.
        summary: its figures; None where it has not come so far.
        failure: why its figures cannot be read; None where they can, or where there are none.
    """

    directory: Path
    summary: Summary | None
    failure: str | None = None


def list_samples(directory: str | Path, limit: int | None = None) -> list[Decision]:
    """Return what was decided on a run's samples, the most doubtful first; of a run under way, too.

    They are in the order of their noise probability. Those without one come in the order of their verdicts:
    noisy before clean, each in the order of the data. What failed comes last.

    Args:
        directory: the run directory; nothing in it is opened for writing.
        limit: how many to return; None for all. No more of them are held in memory.

    Raises:
        RunDirectoryError: there is no run in that directory.
        StorageError: its journal cannot be read.
    """
    placed = enumerate(_decisions(Path(directory)))
    if limit is None:
        return [decision for _, decision in sorted(placed, key=_rank, reverse=True)]
    return [decision for _, decision in heapq.nlargest(limit, placed, key=_rank)]


def list_runs(folder: str | Path = RUNS) -> list[ListedRun]:
    """Return the runs that lie in a folder, by their names; none where there is no such folder.

    Raises:
        StorageError: the folder cannot be read.
    """
    with storage_errors(str(folder)):
        there = sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []
        runs = [path for path in there if path.is_dir() and holds_run(path)]
    return [_listed(path) for path in runs]


def print_samples(console: Terminal, decisions: list[Decision]) -> None:
    """Print what was decided on samples, a line each; no text of the data is obeyed by the terminal."""
    table = Table(box=None, pad_edge=False)
    for name in ("noise", "verdict", "id", "response", "became"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for decision in decisions:
        noise = decision.noise_probability
        verdict = decision.check.verdict if decision.check is not None else "failed"
        cells = ("" if noise is None else f"{noise:.2f}", verdict)
        texts = (decision.id, decision.response, became(decision))
        table.add_row(*map(Text, cells), *(Text(first_words(text, _SHOWN)) for text in texts))
    console.print(table)


def print_runs(console: Terminal, runs: list[ListedRun]) -> None:
    """Print a line for each run."""
    for run in runs:
        line = f"{first_words(str(run.directory), 200)}: {first_words(_said(run), 200)}"
        console.say(line)


def became(decision: Decision) -> str:
    """Return what became of a sample, in a few words."""
    if decision.status == "failed":
        return f"failed: {decision.failure}"
    new = "" if decision.final in (None, decision.response) else f"{decision.final} "
    if decision.drop_reason is not None:
        return f"{new}(dropped: {decision.drop_reason})"
    fate = {None: "", True: "kept", False: "not kept"}[decision.kept]
    told = ", ".join(filter(None, (fate, "trusted" if decision.trusted is not None else "")))
    return f"{new}({told})" if new and told else f"{new}{told}".strip()


def plain_decision(decision: Decision) -> dict[str, Any]:
    """Return what a list says of a sample, as plain data: its texts are whole."""
    return {
        "id": decision.id,
        "noise_probability": decision.noise_probability,
        "verdict": decision.check.verdict if decision.check is not None else None,
        "status": decision.status,
        "response": decision.response,
        "final": decision.final,
        "confidence": decision.confidence,
        "kept": decision.kept,
        "drop_reason": decision.drop_reason,
        "trusted": decision.trusted,
    }


def plain_run(run: ListedRun) -> dict[str, Any]:
    """Return what a list says of a run, as plain data."""
    samples = run.summary.samples.model_dump() if run.summary is not None else None
    return {"directory": str(run.directory), "samples": samples, "failure": run.failure}


def _decisions(directory: Path) -> Iterator[Decision]:
    """Yield the decisions of a run as its journal has them, in the order of the data."""
    files = RunDirectory(directory)
    with storage_errors(str(directory)), closing(files.open_journal(read_only=True)) as journal:
        too_long, selected = too_long_samples(journal), journal.validity.has_selection
        for sample, entry in journal.entries():
            state = SampleState.from_entry(sample, entry)
            kept = entry.kept if selected else None
            yield to_decision(state, kept, too_long=sample.id in too_long)


def _rank(placed: tuple[int, Decision]) -> tuple[float, float, int]:
    """Return what samples are ordered by, the largest first."""
    place, decision = placed
    if decision.check is None or decision.status == "failed":
        return -1.0, 0.0, -place
    noise = decision.noise_probability
    if noise is None:
        # Without a probability the verdict is all there is: between those that are sure.
        return float(decision.check.verdict == "noisy"), 0.0, -place
    return noise, 1.0, -place


def _listed(directory: Path) -> ListedRun:
    try:
        summary = RunDirectory(directory).summary
        return ListedRun(directory, read_summary(summary) if summary.is_file() else None)
    except RobustFTError as exc:
        return ListedRun(directory, None, str(exc))


def _said(run: ListedRun) -> str:
    if run.failure is not None:
        return run.failure
    if run.summary is None:
        return "under way, or stopped before its report"
    samples = run.summary.samples
    said = [f"{counted(samples.total, 'sample')}, {samples.clean:,} clean, {samples.noisy:,} noisy"]
    if run.summary.calibration is not None:
        said.append(f"{run.summary.calibration.noise_rate:.0%} seem to be wrong")
    if samples.training:
        said.append(f"{samples.training:,} to train on")
    if run.summary.evaluation is not None and run.summary.evaluation.tuned is not None:
        said.append(f"{run.summary.evaluation.tuned:.0%} right once tuned")
    return ", ".join(said)
