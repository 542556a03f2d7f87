"""The last stage: the records a run leaves for people, and its figures."""

import asyncio
import json
import logging
import platform
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from typing import Any

from agents.answers import kind_of
from agents.checker import View
from agents.record import to_decision
from agents.role import Usage
from graph.evidence import numbering_of
from graph.fingerprint import fingerprints
from graph.numbering import Numbering
from graph.stages.outcomes import too_long_samples, valid_outcomes
from graph.stages.stage import Workspace, open_stage
from graph.state import RunState, SampleState
from stores.atomic import atomic_writer, write_json_atomically
from training.calibration.agreement import Agreement, AgreementTally
from training.metrics import Tally, is_right

_LOG = logging.getLogger("robustft")
_BY_CHANCE = (
    "the model's answers meet the given labels no more often than a guess would (%s): either it cannot do "
    "this task or the labels are noise; take a larger model before trusting the result"
)
_VERSIONED = ("robustft", "langgraph", "langchain-core", "transformers", "trl", "peft", "chromadb", "torch")


async def report(state: RunState) -> dict[str, Any]:
    """Write decisions.jsonl, dropped.jsonl and summary.json from the journal."""
    async with open_stage(state.directory, "report") as work:
        summary = await asyncio.to_thread(_report, work)
        work.report(summary["samples"]["total"], summary["samples"]["total"])
    return {"summary": summary}


def _report(work: Workspace) -> dict[str, Any]:
    figures = _Figures(numbering_of(work))
    too_long = too_long_samples(work.journal)
    with atomic_writer(work.files.decisions) as decisions, atomic_writer(work.files.dropped) as dropped:
        for state, kept in _states(work):
            kept = kept and state.sample.id not in too_long if kept is not None else None
            decisions.write(_line(to_decision(state, kept)))
            if kept is False:
                reason = "too_long" if state.sample.id in too_long else state.drop_reason(kept)
                dropped.write(_line({"id": state.sample.id, "reason": reason}))
            figures.add(state, kept)
    summary = {**figures.summary(), "usage": _usage(work)}
    views = figures.views()
    summary["views"] = {name: agreement.model_dump() for name, agreement in views.items()}
    calibration = work.journal.validity.calibration or {}
    if calibration:
        summary["calibration"] = calibration
    # Where similar questions tell, the verdicts do not rest on the model alone.
    questions_tell = "questions" in calibration.get("reliability", {})
    if views and not questions_tell and not any(agreement.above_chance for agreement in views.values()):
        _LOG.warning(_BY_CHANCE, ", ".join(f"{name} {view.agreed:.0%}" for name, view in views.items()))
    summary["samples"]["total"] = work.journal.count_samples("train")
    stages = work.journal.stages()
    outcomes = valid_outcomes(work.journal)
    named = {"train": "training", "evaluate": "evaluation"}
    summary |= {named[stage]: _brief(outcome) for stage, outcome in outcomes.items()}
    summary["timing"] = {name: round(seconds, 3) for name, (seconds, _) in stages.items()}
    summary["config_hash"] = fingerprints(work.config, work.prompts).run
    summary["versions"] = {
        "python": platform.python_version(),
        **{name: version(name) for name in _VERSIONED},
    }
    write_json_atomically(work.files.summary, summary)
    return summary


def _usage(work: Workspace) -> dict[str, Any]:
    """Return what the run has sent: a request that several samples share was sent once."""
    with closing(work.files.open_replies()) as replies:
        sent = replies.usage()
    by_agent = {}
    for agent in sorted(work.config.agents.by_name()):
        requests, prompts, completions = sent.get(agent, (0, 0, 0))
        by_agent[agent] = Usage(requests=requests, prompt_tokens=prompts, completion_tokens=completions)
    total = sum(by_agent.values(), Usage()).model_dump()
    return {**total, "by_agent": {agent: usage.model_dump() for agent, usage in by_agent.items()}}


def _states(work: Workspace) -> Iterator[tuple[SampleState, bool | None]]:
    for sample, entry in work.journal.entries():
        yield SampleState.from_entry(sample, entry), entry.kept


def _brief(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return a stage's outcome with lists of ids as counts; dropped.jsonl has the ids."""
    return {
        name: len(value) if isinstance(value, list) else value
        for name, value in outcome.items()
        if name != "inputs"
    }


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


class _Figures:
    """Adds up a run's figures, one sample at a time."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self._samples = dict.fromkeys(
            ("total", "clean", "noisy", "relabelled", "empty", "selected", "training", "failed"), 0
        )
        self._tally = Tally()
        self._with_gold = False
        self._views: dict[View, AgreementTally] = {"base": AgreementTally(), "reasoning": AgreementTally()}

    def add(self, state: SampleState, kept: bool | None) -> None:
        status = state.status
        self._samples["clean"] += status == "clean"
        self._samples["noisy"] += state.check is not None and not state.check.reliable
        self._samples["relabelled"] += status == "relabelled"
        self._samples["empty"] += status == "relabelled" and state.final is None
        self._samples["selected"] += status == "relabelled" and bool(kept)
        self._samples["training"] += bool(kept)
        self._samples["failed"] += status == "failed"
        gold, options = state.sample.gold, state.sample.options
        # Free text is not compared by the views; only a judge could.
        comparable = kind_of(state.sample.response, options) != "free"
        if comparable and state.check is not None:
            choices = self._numbering.size(state) if self._numbering.shared else len(options)
            asked: dict[View, bool] = {"base": state.base is not None, "reasoning": bool(state.turns)}
            for view, tally in self._views.items():
                if asked[view]:
                    tally.add(agreed=view in state.check.agreed, options=choices)
        if gold is not None and state.check is not None:
            self._with_gold = True
            final = state.final
            self._tally.add(
                judged_noisy=not state.check.reliable,
                label_right=is_right(state.sample.response, gold, options),
                relabelled=not state.check.reliable and final is not None,
                final_right=None if final is None else is_right(final, gold, options),
                kept=bool(kept),
            )

    def views(self) -> dict[View, Agreement]:
        """Return how the views meet the labels, where there is enough to tell."""
        reports = {view: tally.report() for view, tally in self._views.items()}
        return {view: report for view, report in reports.items() if report is not None}

    def summary(self) -> dict[str, Any]:
        # Without gold there is nothing to measure: no figure is better than an empty one.
        measured = self._tally.report().model_dump(exclude={"samples"}) if self._with_gold else {}
        return {"samples": self._samples, **measured}
