"""One sample's journey, readable: every agent's turn and what came of it."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from agents.cache import request_of
from agents.checker import Check
from graph.stages.outcomes import too_long_samples
from graph.state import SampleState
from robustft.text import printable
from stores.errors import InputError
from stores.journal import Journal
from stores.run_directory import RunDirectory, storage_errors

Lines = list[tuple[str, str | None]]
Asked = Callable[[str | None], Lines]
"""Returns what was asked for a reply, by the reply's key; nothing where that is not to be shown."""


def print_trace(directory: Path, identifier: str, console: Console, *, prompts: bool = False) -> None:
    """Print what every agent said about one sample of a run, finished or under way.

    Nothing is opened for writing.

    Args:
        directory: the run directory.
        identifier: the sample's id.
        console: where to print.
        prompts: print each request as it was sent, too.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run has no such sample, or has not judged it yet.
        StorageError: its journal cannot be read.
    """
    files = RunDirectory(directory)
    with storage_errors(str(directory)), closing(files.open_journal(read_only=True)) as journal:
        sample = journal.sample(identifier)
        if sample is None:
            known = ", ".join(known.id for known, _ in zip(journal.samples("train"), range(3), strict=False))
            raise InputError(f"{directory}: no sample '{identifier}'; its ids look like {known}")
        entry = journal.entry(identifier)
        if entry is None:
            raise InputError(f"{directory}: sample '{identifier}' has no verdict yet")
        too_long = identifier in too_long_samples(journal)
        asked = partial(_asked, files) if prompts else _nothing
        panels = _panels(SampleState.from_entry(sample, entry), entry.kept, too_long, journal, asked)
    for panel in panels:
        console.print(panel)


def _nothing(key: str | None) -> Lines:
    return []


def _asked(files: RunDirectory, key: str | None) -> Lines:
    """Return the messages of a request, and how it was sampled."""
    if key is None:
        return []
    request = request_of(files.replies, key)
    if request is None:
        return [("asked", "the request is no longer stored")]
    sampling = ", ".join(f"{name} {value}" for name, value in request.sampling.items())
    messages = [(f"asked ({role})", content) for role, content in request.messages]
    return [*messages, ("sampled with", sampling)]


def _panels(
    state: SampleState, kept: bool | None, too_long: bool, journal: Journal, asked: Asked
) -> list[Panel]:
    sample = state.sample
    panels = [
        _panel("sample", sample.id, ("query", sample.prompt), ("response", sample.response)),
    ]
    if state.base is not None:
        said: Lines = [("reply", state.base.reply), ("answer", state.base.answer)]
        panels.append(_panel("base", "", *asked(state.base.reply_key), *said))
    for number, turn in enumerate(state.turns):
        title = f"{'reasoner' if turn.role == 'reason' else 'reflect'} {number // 2 + 1}"
        answer = [("answer", turn.answer)] if turn.role == "reason" else []
        panels.append(_panel(title, "", *asked(turn.reply_key), ("reply", turn.reply), *answer))
    if state.check is not None:
        verdict = "reliable" if state.check.reliable else "noisy"
        judge = [("judge's reply", state.check.reply)] if state.check.reply is not None else []
        panels.append(
            _panel(
                "checker",
                f"{state.check.policy}: {verdict}",
                ("because", state.check.reason),
                ("views that match", ", ".join(state.check.agreed) or "none"),
                *_weights(state.check),
                *asked(state.check.reply_key),
                *judge,
            )
        )
    if state.context is not None:
        shown = [
            _neighbour(reference.id, reference.distance, journal) for reference in state.context.neighbours
        ]
        entropy = state.context.entropy
        panels.append(
            _panel(
                "relabeler",
                "" if entropy is None else f"entropy {entropy:.4f}",
                *(shown or [("neighbours", "none: answered without context")]),
                *asked(state.context.reply_key),
                ("reply", state.context.reply),
                ("answer", state.context.answer),
            )
        )
    if state.review is not None:
        reply = [("reply", state.review.reply)] if state.review.reply is not None else []
        settled: Lines = [*asked(state.review.reply_key), *reply, ("answer", state.review.answer)]
        panels.append(_panel("reviewer", state.review.reason, *settled))
    if state.consensus is not None:
        note = f"confidence {state.consensus.confidence:.2f}"
        panels.append(_panel("consensus", note, ("answer", state.consensus.answer)))
    panels.append(_panel("outcome", state.status, *_outcome(state, kept, too_long)))
    return panels


def _weights(check: Check) -> list[tuple[str, str | None]]:
    """Return how each view weighs, the heaviest first."""
    ranked = sorted(check.weights.items(), key=lambda item: -abs(item[1]))
    if not ranked:
        return []
    said = ", ".join(f"{name} {weight:+.2f}" for name, weight in ranked)
    return [("weights (nats for the response)", said)]


def _neighbour(identifier: str, distance: float, journal: Journal) -> tuple[str, str]:
    found = journal.sample(identifier)
    text = f"{found.prompt} -> {found.response}" if found else "no longer in the data"
    return f"neighbour {identifier} at {distance:.3f}", text


def _outcome(state: SampleState, kept: bool | None, too_long: bool) -> list[tuple[str, str | None]]:
    lines: list[tuple[str, str | None]] = [("final", state.final)]
    if state.failure is not None:
        lines.append(("failure", state.failure))
    if kept is not None:
        reason = "too_long" if too_long else state.drop_reason(kept)
        lines.append(("trained on", f"no: {reason}" if reason else "yes"))
    if state.sample.gold is not None:
        lines.append(("gold", state.sample.gold))
    return lines


def _panel(title: str, note: str, *lines: tuple[str, str | None]) -> Panel:
    body = Text()
    for name, value in lines:
        body.append(f"{name}: ", style="bold").append_text(
            printable(value if value is not None else "(none)")
        )
        body.append("\n")
    body.rstrip()
    heading = Text(title, style="bold cyan").append_text(printable(f"  {note}" if note else ""))
    return Panel(body, title=heading, title_align="left")
