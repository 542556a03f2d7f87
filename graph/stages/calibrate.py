"""The stage that decides every verdict, once all agents have said what they think of the responses.

It is a part of the calibrated checker: the statistics are in `training/calibration/`, and no model is asked.
With any other policy the checker has decided sample by sample, and there is nothing left to do here.

Free text is measured while detection still asks, block by block in the dataset's order. So the figures do not
depend on the order of the answers, and most are there when the last answer comes in.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from agents.record import SampleRecord
from graph.run_weights import figures_of_weights, load_weights
from graph.stages.stage import Workspace, open_stage
from graph.stages.threads import POLL_SECONDS
from graph.stages.turned import figures_of, sight_of
from graph.state import RunState
from stores.atomic import atomic_path
from training.calibration.arrays import Reals, Vectors
from training.calibration.calibrate import calibrate as calibrate_records
from training.calibration.calibrate import calibrated
from training.calibration.facts import FactSight
from training.calibration.fitted import FittedCalibration
from training.calibration.fitted_files import FILES as FITTED
from training.calibration.free_text import measure_similarities
from training.calibration.groups import Groups
from training.calibration.label_space import is_free
from training.calibration.measures import Measures

_LOG = logging.getLogger("robustft")
_BLOCK = 256


async def calibrate(state: RunState) -> dict[str, Any]:
    """Decide which responses are noisy, where that is told from all samples together (Eq. 3)."""
    async with open_stage(state.directory, "calibrate") as work:
        return {"noisy": await asyncio.to_thread(_decide, work)}


def _decide(work: Workspace) -> int:
    """Calibrate the verdicts where that is asked for and not done; returns how many are noisy."""
    if work.config.calibrates:
        if not _is_calibrated(work):
            calibrate_run(work)
        total = work.journal.count_samples("train")
        work.report(total, total)
    else:
        work.report_no_work()
    counts = work.journal.count_status()
    return counts.get("noisy", 0) + counts.get("relabelled", 0)


def _is_calibrated(work: Workspace) -> bool:
    """Return whether the verdicts are valid, and what was learned is kept as long as it is needed."""
    return work.journal.validity.calibration is not None and has_fitted(work, work.files.calibration)


def has_fitted(work: Workspace, folder: Path) -> bool:
    """Say whether what was learned is kept in a folder, as it was written."""
    return work.has_whole(*(folder / name for name in FITTED))


def keep_fitted(work: Workspace, fitted: FittedCalibration, folder: Path) -> None:
    """Keep what was learned in a folder."""
    fitted.save(folder)
    work.keep(*(folder / name for name in FITTED))


def calibrate_run(work: Workspace) -> None:
    """Give every judged response of a run its noise probability, and its verdict.

    What was learned is kept in the run's directory, and decides its samples and new ones from then on.
    """
    sight = sight_of(work)
    records, measures, fitted = partial(records_of, work), measures_of(work), _calibrate(work, sight)
    work.journal.validity.invalidate_calibration()
    keep_fitted(work, fitted, work.files.calibration)
    work.journal.record(record.to_entry() for record in calibrated(records, measures, fitted))
    calibration = {**figures_of_weights(fitted), "turned_facts": figures_of(sight)}
    work.journal.validity.validate_calibration(calibration)
    _warn(fitted)


def groups_of(work: Workspace) -> Groups:
    """Return the groups of a run's samples."""
    return Groups.of(work.journal.samples("train"))


def measure(work: Workspace, total: int, ended: threading.Event, failed: threading.Event) -> None:
    """Measure all free-text responses of a run, and keep that in its directory.

    Args:
        work: the run.
        total: the size of the dataset.
        ended: set when all responses have been judged.
        failed: set when the similarities are not needed any more.
    """
    views = work.config.agents.checker.views
    rows = numpy.full((total, len(views) + 1), numpy.nan)
    for start in range(0, total, _BLOCK):
        size = min(_BLOCK, total - start)
        while len(entries := work.journal.entries_from(start, size)) < size:
            if failed.is_set() or ended.is_set():
                return
            ended.wait(POLL_SECONDS)
        records = [SampleRecord.from_entry(sample, entry) for sample, entry in entries]
        places = [place for place, record in enumerate(records) if is_free(record.sample)]
        if places:
            free = [records[place] for place in places]
            responses = [record.sample.response for record in free]
            measured = measure_similarities(work.encoder, responses, free, views)
            rows[[start + place for place in places]] = measured
        if failed.is_set():
            return
        if ended.is_set():
            work.report(start + size, total)
    with atomic_path(work.files.similarities) as part, part.open("xb") as file:
        numpy.save(file, rows, allow_pickle=False)
    work.keep(work.files.similarities)


def _calibrate(work: Workspace, sight: FactSight | None) -> FittedCalibration:
    checker, groups = work.config.agents.checker, groups_of(work)
    records, measures = partial(records_of, work), measures_of(work)
    return calibrate_records(
        records, measures, checker.views, threshold=checker.threshold, groups=groups, sight=sight
    )


def fitted_of(work: Workspace) -> FittedCalibration:
    """Return what a run has learned; learned anew where an earlier version did not keep it.

    Raises:
        RecordError: it cannot be read, or is not this run's.
    """
    if not work.files.calibration.exists():
        return _calibrate(work, sight_of(work))
    return load_weights(work.files, work.config, work.journal.validity.calibration)


def measures_of(work: Workspace) -> Measures:
    """Return the vectors and similarities that are on a run's disk."""
    return Measures(work.encoder, partial(_prompts, work), partial(_measured, work))


def _warn(fitted: FittedCalibration) -> None:
    """Say what a person should know of a calibration."""
    for reason in fitted.silence:
        _LOG.warning(reason)
    if fitted.noise_rate is not None:
        _LOG.info("%.0f%% of the responses seem to be wrong", 100 * fitted.noise_rate)
    for caution in fitted.cautions:
        _LOG.warning(caution)


def records_of(work: Workspace) -> Iterator[SampleRecord]:
    """Yield every sample in the dataset's order; each has a decision by now."""
    for sample, entry in work.journal.entries():
        yield SampleRecord.from_entry(sample, entry)


def _prompts(work: Workspace) -> Vectors:
    """Return one vector a prompt, mapped from the run's disk; made first where that was not done."""
    total = work.journal.count_samples("train")
    for done in work.encoder.make(partial(work.journal.samples, "train"), total):
        work.report(done, total)
    return work.encoder.all()


def _measured(work: Workspace) -> Reals:
    """Return what `measure` found (n, views + 1); measured first where that was not done."""
    if not work.has_whole(work.files.similarities):
        ended = threading.Event()
        ended.set()
        measure(work, work.journal.count_samples("train"), ended, threading.Event())
    rows: Reals = numpy.load(work.files.similarities, allow_pickle=False)
    return rows
