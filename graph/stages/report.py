"""The last stage: the records a run leaves for people, and its figures."""

import asyncio
import logging
import platform
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import version
from typing import Any

from agents.answers.kind import agree_with_any, sample_kind
from agents.record import to_decision
from graph.fingerprint import fingerprints
from graph.stages.calibrate import label_space_of
from graph.stages.outcomes import too_long_samples, valid_outcomes
from graph.stages.stage import Workspace, open_stage
from graph.state import RunState, SampleState
from stores.atomic import atomic_writer
from stores.record_files import write_summary
from stores.records import (
    Agreement,
    CalibrationFigures,
    Dropped,
    EvaluationFigures,
    RunUsage,
    Samples,
    Summary,
    TrainingFigures,
    Usage,
)
from training.calibration.agreement import AgreementTally
from training.calibration.label_space import LabelSpace
from training.metrics import Metrics, Tally, says_gold

_LOG = logging.getLogger("robustft")
_BY_CHANCE = (
    "the model's answers agree with the responses no more often than a guess would (%s): either the model "
    "cannot do this task, or the responses are noise; take a larger model before you trust the result"
)
_VERSIONED = ("robustft", "langgraph", "langchain-core", "transformers", "trl", "peft", "chromadb", "torch")


async def report(state: RunState) -> dict[str, Any]:
    """Write decisions.jsonl, dropped.jsonl and summary.json from the journal."""
    async with open_stage(state.directory, "report") as work:
        summary = await asyncio.to_thread(_report, work)
        work.report(summary.samples.total, summary.samples.total)
    return {"summary": summary.to_json()}


def _report(work: Workspace) -> Summary:
    figures = _write_decisions(work)
    summary = _summary(work, figures)
    _warn_of_guesses(summary)
    write_summary(work.files.summary, summary)
    return summary


def _write_decisions(work: Workspace) -> "_Figures":
    """Write what became of each sample, and add it up."""
    figures = _Figures(label_space_of(work), work.config.agents.views())
    too_long = too_long_samples(work.journal)
    selected = work.journal.validity.has_selection
    with atomic_writer(work.files.decisions) as decisions, atomic_writer(work.files.dropped) as dropped:
        for sample, entry in work.journal.entries():
            state = SampleState.from_entry(sample, entry)
            kept = entry.kept if selected else None
            decision = to_decision(state, kept, too_long=sample.id in too_long)
            decisions.write(decision.to_line() + "\n")
            if decision.drop_reason is not None:
                dropped.write(Dropped(id=sample.id, reason=decision.drop_reason).to_line() + "\n")
            figures.add(state, bool(decision.kept))
    return figures


def _summary(work: Workspace, figures: "_Figures") -> Summary:
    measured = figures.measured()
    outcomes = valid_outcomes(work.journal)
    return Summary(
        samples=figures.samples(work.journal.count_samples("train")),
        detection=measured.detection if measured else None,
        relabel=measured.relabel if measured else None,
        training_set=measured.training_set if measured else None,
        views=figures.views(),
        calibration=_calibration(work),
        usage=_usage(work),
        training=TrainingFigures(**_counted(outcomes["train"])) if "train" in outcomes else None,
        evaluation=EvaluationFigures(**_counted(outcomes["evaluate"])) if "evaluate" in outcomes else None,
        timing={name: round(seconds, 3) for name, (seconds, _) in work.journal.stages().items()},
        config_hash=fingerprints(work.config, work.prompts).run,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in _VERSIONED},
        },
    )


def _warn_of_guesses(summary: Summary) -> None:
    # Where similar prompts tell something, the verdicts do not rest on the model alone.
    views = summary.views
    prompts_tell = summary.calibration is not None and "prompts" in summary.calibration.reliability
    if views and not prompts_tell and not any(agreement.above_chance for agreement in views.values()):
        _LOG.warning(_BY_CHANCE, ", ".join(f"{name} {view.agreed:.0%}" for name, view in views.items()))


def _calibration(work: Workspace) -> CalibrationFigures | None:
    fact = work.journal.validity.calibration
    if fact is None:
        return None
    return CalibrationFigures(
        noise_rate=fact["noise"], threshold=fact["threshold"], reliability=fact["reliability"]
    )


def _usage(work: Workspace) -> RunUsage:
    with closing(work.files.open_replies()) as replies:
        sent = replies.usage()
    by_agent = {}
    for agent in sorted(work.config.agents.by_name()):
        requests, prompts, completions = sent.get(agent, (0, 0, 0))
        by_agent[agent] = Usage(requests=requests, prompt_tokens=prompts, completion_tokens=completions)
    total = sum(by_agent.values(), Usage())
    return RunUsage(**total.model_dump(), by_agent=by_agent)


def _counted(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return a stage's outcome with lists of ids as counts; dropped.jsonl has the ids."""
    return {name: len(value) if isinstance(value, list) else value for name, value in outcome.items()}


class _Figures:
    """Adds up a run's figures, one sample at a time."""

    def __init__(self, space: LabelSpace, views: Iterable[str]) -> None:
        self._space = space
        self._samples: Counter[str] = Counter()
        self._tally = Tally()
        self._with_gold = False
        self._views = {view: AgreementTally() for view in views}

    def add(self, state: SampleState, kept: bool) -> None:
        status = state.status
        self._samples["clean"] += status == "clean"
        self._samples["noisy"] += state.check is not None and not state.check.clean
        self._samples["relabelled"] += status == "relabelled"
        self._samples["empty"] += status == "relabelled" and state.final is None
        self._samples["kept"] += status == "relabelled" and kept
        self._samples["training"] += kept
        self._samples["failed"] += status == "failed"
        gold, options = state.sample.gold, state.sample.options
        # Free text is not compared by the views; only a judge could.
        if sample_kind(state.sample).comparable and state.check is not None:
            choices = self._space.size(state) if self._space.shared else len(options)
            given = (state.sample.response, *state.sample.other_responses)
            for view, answer in state.view_answers().items():
                # Where it cannot be told whether they agree, that counts neither way.
                if agree_with_any(state.sample, answer, given) is None:
                    continue
                self._views[view].add(agreed=view in state.check.agreed, options=choices)
        if gold is not None and state.check is not None:
            self._with_gold = True
            final = state.final
            self._tally.add(
                judged_noisy=not state.check.clean,
                response_right=bool(says_gold(state.sample.response, state.sample)),
                relabelled=not state.check.clean and final is not None,
                final_right=None if final is None else bool(says_gold(final, state.sample)),
                kept=kept,
            )

    def samples(self, total: int) -> Samples:
        """Return the counts, of a dataset of this size."""
        return Samples(total=total, **self._samples)

    def measured(self) -> Metrics | None:
        """Return the figures that need gold; None where there is none."""
        return self._tally.report() if self._with_gold else None

    def views(self) -> dict[str, Agreement]:
        """Return how often the views say what the responses say, where there are samples enough."""
        reports: dict[str, Agreement | None] = {name: tally.report() for name, tally in self._views.items()}
        return {name: report for name, report in reports.items() if report is not None}
