"""The stage that decides every sample's right response, once the noisy ones have new answers.

It is a part of the calibrated checker, as `calibrate` is, and asks no model either. With any other policy the
reviewer has decided sample by sample, and there is nothing left to do here.
"""

import asyncio
from functools import partial
from typing import Any

from graph.repeats import review_repeats
from graph.stages.calibrate import fitted_of, keep_fitted, measures_of, records_of
from graph.stages.stage import Workspace, open_stage
from graph.state import RunState
from training.calibration.calibrate import conclude as conclude_records
from training.calibration.calibrate import learn_reviewer


async def conclude(state: RunState) -> dict[str, Any]:
    """Find every sample's consensus, where all samples are weighed together."""
    async with open_stage(state.directory, "conclude") as work:
        await asyncio.to_thread(_decide, work)
    return {}


def _decide(work: Workspace) -> None:
    """Find the consensus where that is asked for and not done."""
    if not work.config.calibrates:
        work.report_no_work()
        return
    if not work.journal.validity.has_consensus:
        conclude_run(work)
    total = work.journal.count_samples("train")
    work.report(total, total)


def conclude_run(work: Workspace) -> None:
    """Give every sample of a run its consensus, in the light of the new answers.

    Raises:
        RecordError: what `calibrate_run` kept cannot be read.
    """
    records, measures = partial(records_of, work), measures_of(work)
    repeats = partial(review_repeats, config=work.config)
    fitted = learn_reviewer(records, measures, fitted_of(work), repeats)
    keep_fitted(work, fitted, work.files.calibration)
    concluded = conclude_records(records, measures, fitted, repeats)
    work.journal.record(record.to_entry() for record in concluded)
    work.journal.validity.validate_consensus()
