"""Calibration reads what the run's directory holds, and keeps there what it finds."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from agents.checker import Check, Judgement
from agents.record import SampleRecord
from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.stages.calibrate import calibrate, calibrate_run, groups_of, measure
from graph.stages.conclude import conclude_run
from graph.stages.detect import detect
from graph.stages.stage import Workspace
from graph.state import SampleState
from stores.run_directory import RunDirectory
from stores.sample import Sample
from stores.staged_run import StagedRun
from tests.support.endpoint import Endpoint
from tests.support.judged_records import WordEncoder, record, relabelled
from tests.support.stages import loaded, run_stage
from training.calibration.calibrate import calibrated
from training.calibration.fitted import FittedCalibration
from training.calibration.measures import Measures

KINDS = ("animal", "plant", "vehicle")
TEXT = "It is the large old town of number {} in the north of the land, by the sea and the lake."
# Every second response is free text; each is answered by both views in words of their own.
COUNT = 60


def sample_of(number: int) -> Sample:
    kind = KINDS[number % 3]
    if number % 2 == 1:
        return Sample(id=f"{number:02}", prompt=f"Tell of town {number}.", response=TEXT.format(number))
    return Sample(id=f"{number:02}", prompt=f"What is a {kind} of {number}?", response=kind, options=KINDS)


def judged(sample: Sample) -> SampleRecord:
    said = sample.response if sample.options else f"{sample.response} Yes."
    if int(sample.id) % 6 == 1:
        said = f"Nobody {sample.id} ever asked for such long talk about other matters than those meant here."
    return record(sample.response, said, said).model_copy(update={"sample": sample})


@pytest.fixture
def run(tmp_path: Path, encoder: WordEncoder) -> Iterator[Workspace]:
    """An open run in which every response is judged, of choices and of free text."""
    opened = begin(tmp_path / "run", COUNT)
    yield opened
    opened.journal.close()


@pytest.fixture
def small_run(tmp_path: Path, encoder: WordEncoder) -> Iterator[Workspace]:
    """The same with no more than twelve free texts."""
    opened = begin(tmp_path / "small", 24)
    yield opened
    opened.journal.close()


def begin(folder: Path, count: int) -> Workspace:
    config = RunConfig()
    staged = StagedRun(folder, config.to_yaml(), load_prompts(config).texts)
    staged.journal.add_samples("train", map(sample_of, range(count)))
    staged.commit()
    opened = Workspace(folder, "detect", lambda event: None)
    opened.journal.record(judged(sample_of(number)).to_entry() for number in range(count))
    return opened


def event(*, is_set: bool) -> threading.Event:
    found = threading.Event()
    if is_set:
        found.set()
    return found


def measured(run: Workspace, *, ended: bool = True, failed: bool = False) -> None:
    measure(run, COUNT, event(is_set=ended), event(is_set=failed))


def records(run: Workspace) -> list[SampleState]:
    return [SampleState.from_entry(sample, entry) for sample, entry in run.journal.entries()]


def checks(run: Workspace) -> list[Check]:
    return [known.check for known in records(run) if known.check is not None]


def test_every_judged_response_gets_a_noise_probability(run: Workspace) -> None:
    assert {check.noise for check in checks(run)} == {None}
    calibrate_run(run)
    found = checks(run)
    assert len(found) == COUNT
    assert all(check.noise is not None and 0 <= check.noise <= 1 for check in found)
    fact = run.journal.validity.calibration
    assert fact is not None
    shares = {"noise", "noise_interval", "estimated", "threshold", "reliability"}
    assert shares | {"judged_alone", "silence", "cautions", "turned_facts"} == fact.keys()


@pytest.mark.parametrize(
    ("judge", "verdicts"), [("reliable", {True}), ("noisy", {False}), ("unreadable", {True}), (None, {True})]
)
def test_too_little_free_text_is_judged_by_the_judge_alone_in_one_line(
    judge: Judgement | None, verdicts: set[bool], small_run: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    run = small_run
    judged = records(run)
    for known in judged:
        if known.check is not None and not known.sample.options:
            known.check = known.check.model_copy(update={"judged": judge})
    run.journal.record(known.to_entry() for known in judged)
    calibrate_run(run)
    said = [line.getMessage() for line in caplog.records if "judge" in line.getMessage()]
    assert said == ["too few free-text samples (12 < 20) to calibrate: the judge decides"]
    free = [known.check for known in records(run) if known.check and not known.sample.options]
    assert {(check.noise, check.clean) for check in free} == {(None, clean) for clean in verdicts}
    assert not any(check.weights for check in free)
    others = [known.check for known in records(run) if known.check and known.sample.options]
    assert all(check.noise is not None for check in others)
    conclude_run(run)
    assert all(known.consensus is None for known in records(run) if not known.sample.options)
    assert any(known.consensus is not None for known in records(run))


def test_a_calibration_makes_every_consensus_invalid(run: Workspace) -> None:
    run.journal.validity.validate_consensus()
    calibrate_run(run)
    assert not run.journal.validity.has_consensus


def test_the_same_records_are_calibrated_alike(run: Workspace) -> None:
    calibrate_run(run)
    before = records(run), run.journal.validity.calibration
    calibrate_run(run)
    assert (records(run), run.journal.validity.calibration) == before


def test_a_row_is_measured_for_every_sample_and_holds_numbers_for_free_text_alone(run: Workspace) -> None:
    measured(run)
    rows = numpy.load(run.files.similarities, allow_pickle=False)
    assert rows.shape == (COUNT, len(run.config.agents.checker.views) + 1)
    free = [number % 2 == 1 for number in range(COUNT)]
    assert (~numpy.isnan(rows).any(1)).tolist() == free
    assert (numpy.abs(rows[free]) <= 1 + 1e-6).all()


def test_what_was_measured_is_read_and_not_measured_again(run: Workspace, encoder: WordEncoder) -> None:
    measured(run)
    encoder.encoded.clear()
    calibrate_run(run)
    assert sorted(encoder.encoded) == sorted(sample_of(number).prompt for number in range(COUNT))
    encoder.encoded.clear()
    calibrate_run(run)
    assert encoder.encoded == []


def test_verdicts_on_free_text_follow_from_the_similarities_that_are_there(run: Workspace) -> None:
    measured(run)
    rows = numpy.load(run.files.similarities, allow_pickle=False)
    # Every third text is far from what the views say.
    far = [number for number in range(COUNT) if number % 6 == 1]
    near = [number for number in range(COUNT) if number % 2 == 1 and number not in far]
    spread = numpy.random.default_rng(0).normal(0, 0.03, rows.shape)
    rows[near], rows[far] = 0.8 + spread[near], 0.2 + spread[far]
    numpy.save(run.files.similarities, rows, allow_pickle=False)
    calibrate_run(run)
    noise = [check.noise for check in checks(run)]
    assert min(noise[number] or 0 for number in far) > 0.9
    assert max(noise[number] or 0 for number in near) < 0.1


def test_where_nothing_was_measured_it_is_measured_first(run: Workspace) -> None:
    assert not run.files.similarities.exists()
    calibrate_run(run)
    lazily = run.files.similarities.read_bytes()
    run.files.similarities.unlink()
    measured(run)
    assert run.files.similarities.read_bytes() == lazily


def test_measuring_block_by_block_measures_the_same(run: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(run)
    whole = numpy.load(run.files.similarities, allow_pickle=False)
    monkeypatch.setattr("graph.stages.calibrate._BLOCK", 5)
    measured(run)
    assert numpy.array_equal(numpy.load(run.files.similarities, allow_pickle=False), whole, equal_nan=True)


@pytest.mark.parametrize(("ended", "failed"), [(True, False), (False, True)])
def test_what_is_not_judged_is_not_waited_for_where_no_verdict_is_to_come(
    ended: bool, failed: bool, run: Workspace
) -> None:
    run.journal.forget()
    measured(run, ended=ended, failed=failed)
    assert not run.files.similarities.exists()


def test_what_failed_half_way_leaves_no_measures(run: Workspace) -> None:
    measured(run, failed=True)
    assert not run.files.similarities.exists()


def test_every_sample_gets_a_consensus_in_the_light_of_the_new_answers(run: Workspace) -> None:
    calibrate_run(run)
    first = relabelled(records(run)[0], "plant")
    run.journal.record([first.model_copy(update={"consensus": None}).to_entry()])
    conclude_run(run)
    found = records(run)
    assert run.journal.validity.has_consensus
    for known in found:
        if known.status != "noisy":
            assert known.consensus is not None
            assert 0 < known.consensus.confidence <= 1
    assert found[0].consensus is not None
    assert found[0].consensus.answer in KINDS


def test_what_was_learned_is_kept_and_decides_each_sample_alone_as_the_run_did(
    run: Workspace, encoder: WordEncoder
) -> None:
    before = {known.sample.id: known for known in records(run)}
    calibrate_run(run)
    fitted, measures = FittedCalibration.load(run.files.calibration), Measures(encoder)
    for known in records(run)[::5]:
        (alone,) = calibrated(lambda one=before[known.sample.id]: [one], measures, fitted)
        assert alone.check == known.check


def test_a_run_of_before_that_kept_nothing_learns_it_anew(run: Workspace) -> None:
    calibrate_run(run)
    shutil.rmtree(run.files.calibration)
    conclude_run(run)
    assert run.journal.validity.has_consensus
    assert FittedCalibration.load(run.files.calibration).models


def test_the_groups_are_those_of_the_training_samples(run: Workspace) -> None:
    groups = groups_of(run)
    assert [group.nature for group in groups.groups] == ["options", "text"]
    assert groups.choices(records(run)[0].sample) == len(KINDS)


async def test_the_stage_decides_which_responses_are_noisy_and_counts_them(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    asked = await run_stage(detect, await loaded(tmp_path, endpoint, "agents.checker.policy=calibrated"))
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        assert journal.validity.calibration is None
        assert not any('"noise"' in entry.record for _, entry in journal.entries())
    requests = len(endpoint.requests)
    ended = await run_stage(calibrate, asked.state)
    assert len(endpoint.requests) == requests, "no model is asked"
    assert ended.progress[-1][:3] == ("calibrate", 10, 10)
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        assert journal.validity.calibration is not None
        assert all('"noise"' in entry.record for _, entry in journal.entries())
        assert ended.state.noisy == journal.count_status().get("noisy", 0)


async def test_what_is_calibrated_is_not_calibrated_again(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await run_stage(detect, await loaded(tmp_path, endpoint, "agents.checker.policy=calibrated"))
    first = await run_stage(calibrate, asked.state)
    monkeypatch.setattr("graph.stages.calibrate.calibrate_run", lambda work: pytest.fail("done twice"))
    assert (await run_stage(calibrate, asked.state)).state.noisy == first.state.noisy


async def test_where_the_checker_decides_alone_the_stage_says_that_it_has_no_work(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    ended = await run_stage(calibrate, (await run_stage(detect, await loaded(tmp_path, endpoint))).state)
    assert ended.state.noisy == 6
    assert ended.progress[-1].note == "no work: the policy is hybrid"
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        assert journal.validity.calibration is None


async def test_a_run_whose_weights_are_lost_is_calibrated_again(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    asked = await run_stage(detect, await loaded(tmp_path, endpoint, "agents.checker.policy=calibrated"))
    state = (await run_stage(calibrate, asked.state)).state
    files = RunDirectory(tmp_path / "run")
    shutil.rmtree(files.calibration)
    await run_stage(calibrate, state)
    assert files.calibration.is_dir(), "what decides the consensus is what decided the verdicts"
    shutil.rmtree(files.calibration)
    with closing(files.open_journal()) as journal:
        journal.validity.validate_consensus()
    await run_stage(calibrate, state)
    assert files.calibration.is_dir(), "new samples are decided by it"
    with closing(files.open_journal()) as journal:
        assert not journal.validity.has_consensus
