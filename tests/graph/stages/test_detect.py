"""Every response without a verdict is judged, once; what the next stages need is made meanwhile."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graph.engine import RunFailedError
from graph.stages.detect import detect
from stores.examples import ExampleStore
from stores.run_directory import RunDirectory
from tests.support.cases import CASES, asked
from tests.support.endpoint import Endpoint
from tests.support.judged_records import WordEncoder, record
from tests.support.stages import loaded, run_stage

CLEAN = [case.id for case in CASES if case.status == "clean"]


async def test_every_response_is_asked_about(tmp_path: Path, endpoint: Endpoint) -> None:
    ended = await run_stage(detect, await loaded(tmp_path, endpoint))
    assert not ended.state.indexed
    assert ended.progress[-1][:3] == ("detect", 10, 10)
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        assert journal.count_status() == {"clean": 4, "noisy": 6}
        assert [sample.id for sample, _ in journal.entries("clean")] == CLEAN


async def test_a_sample_with_a_verdict_is_not_asked_about(tmp_path: Path, endpoint: Endpoint) -> None:
    state = await loaded(tmp_path, endpoint)
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        journal.record([record("Paris", "Paris", "Paris", name="z").to_entry()])
    await run_stage(detect, state)
    assert {name for _, name in asked(endpoint)} == {case.id for case in CASES} - {"z"}
    known = asked(endpoint)
    await run_stage(detect, state)
    assert asked(endpoint) == known


async def test_the_clean_samples_are_indexed_while_others_are_judged(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    state = await loaded(tmp_path, endpoint, "agents.relabeler.neighbours=2")
    encoder.encoded.clear()
    ended = await run_stage(detect, state)
    assert ended.state.indexed
    with closing(ExampleStore(RunDirectory(tmp_path / "run").chroma, encoder)) as store:
        assert len(store) == len(CLEAN)
    assert sorted(encoder.encoded) == sorted(case.query for case in CASES)


@pytest.mark.parametrize("given", [{"until": "detect"}, {}])
async def test_nothing_is_indexed_for_a_run_that_shows_no_examples(
    given: dict[str, Any], tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    neighbours = 2 if given else 0
    state = await loaded(tmp_path, endpoint, f"agents.relabeler.neighbours={neighbours}", **given)
    assert not (await run_stage(detect, state)).state.indexed
    assert not RunDirectory(tmp_path / "run").chroma.exists()
    assert encoder.encoded == []


async def test_where_verdicts_are_calibrated_none_counts_before_all_are_known(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    settings = ("agents.relabeler.neighbours=2", "agents.checker.policy=calibrated")
    ended = await run_stage(detect, await loaded(tmp_path, endpoint, *settings))
    assert not ended.state.indexed
    assert not RunDirectory(tmp_path / "run").chroma.exists()
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        assert journal.validity.calibration is None
        assert not any('"noise"' in entry.record for _, entry in journal.entries())


async def test_too_many_failures_stop_the_run_also_when_it_is_resumed(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    state = await loaded(tmp_path, endpoint, "run.max_failed=0")
    endpoint.refuse = lambda messages: 400 if "Norway" in messages[-1]["content"] else None
    for _ in range(2):
        with pytest.raises(RunFailedError, match=r"max_failed.*scripted failure"):
            await run_stage(detect, state)


async def test_a_new_verdict_makes_what_was_measured_of_the_others_invalid(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    state = await loaded(tmp_path, endpoint)
    files = RunDirectory(tmp_path / "run")
    files.similarities.write_bytes(b"")
    with closing(files.open_journal()) as journal:
        journal.validity.validate_calibration({"noise": 0.5, "threshold": 0.5})
    await run_stage(detect, state)
    assert not files.similarities.exists()
    with closing(files.open_journal()) as journal:
        assert journal.validity.calibration is None
