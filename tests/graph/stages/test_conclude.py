"""Every sample comes to its right response, once the noisy ones have new answers."""

from contextlib import closing
from pathlib import Path

import pytest

from graph.stages.calibrate import calibrate
from graph.stages.conclude import conclude
from graph.stages.denoise import denoise
from graph.stages.detect import detect
from graph.state import RunState, SampleState
from stores.run_directory import RunDirectory
from tests.support.endpoint import Endpoint
from tests.support.judged_records import WordEncoder
from tests.support.stages import loaded, run_stage

CALIBRATED = ("agents.checker.policy=calibrated", "agents.relabeler.neighbours=0")


async def relabelled_run(folder: Path, endpoint: Endpoint, *settings: str) -> RunState:
    state = await loaded(folder, endpoint, *settings)
    for stage in (detect, calibrate, denoise):
        state = (await run_stage(stage, state)).state
    return state


def records(directory: str) -> dict[str, SampleState]:
    with closing(RunDirectory(Path(directory)).open_journal()) as journal:
        return {sample.id: SampleState.from_entry(sample, entry) for sample, entry in journal.entries()}


async def test_a_calibrated_run_comes_to_a_consensus_on_every_sample_and_asks_nothing_for_that(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    state = await relabelled_run(tmp_path, endpoint, *CALIBRATED)
    requests = len(endpoint.requests)
    ended = await run_stage(conclude, state)
    assert len(endpoint.requests) == requests
    assert ended.progress[-1][:3] == ("conclude", 10, 10)
    assert [name for name, known in records(state.directory).items() if known.consensus is None] == []
    with closing(RunDirectory(Path(state.directory)).open_journal()) as journal:
        assert journal.validity.has_consensus


async def test_what_was_concluded_is_not_concluded_twice(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await relabelled_run(tmp_path, endpoint, *CALIBRATED)
    await run_stage(conclude, state)
    monkeypatch.setattr("graph.stages.conclude.conclude_run", lambda work: pytest.fail("done twice"))
    await run_stage(conclude, state)


async def test_where_the_reviewer_decides_alone_the_stage_says_that_it_has_no_work(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    state = await relabelled_run(tmp_path, endpoint)
    before = records(state.directory)
    ended = await run_stage(conclude, state)
    assert ended.progress[-1].note == "no work: the policy is hybrid"
    assert records(state.directory) == before
