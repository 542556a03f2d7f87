"""The last stage: the records a run leaves for people, and its figures."""

import asyncio
import logging
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from importlib.metadata import version
from typing import Any

from agents.answers.kind import agree_with_any, sample_kind
from agents.checker import Check
from agents.record import to_decision
from graph.fingerprint import fingerprints
from graph.stages.calibrate import groups_of
from graph.stages.fill import write_skipped
from graph.stages.outcomes import too_long_samples, valid_outcomes
from graph.stages.select import choose
from graph.stages.stage import Workspace, open_stage
from graph.state import RunState, SampleState
from stores.atomic import atomic_writer
from stores.record_files import write_summary
from stores.records import (
    Agreement,
    CalibrationFigures,
    ClassShare,
    Decision,
    Dropped,
    EvaluationFigures,
    FreeText,
    JudgedAlone,
    RunUsage,
    Samples,
    Summary,
    TrainingFigures,
    TurnedFacts,
    Usage,
)
from training.balance import BalanceTally
from training.calibration.agreement import AgreementTally
from training.calibration.groups import Groups
from training.long_form import FreeTextTally
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
    figures.skipped = write_skipped(work)
    summary = _summary(work, figures)
    _warn_of_guesses(summary)
    write_summary(work.files.summary, summary)
    files = work.files
    work.keep(files.decisions, files.dropped, files.summary)
    return summary


def _write_decisions(work: Workspace) -> "_Figures":
    """Write what became of each sample, and add it up."""
    soft = work.config.training.weighting == "soft"
    figures = _Figures(groups_of(work), work.config.agents.views(), weighted=soft)
    too_long = too_long_samples(work.journal)
    selected = work.journal.validity.has_selection
    why_dropped = choose(work).dropped if selected else {}
    with atomic_writer(work.files.decisions) as decisions, atomic_writer(work.files.dropped) as dropped:
        for sample, entry in work.journal.entries():
            state = SampleState.from_entry(sample, entry)
            kept = entry.kept if selected else None
            decision = to_decision(
                state, kept, too_long=sample.id in too_long, detail=why_dropped.get(sample.id)
            )
            decisions.write(decision.to_line() + "\n")
            if decision.drop_reason is not None:
                lost = Dropped(id=sample.id, reason=decision.drop_reason, detail=decision.drop_detail)
                dropped.write(lost.to_line() + "\n")
            figures.add(state, bool(decision.kept))
            figures.count_outcomes(decision)
    return figures


def _summary(work: Workspace, figures: "_Figures") -> Summary:
    measured = figures.measured()
    outcomes = valid_outcomes(work.journal)
    return Summary(
        samples=figures.samples(work.journal.count_samples("train")),
        detection=measured.detection if measured else None,
        relabel=measured.relabel if measured else None,
        training_set=measured.training_set if measured else None,
        balance=figures.balance(),
        incomparable=figures.incomparable,
        free_text=figures.free_text(),
        views=figures.views(),
        calibration=figures.calibration(work.journal.validity.calibration),
        judged_alone=figures.judged_alone(work.journal.validity.calibration),
        turned_facts=_turned_facts(work.journal.validity.calibration),
        outcomes=figures.outcomes(),
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


def _counted_as(check: Check) -> Iterator[str]:
    """Yield what a verdict counts as, by how it came about."""
    if check.noise is not None:
        yield "calibrated"
        if not check.clean:
            yield "calibrated and noisy"
    elif check.clean and check.judged in (None, "unreadable") and not check.agreed:
        yield "unreadable"


def _turned_facts(fact: dict[str, Any] | None) -> TurnedFacts | None:
    """Return how far wrong facts can be seen; None where that was not tried. Earlier runs do not say."""
    found = fact.get("turned_facts") if fact is not None else None
    return TurnedFacts(**found) if found else None


class _Figures:
    """Adds up a run's figures, one sample at a time."""

    def __init__(self, groups: Groups, views: Iterable[str], *, weighted: bool = False) -> None:
        self._groups = groups
        self._weighted = weighted
        self._balance = BalanceTally()
        self._samples: Counter[str] = Counter()
        self._tally = Tally()
        self._with_gold = False
        self.skipped = 0
        self._views = {view: AgreementTally() for view in views}
        self._checks: Counter[str] = Counter()
        self._texts = FreeTextTally()
        self.incomparable = 0
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)

    def count_outcomes(self, decision: Decision) -> None:
        """Count the replies about a sample that were no answers."""
        for name, said in decision.agents.items():
            for turn in said.turns or (said,):
                if turn.outcome is not None:
                    self._outcomes[name][turn.outcome] += 1

    def outcomes(self) -> dict[str, dict[str, int]]:
        """Return how many replies were no answer, by agent and outcome."""
        return {name: dict(sorted(counts.items())) for name, counts in sorted(self._outcomes.items())}

    def add(self, state: SampleState, kept: bool) -> None:
        status = state.status
        self._samples["clean"] += status == "clean"
        self._samples["noisy"] += state.check is not None and not state.check.clean
        self._samples["relabelled"] += status == "relabelled"
        self._samples["empty"] += status == "relabelled" and state.final is None and not state.other_form
        self._samples["other_form"] += status == "relabelled" and state.other_form
        self._samples["kept"] += status == "relabelled" and kept
        told = status == "relabelled" and state.sample.trusted is not None
        self._samples["trusted_kept"] += told and kept
        self._samples["training"] += kept
        self._samples["failed"] += status == "failed"
        self._samples["trusted"] += state.sample.trusted is not None
        if state.check is not None:
            self._checks.update(_counted_as(state.check))
        self._add_to_balance(state, kept)
        gold = state.sample.gold
        compares = sample_kind(state.sample).comparable
        if not compares and status == "clean":
            self._texts.add_clean(state.sample.response)
        elif not compares and status == "relabelled" and state.final and state.sample.trusted is None:
            self._texts.add_relabel(state.final)
        # Free text is not compared by the views; only a judge could.
        if compares and state.sample.says_something and state.check is not None:
            choices = self._groups.choices(state.sample)
            given = (state.sample.response, *state.sample.other_responses)
            for view, answer in state.view_answers().items():
                # Where it cannot be told whether they agree, that counts neither way.
                if agree_with_any(state.sample, answer, given) is None:
                    continue
                self._views[view].add(agreed=view in state.check.agreed, options=choices)
        if gold is not None and state.check is not None:
            self._with_gold = True
            self._add_to_tally(state, state.check.clean, kept, compares)

    def _add_to_balance(self, state: SampleState, kept: bool) -> None:
        """Count a sample's class, where responses are classes and its likeliest response is one."""
        space = self._groups.space_of(state.sample)
        if space is None or not space.shared or (final := state.final) is None:
            return
        number = space.encode(state, final)
        if number >= 0 and (name := space.decode(state, number)) is not None:
            confidence = state.consensus.confidence if self._weighted and state.consensus else 1.0
            self._balance.add(name, confidence if kept else 0.0)

    def balance(self) -> dict[str, ClassShare]:
        """Return each class's shares of the data and of the training set."""
        return self._balance.report()

    def _add_to_tally(self, state: SampleState, clean: bool, kept: bool, compares: bool) -> None:
        """Count a sample whose gold is known; one that nobody can compare with it is counted apart."""
        final = state.final
        right = says_gold(state.sample.response, state.sample)
        final_right = None if final is None else says_gold(final, state.sample)
        if right is None or (final is not None and final_right is None):
            self.incomparable += 1
            return
        self._tally.add(
            judged_noisy=not clean,
            response_right=right,
            relabelled=state.is_replaced,
            final_right=final_right,
            kept=kept,
            compares=compares,
            told=state.sample.trusted is not None,
        )

    def samples(self, total: int) -> Samples:
        """Return the counts, of a dataset of this size."""
        return Samples(total=total, skipped=self.skipped, **self._samples)

    def measured(self) -> Metrics | None:
        """Return the figures that need gold; None where there is none."""
        return self._tally.report() if self._with_gold else None

    def free_text(self) -> FreeText | None:
        """Return what new free text looks like; None where there is none."""
        return self._texts.report()

    def calibration(self, fact: dict[str, Any] | None) -> CalibrationFigures | None:
        """Return what a calibration estimates; None where it estimates nothing."""
        if fact is None or fact["noise"] is None:
            return None
        return CalibrationFigures(
            # Of free text that plausibility alone tells of, nothing is estimated.
            samples=min(self._checks["calibrated"], fact.get("estimated", self._checks["calibrated"])),
            noisy=self._checks["calibrated and noisy"],
            noise_rate=fact["noise"],
            # An earlier version kept neither interval nor cautions.
            noise_interval=fact.get("noise_interval"),
            threshold=fact["threshold"],
            reliability=fact["reliability"],
            cautions=fact.get("cautions", ()),
        )

    def judged_alone(self, fact: dict[str, Any] | None) -> JudgedAlone | None:
        """Return how many samples a calibration leaves to the judge, and why; None where there are none."""
        if fact is None or not fact["silence"]:
            return None
        return JudgedAlone(
            samples=fact["judged_alone"], unreadable=self._checks["unreadable"], reasons=fact["silence"]
        )

    def views(self) -> dict[str, Agreement]:
        """Return how often the views say what the responses say, where there are samples enough."""
        reports: dict[str, Agreement | None] = {name: tally.report() for name, tally in self._views.items()}
        return {name: report for name, report in reports.items() if report is not None}
