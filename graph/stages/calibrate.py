"""The calibrated checker in a run: what it reads from the run's directory, and what it writes there.

The statistics are in `training/calibration/`. Detection calls `calibrate_run` when all responses are judged.
Denoising calls `conclude_run` when the noisy ones have new answers. Neither asks a model anything.

Free text is measured while detection still asks, block by block in the dataset's order. So the figures do not
depend on the order of the answers, and most are there when the last answer comes in.
"""

import logging
import threading
from collections.abc import Iterator
from functools import partial

import numpy

from agents.record import SampleRecord
from graph.config.run import RunConfig
from graph.stages.stage import Workspace
from graph.stages.threads import POLL_SECONDS
from graph.stages.turned import report_sight, turned_of
from stores.atomic import atomic_path
from training.calibration.arrays import Reals, Vectors
from training.calibration.calibrate import Calibration, calibrate, calibrated, conclude
from training.calibration.free_text import measure_similarities
from training.calibration.label_space import LabelSpace, is_free

_LOG = logging.getLogger("robustft")
_BLOCK = 256
# Shares of right answers that lie closer than this are taken to be the same.
_MARGIN = 0.02
_ADDS_LITTLE = (
    "the model seems to be right less often (%s of its answers) than a vote of similar prompts (%.0f%%), so "
    "that the verdicts rest on the prompts: take a larger model, or spare requests with "
    "agents.reasoner.max_reflections=0"
)

_MOST_WRONG = (
    "that is most of them. It looks the same where responses are right and neither prompts nor the model's "
    "answers predict them: check a few by hand before you trust the result"
)


def calibrate_run(work: Workspace) -> None:
    """Give every judged response of a run its noise probability, and its verdict."""
    found = _calibrate(work)
    work.journal.validity.invalidate_consensus()
    work.journal.record(record.to_entry() for record in calibrated(partial(_records, work), found))
    reliability = {name: round(share, 4) for name, share in found.reliability.items()}
    rate = found.noise_rate
    calibration = {
        "noise": None if rate is None else round(rate, 4),
        "threshold": round(found.threshold, 6),
        "reliability": reliability,
        "judged_alone": found.judged_alone,
        "silence": list(found.silence),
        "turned_facts": report_sight(found.sight),
    }
    work.journal.validity.validate_calibration(calibration)
    for reason in found.silence:
        _LOG.warning(reason)
    if rate is not None:
        _LOG.info("%.0f%% of the responses seem to be wrong", 100 * rate)
        if rate > 0.5:
            _LOG.warning(_MOST_WRONG)
    by_prompts = reliability.pop("prompts", 0.0)
    if reliability and all(share < by_prompts - _MARGIN for share in reliability.values()):
        said = ", ".join(f"{name} {share:.0%}" for name, share in reliability.items())
        _LOG.warning(_ADDS_LITTLE, said, 100 * by_prompts)


def conclude_run(work: Workspace) -> None:
    """Give every sample of a run its consensus, in the light of the new answers."""
    records, repeats = partial(_records, work), partial(_repeats, config=work.config)
    concluded = conclude(records, work.encoder, _calibrate(work), repeats)
    work.journal.record(record.to_entry() for record in concluded)
    work.journal.validity.validate_consensus()


def label_space_of(work: Workspace) -> LabelSpace:
    """Return the label space of a run's samples."""
    return LabelSpace.of(work.journal.samples("train"))


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


def _calibrate(work: Workspace) -> Calibration:
    """Calibrate a run's samples, with what is on its disk.

    Raises:
        WeightsError: the encoder cannot be loaded.
    """
    checker = work.config.agents.checker
    return calibrate(
        partial(_records, work),
        work.encoder,
        checker.views,
        threshold=checker.threshold,
        space=label_space_of(work),
        prompts=partial(_prompts, work),
        similarities=partial(_measured, work),
        turned=turned_of(work),
    )


def _records(work: Workspace) -> Iterator[SampleRecord]:
    """Yield every sample in the dataset's order; each has a decision by now."""
    for sample, entry in work.journal.entries():
        yield SampleRecord.from_entry(sample, entry)


def _prompts(work: Workspace) -> Vectors:
    """Return one vector a prompt, mapped from the run's disk; made first where that was not done."""
    total = work.journal.count_samples("train")
    for done in work.encoder.make(work.journal.samples("train"), total):
        work.report(done, total)
    return work.encoder.all()


def _measured(work: Workspace) -> Reals:
    """Return what `measure` found (n, views + 1); measured first where that was not done."""
    if not work.files.similarities.is_file():
        ended = threading.Event()
        ended.set()
        measure(work, work.journal.count_samples("train"), ended, threading.Event())
    rows: Reals = numpy.load(work.files.similarities, allow_pickle=False)
    return rows


def _repeats(record: SampleRecord, config: RunConfig) -> bool:
    """Return whether a review's answer is by a model that is a view already.

    Its author is the relabeler where the reviewer had nothing to decide. A model is the same by its name: it
    errs alike at whatever endpoint.
    """
    agents = config.agents
    asked = record.review is not None and record.review.reply is not None
    author = agents.reviewer if asked else agents.relabeler
    views = {config.models[agent.model].name for agent in agents.views().values()}
    return config.models[author.model].name in views
