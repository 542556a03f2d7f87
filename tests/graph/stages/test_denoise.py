"""Every noisy sample is relabelled once, in the light of clean ones, and no other sample is."""

from contextlib import closing
from pathlib import Path

import pytest

from graph.stages.calibrate import calibrate
from graph.stages.denoise import denoise
from graph.stages.detect import detect
from graph.state import RunState, SampleState
from stores.run_directory import RunDirectory
from tests.support.cases import CASES, asked
from tests.support.endpoint import Endpoint
from tests.support.judged_records import WordEncoder
from tests.support.stages import loaded, run_stage

CLEAN = {case.id for case in CASES if case.status == "clean"}
NOISY = {case.id for case in CASES if case.status == "relabelled"}


async def detected(folder: Path, endpoint: Endpoint, *settings: str) -> RunState:
    state = (await run_stage(detect, await loaded(folder, endpoint, *settings))).state
    return (await run_stage(calibrate, state)).state


def records(directory: str) -> dict[str, SampleState]:
    with closing(RunDirectory(Path(directory)).open_journal()) as journal:
        return {sample.id: SampleState.from_entry(sample, entry) for sample, entry in journal.entries()}


async def test_the_noisy_samples_are_relabelled_and_the_clean_ones_are_not_asked_about(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    state = await detected(tmp_path, endpoint)
    before = asked(endpoint)
    ended = await run_stage(denoise, state)
    assert ended.progress[-1][:3] == ("denoise", 6, 6)
    found = records(state.directory)
    assert {name for name, known in found.items() if known.status == "relabelled"} == NOISY
    assert {name: known.final for name, known in found.items()} == {case.id: case.final for case in CASES}
    new = asked(endpoint) - before
    assert {name for _, name in new} == NOISY
    assert {role for role, _ in new} == {"relabel", "review"}


async def test_what_was_relabelled_before_is_not_asked_again(tmp_path: Path, endpoint: Endpoint) -> None:
    state = await detected(tmp_path, endpoint, "run.max_failed=0", "run.concurrency=1")
    endpoint.refuse = lambda messages: 400 if "Peru" in messages[-1]["content"] else None
    with pytest.raises(Exception, match="scripted failure"):
        await run_stage(denoise, state)
    endpoint.refuse = lambda messages: None
    known = asked(endpoint)
    with closing(RunDirectory(Path(state.directory)).open_journal()) as journal:
        (failed,) = (entry for _, entry in journal.entries("failed"))
        (sample,) = (sample for sample, _ in journal.entries("failed"))
        again = SampleState.from_entry(sample, failed).model_copy(update={"failure": None})
        journal.record([again.to_entry()])
    ended = await run_stage(denoise, state)
    assert ended.progress[-1][:3] == ("denoise", 6, 6)
    assert {name for _, name in asked(endpoint) - known} <= {"b"}
    assert {name for name, found in records(state.directory).items() if found.status == "relabelled"} == NOISY


async def test_the_relabeler_is_shown_clean_samples_alone(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    state = await detected(tmp_path, endpoint, "agents.relabeler.neighbours=2")
    assert state.indexed
    await run_stage(denoise, state)
    for known in records(state.directory).values():
        if known.context is not None:
            assert len(known.context.neighbours) == 2
            assert {shown.id for shown in known.context.neighbours} <= CLEAN


async def test_where_nothing_is_noisy_no_model_is_opened(tmp_path: Path, endpoint: Endpoint) -> None:
    state = await detected(tmp_path, endpoint)
    await run_stage(denoise, state)
    endpoint.requests.clear()
    before = records(state.directory)
    await run_stage(denoise, state)
    assert endpoint.requests == []
    assert records(state.directory) == before


async def test_no_consensus_is_found_before_the_stage_that_decides(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    settings = ("agents.checker.policy=calibrated", "agents.relabeler.neighbours=0")
    state = await detected(tmp_path, endpoint, *settings)
    await run_stage(denoise, state)
    assert {known.consensus for known in records(state.directory).values()} == {None}
