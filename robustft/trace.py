"""One sample's journey, readable: every agent's turn and what came of it."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from rich.panel import Panel
from rich.text import Text

from agents.cache import request_of
from agents.record import to_decision
from graph.stages.outcomes import too_long_samples
from graph.state import SampleState
from robustft.terminal import Terminal, shown_as
from stores.errors import InputError
from stores.journal import Journal
from stores.record_files import read_records
from stores.records import AgentAnswer, Decision, Dropped, NeighbourShown, ReasoningTurn, Verdict
from stores.run_directory import RunDirectory, storage_errors

_LOOPED = "the reply repeats itself"
Line = tuple[str, str | None]
Asked = Callable[[str, int], list[Line]]
"""Returns what an agent was asked for its reply of a number; nothing where that is not to be shown."""


def print_trace(directory: Path, identifier: str, console: Terminal, *, prompts: bool = False) -> None:
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
        # What the shell passes on may be no text, and then it is nobody's id.
        sample = journal.sample(identifier) if _is_text(identifier) else None
        if sample is None:
            known = ", ".join(known.id for known, _ in zip(journal.samples("train"), range(3), strict=False))
            raise InputError(f"{directory}: no sample '{identifier}'; its ids look like {known}")
        entry = journal.entry(identifier)
        if entry is None:
            raise InputError(f"{directory}: sample '{identifier}' has no verdict yet")
        state = SampleState.from_entry(sample, entry)
        too_long = identifier in too_long_samples(journal)
        detail = _drop_detail(files, identifier) if entry.kept is False else None
        decision = to_decision(state, entry.kept, too_long=too_long, detail=detail)
        panels = _panels(decision, journal, partial(_asked, files, state) if prompts else _nothing)
    for panel in panels:
        console.print(panel)


def _is_text(identifier: str) -> bool:
    try:
        identifier.encode()
    except UnicodeEncodeError:
        return False
    return True


def _drop_detail(files: RunDirectory, identifier: str) -> str | None:
    """Return the rank or confidence that dropped.jsonl has for a sample; the file comes with the report."""
    files.check_made(files.dropped)
    if not files.dropped.is_file():
        return None
    lines = read_records(files.dropped, Dropped)
    return next((line.detail for line in lines if line.id == identifier), None)


def _nothing(agent: str, number: int) -> list[Line]:
    return []


def _asked(files: RunDirectory, state: SampleState, agent: str, number: int) -> list[Line]:
    """Return the messages of a request, and how it was sampled."""
    key = state.parts()[agent][number].reply_key
    if key is None:
        return []
    request = request_of(files.replies, key, files.manifest().run)
    if request is None:
        return [("asked", "the request is no longer stored")]
    sampling = ", ".join(f"{name} {value}" for name, value in request.sampling.items())
    messages = [(f"asked ({role})", content) for role, content in request.messages]
    return [*messages, ("sampled with", sampling)]


def _panels(decision: Decision, journal: Journal, asked: Asked) -> list[Panel]:
    agents = dict(decision.agents)
    checker = agents.pop("checker", None)
    panels = [_panel("sample", decision.id, ("prompt", decision.prompt), ("response", decision.response))]
    before = [name for name in agents if name not in ("relabeler", "reviewer")]
    for name in before:
        panels += _agent(name, agents.pop(name), journal, asked)
    if decision.check is not None:
        spared = before == ["base"] and journal.validity.has_glance
        panels.append(_checker(decision.check, checker, asked, spared=spared))
    for name, agent in agents.items():
        panels += _agent(name, agent, journal, asked)
    if decision.consensus is not None:
        note = f"confidence {decision.consensus.confidence:.2f}"
        panels.append(_panel("consensus", note, ("answer", decision.consensus.answer)))
    panels.append(_panel("outcome", decision.status, *_outcome(decision)))
    return panels


def _agent(name: str, agent: AgentAnswer, journal: Journal, asked: Asked) -> list[Panel]:
    """Return an agent's panels: one, or one a turn."""
    if agent.turns:
        return _turns(name, agent, asked)
    note = agent.reason or ("" if agent.entropy is None else f"entropy {agent.entropy:.4f}")
    shown = [_neighbour(neighbour, journal) for neighbour in agent.neighbours]
    if name == "relabeler" and not shown:
        shown = [("neighbours", "none: answered without context")]
    return [_panel(name, note, *shown, *asked(name, 0), *_said(agent), ("answer", agent.answer))]


def _turns(name: str, agent: AgentAnswer, asked: Asked) -> list[Panel]:
    panels = []
    for number, turn in enumerate(agent.turns):
        title = f"{name if turn.role == 'reason' else 'reflect'} {number // 2 + 1}"
        answer = [("answer", turn.answer)] if turn.role == "reason" else []
        panels.append(_panel(title, "", *asked(name, number), *_said(turn), *answer))
    return panels


def _said(agent: AgentAnswer | ReasoningTurn, name: str = "reply") -> list[Line]:
    """Return what a model thought and said, and why that is no answer, where it is none."""
    lines: list[Line] = [("thoughts", agent.thoughts)] if agent.thoughts is not None else []
    if agent.reply is not None:
        lines.append((name, agent.reply))
    if agent.outcome is not None:
        lines.append(
            ("no answer", f"the reply was {agent.outcome}" if agent.outcome != "looped" else _LOOPED)
        )
    return lines


def _checker(check: Verdict, judge: AgentAnswer | None, asked: Asked, *, spared: bool) -> Panel:
    return _panel(
        "checker",
        f"{check.policy}: {check.verdict}",
        ("because", check.reason),
        ("views that match", ", ".join(check.agreed) or "none"),
        *([("nobody else was asked", "the base agent's answer left no doubt")] if spared else []),
        *_weights(check),
        *([*asked("checker", 0), *_said(judge, "judge's reply")] if judge is not None else []),
    )


def _weights(check: Verdict) -> list[Line]:
    """Return how much each view weighs, the heaviest first."""
    ranked = sorted(check.weights.items(), key=lambda item: -abs(item[1]))
    if not ranked:
        return []
    said = ", ".join(f"{name} {weight:+.2f}" for name, weight in ranked)
    return [("weights (nats for the response)", said)]


def _neighbour(shown: NeighbourShown, journal: Journal) -> Line:
    found = journal.sample(shown.id)
    text = f"{found.prompt} -> {found.response}" if found else "no longer in the data"
    return f"neighbour {shown.id} at {shown.distance:.3f}", text


def _outcome(decision: Decision) -> list[Line]:
    lines: list[Line] = [("final", decision.final)]
    if decision.failure is not None:
        lines.append(("failure", decision.failure))
    if decision.kept is not None:
        detail = f" ({decision.drop_detail})" if decision.drop_detail else ""
        lines.append(("trained on", "yes" if decision.kept else f"no: {decision.drop_reason}{detail}"))
    if decision.trusted is not None:
        lines.append(("trusted", decision.trusted))
    if decision.gold is not None:
        lines.append(("gold", decision.gold))
    return lines


def _panel(title: str, note: str, *lines: Line) -> Panel:
    body = Text()
    for name, value in lines:
        body.append(f"{name}: ", style="bold").append_text(shown_as(value if value is not None else "(none)"))
        body.append("\n")
    body.rstrip()
    heading = Text(title, style="bold cyan").append_text(shown_as(f"  {note}" if note else ""))
    return Panel(body, title=heading, title_align="left")
