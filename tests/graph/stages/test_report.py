"""What a run leaves for people: a line a sample, why some are left out, and figures that follow from that."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from agents.record import SampleRecord
from agents.role import Usage
from graph.stages.report import report
from graph.stages.stage import Workspace
from graph.state import RunState
from robustft import load_run
from stores.records import Decision, Dropped, JudgedAlone, Samples, Summary
from stores.replies import StoredReply
from tests.graph.stages.conftest import SAMPLES
from tests.support.judged_records import doubted, record, relabelled
from tests.support.stages import run_stage
from training.uncertainty import uncertainty_of, with_entropy


def of(name: str) -> SampleRecord:
    sample = next(sample for sample in SAMPLES if sample.id == name)
    return record(sample.response, "Paris", None, name=name, prompt=sample.prompt).model_copy(
        update={"sample": sample}
    )


def failed(known: SampleRecord) -> SampleRecord:
    return known.model_copy(update={"failure": "ModelCallError: too long"})


def decide(work: Workspace, *records: SampleRecord) -> None:
    """Record samples as selection leaves them, with the uncertainty of their new responses."""
    for known in map(with_entropy, records):
        uncertainty = uncertainty_of(known) if known.status == "relabelled" else None
        work.journal.record([replace(known.to_entry(), uncertainty=uncertainty)])


def select(work: Workspace, *chosen: str) -> None:
    work.journal.keep(set(chosen))
    work.journal.validity.validate_selection()


async def reported(work: Workspace) -> tuple[dict[str, Decision], dict[str, str], Summary]:
    """Return the decisions and the reasons for what was dropped, by id, and the summary."""
    ended = await run_stage(report, RunState(directory=str(work.files.path)))
    run = load_run(work.files.path)
    assert ended.state.summary == run.summary.to_json()
    assert ended.progress[-1][:3] == ("report", 3, 3)
    dropped: list[Dropped] = list(run.dropped())
    return (
        {decision.id: decision for decision in run.decisions()},
        {line.id: line.reason for line in dropped},
        run.summary,
    )


async def test_before_selection_nothing_is_kept_or_dropped(work: Workspace) -> None:
    decide(work, of("a"), doubted(of("b")), failed(of("c")))
    decisions, dropped, summary = await reported(work)
    assert [(known.id, known.status, known.kept) for known in decisions.values()] == [
        ("a", "clean", None),
        ("b", "noisy", None),
        ("c", "failed", None),
    ]
    assert dropped == {}
    assert summary.samples == Samples(total=3, clean=1, noisy=1, failed=1)


async def test_a_selected_sample_is_kept_and_the_others_are_dropped_with_their_reasons(
    work: Workspace,
) -> None:
    decide(work, of("a"), relabelled(of("b"), "Lima"), relabelled(of("c"), "Milan", entropy=2))
    select(work, "b")
    decisions, dropped, summary = await reported(work)
    assert {name: known.kept for name, known in decisions.items()} == {"a": True, "b": True, "c": False}
    assert dropped == {"c": "high_entropy"}
    assert {name: known.drop_detail for name, known in decisions.items()} == {
        "a": None,
        "b": None,
        "c": "entropy rank 2 of 2, 1 are kept",
    }
    (line,) = load_run(work.files.path).dropped()
    assert line.detail == decisions["c"].drop_detail
    assert summary.samples == Samples(total=3, clean=1, noisy=2, relabelled=2, kept=1, training=2)


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        (failed, "failed", "failed"),
        (lambda known: relabelled(known, None), "relabelled", "empty"),
    ],
)
async def test_a_sample_that_came_to_nothing_is_dropped_for_that(
    outcome: Callable[[SampleRecord], SampleRecord], status: str, reason: str, work: Workspace
) -> None:
    decide(work, of("a"), of("b"), outcome(of("c")))
    select(work)
    decisions, dropped, summary = await reported(work)
    assert (decisions["c"].status, decisions["c"].final, decisions["c"].kept) == (status, None, False)
    assert dropped == {"c": reason}
    assert (summary.samples.empty, summary.samples.failed) == (reason == "empty", reason == "failed")
    assert (decisions["c"].failure is not None) == (reason == "failed")


async def test_what_training_left_out_as_too_long_is_dropped_for_that(work: Workspace) -> None:
    decide(work, *map(of, "abc"))
    select(work)
    outcome = {"samples": 2, "steps": 1, "loss": 0.5, "seconds": 1.0, "dropped": ["b"], "cut": ["a", "c"]}
    retry = {
        "step": 3,
        "samples": ["a"],
        "fault": "the loss was nan",
        "cause": "unknown",
        "setting": "float32",
    }
    outcome["retry"] = {**retry, "float32": True, "halved": False}
    work.journal.end_stage("train", 1.0, json.dumps({**outcome, "inputs": "x"}))
    decisions, dropped, summary = await reported(work)
    assert {name: known.kept for name, known in decisions.items()} == {"a": True, "b": False, "c": True}
    assert dropped == {"b": "too_long"}
    assert summary.samples.training == 2
    assert summary.training is not None
    assert (summary.training.dropped, summary.training.cut, summary.training.loss) == (1, 2, 0.5)
    assert summary.training.retry is not None
    assert (summary.training.retry.step, summary.training.retry.samples) == (3, ("a",))


async def test_figures_of_decisions_that_have_changed_are_left_out(work: Workspace) -> None:
    decide(work, *map(of, "abc"))
    select(work)
    work.journal.end_stage("train", 1.0, json.dumps({"skipped": "nothing", "inputs": "x"}))
    work.journal.end_stage("evaluate", 1.0, json.dumps({"n": 4, "untuned": 0.5, "inputs": "x"}))
    _, _, summary = await reported(work)
    assert summary.training is not None
    assert summary.evaluation is not None
    assert (summary.training.skipped, summary.evaluation.untuned) == ("nothing", 0.5)
    work.journal.validity.invalidate_selection()
    decisions, _, summary = await reported(work)
    assert (summary.training, summary.evaluation) == (None, None)
    assert {known.kept for known in decisions.values()} == {None}


async def test_right_responses_are_measured_against_where_there_are_some(work: Workspace) -> None:
    decide(work, *map(of, "abc"))
    _, _, summary = await reported(work)
    assert (summary.detection, summary.relabel, summary.training_set) == (None, None, None)


async def test_the_figures_follow_from_the_right_responses(gold: Workspace) -> None:
    decide(gold, of("a"), relabelled(of("b"), "Lima"), relabelled(of("c"), "Milan", entropy=2))
    select(gold, "b")
    decisions, _, summary = await reported(gold)
    assert {name: known.gold for name, known in decisions.items()} == {"a": "Paris", "b": "Lima", "c": "Rome"}
    assert summary.detection is not None
    assert summary.relabel is not None
    assert summary.training_set is not None
    assert (summary.detection.precision, summary.detection.recall) == (0.5, 1)
    assert (summary.relabel.accuracy, summary.relabel.kept_accuracy) == (0.5, 1)
    assert (summary.training_set.purity, summary.training_set.size) == (1, 2)


async def test_a_response_that_nobody_can_compare_with_gold_is_counted_apart(gold: Workspace) -> None:
    decide(gold, of("a"), relabelled(of("b"), "Lima City"), of("c"))
    select(gold, "b")
    _, _, summary = await reported(gold)
    assert summary.relabel is not None
    assert (summary.incomparable, summary.relabel.relabelled) == (1, 0)


@pytest.fixture
def gold(work: Workspace) -> Workspace:
    """The open run, with right responses in its journal."""
    right = {"a": "Paris", "b": "Lima", "c": "Rome"}
    known = [sample.model_copy(update={"gold": right[sample.id]}) for sample in SAMPLES]
    work.journal.close()
    work.files.journal.unlink()
    work.journal = work.files.open_journal()
    work.journal.add_samples("train", known)
    return work


async def test_every_request_is_counted_for_the_agent_that_sent_it_first(work: Workspace) -> None:
    decide(work, *map(of, "abc"))
    with closing(work.files.open_replies()) as replies:
        for key, agent in ((b"1" * 16, "base"), (b"2" * 16, "base"), (b"3" * 16, "reviewer")):
            await replies.keep(key, StoredReply(agent, 7, 2, "{}", b'{"messages": []}'))
        await replies.flush()
    _, _, summary = await reported(work)
    spent = Usage(requests=2, prompt_tokens=14, completion_tokens=4)
    assert summary.usage.by_agent["base"].model_dump() == spent.model_dump()
    assert summary.usage.by_agent["checker"].requests == 0
    assert summary.usage.requests == 3


async def test_the_time_of_every_stage_and_what_it_ran_with_are_told(work: Workspace) -> None:
    decide(work, *map(of, "abc"))
    work.journal.end_stage("detect", 1.25, "{}")
    work.journal.end_stage("detect", 1.25, "{}")
    _, _, summary = await reported(work)
    assert summary.timing == {"detect": 2.5}
    assert {"python", "robustft", "langgraph"} <= summary.versions.keys()
    assert summary.config_hash


CALIBRATION = {
    "noise": 0.25,
    "threshold": 0.5,
    "reliability": {"base": 0.9},
    "judged_alone": 0,
    "silence": [],
}
FEW = "too few free-text samples (2 < 20) to calibrate: the judge decides"


def judged(known: SampleRecord, **changes: Any) -> SampleRecord:
    assert known.check is not None
    return known.model_copy(update={"check": known.check.model_copy(update=changes)})


async def test_where_nothing_is_estimated_no_estimate_is_told(work: Workspace) -> None:
    decide(work, judged(of("a"), judged="unreadable"), judged(doubted(of("b")), judged="noisy"), of("c"))
    silent = {**CALIBRATION, "noise": None, "reliability": {}, "judged_alone": 3, "silence": [FEW]}
    work.journal.validity.validate_calibration(silent)
    _, _, summary = await reported(work)
    assert summary.calibration is None
    assert summary.judged_alone == JudgedAlone(samples=3, unreadable=2, reasons=(FEW,))


async def test_an_estimate_is_of_the_samples_that_could_be_calibrated(work: Workspace) -> None:
    decide(
        work,
        judged(of("a"), judged="reliable"),
        judged(doubted(of("b")), noise=0.9),
        judged(of("c"), noise=0.1),
    )
    work.journal.validity.validate_calibration({**CALIBRATION, "judged_alone": 1, "silence": [FEW]})
    _, _, summary = await reported(work)
    assert summary.calibration is not None
    assert (summary.calibration.samples, summary.calibration.noisy) == (2, 1)
    assert summary.judged_alone == JudgedAlone(samples=1, reasons=(FEW,))


async def test_a_calibration_is_told_while_it_is_valid(work: Workspace) -> None:
    decide(work, *map(of, "abc"))
    work.journal.validity.validate_calibration(CALIBRATION)
    _, _, summary = await reported(work)
    assert summary.calibration is not None
    assert summary.calibration.noise_rate == 0.25
    work.journal.validity.invalidate_calibration()
    _, _, summary = await reported(work)
    assert summary.calibration is None
