"""One sample's journey, readable: every agent's turn and what came of it."""

from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from agents.record import to_decision
from graph.stages.stage import storage_errors
from graph.stages.train import left_out
from graph.state import SampleState
from robustft.tables import printable
from stores.errors import InputError
from stores.journal import Journal
from stores.records import AgentAnswer, Decision, NeighbourShown, Verdict
from stores.run_directory import RunDirectory

Line = tuple[str, str | None]


def print_trace(directory: Path, identifier: str, console: Console) -> None:
    """Print what every agent said about one sample of a run, finished or under way.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run has no such sample, or has not judged it yet.
        StorageError: its journal cannot be read.
    """
    files = RunDirectory(directory)
    with storage_errors(str(directory)), closing(files.open_journal()) as journal:
        sample = journal.sample(identifier)
        if sample is None:
            known = ", ".join(known.id for known, _ in zip(journal.samples("train"), range(3), strict=False))
            raise InputError(f"{directory}: no sample '{identifier}'; its ids look like {known}")
        entry = journal.entry(identifier)
        if entry is None:
            raise InputError(f"{directory}: sample '{identifier}' has no verdict yet")
        state = SampleState.from_entry(sample, entry)
        decision = to_decision(state, entry.kept, too_long=identifier in left_out(journal))
        panels = _panels(decision, journal)
    for panel in panels:
        console.print(panel)


def _panels(decision: Decision, journal: Journal) -> list[Panel]:
    agents = dict(decision.agents)
    checker = agents.pop("checker", None)
    panels = [_panel("sample", decision.id, ("prompt", decision.prompt), ("response", decision.response))]
    for name in ("base", "reasoner"):
        if (agent := agents.pop(name, None)) is not None:
            panels += _agent(name, agent, journal)
    if decision.check is not None:
        panels.append(_checker(decision.check, checker))
    for name, agent in agents.items():
        panels += _agent(name, agent, journal)
    if decision.consensus is not None:
        note = f"confidence {decision.consensus.confidence:.2f}"
        panels.append(_panel("consensus", note, ("answer", decision.consensus.answer)))
    panels.append(_panel("outcome", decision.status, *_outcome(decision)))
    return panels


def _agent(name: str, agent: AgentAnswer, journal: Journal) -> list[Panel]:
    """Return an agent's panels: one, or one a turn."""
    if agent.turns:
        return _turns(name, agent)
    note = agent.reason or ("" if agent.entropy is None else f"entropy {agent.entropy:.4f}")
    shown = [_neighbour(neighbour, journal) for neighbour in agent.neighbours]
    if name == "relabeler" and not shown:
        shown = [("neighbours", "none: answered without context")]
    reply = [("reply", agent.reply)] if agent.reply is not None else []
    return [_panel(name, note, *shown, *reply, ("answer", agent.answer))]


def _turns(name: str, agent: AgentAnswer) -> list[Panel]:
    panels = []
    for number, turn in enumerate(agent.turns):
        title = f"{name if turn.role == 'reason' else 'reflect'} {number // 2 + 1}"
        answer = [("answer", turn.answer)] if turn.role == "reason" else []
        panels.append(_panel(title, "", ("reply", turn.reply), *answer))
    return panels


def _checker(check: Verdict, judge: AgentAnswer | None) -> Panel:
    return _panel(
        "checker",
        f"{check.policy}: {check.verdict}",
        ("because", check.reason),
        ("views that match", ", ".join(check.agreed) or "none"),
        *_weights(check),
        *([("judge's reply", judge.reply)] if judge is not None else []),
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
        lines.append(("trained on", "yes" if decision.kept else f"no: {decision.drop_reason}"))
    if decision.gold is not None:
        lines.append(("gold", decision.gold))
    return lines


def _panel(title: str, note: str, *lines: Line) -> Panel:
    body = Text()
    for name, value in lines:
        body.append(f"{name}: ", style="bold").append_text(
            printable(value if value is not None else "(none)")
        )
        body.append("\n")
    body.rstrip()
    heading = Text(title, style="bold cyan").append_text(printable(f"  {note}" if note else ""))
    return Panel(body, title=heading, title_align="left")
