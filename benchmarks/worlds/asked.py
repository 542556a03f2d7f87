"""About which samples a run asks its other agents, once the base agent has answered all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy

from agents.record import SampleRecord
from graph.glance import VIEW, glanced, is_sure
from training.calibration import priors
from training.calibration.arrays import Bools
from training.calibration.calibrate import calibrate, calibrated
from training.calibration.groups import Groups
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import estimate
from training.calibration.measures import Measures


def in_doubt(matrix: LabelMatrix) -> Bools:
    """Return where the base view alone leaves a doubt, or is to teach the other views (n)."""
    base = matrix.answers[VIEW]
    alone = replace(matrix, answers={VIEW: base}, verdicts=numpy.full(len(matrix), -1))
    doubt: Bools = (estimate(alone).noise >= priors.SURE_BELOW) | (base < 0)
    return doubt if matrix.trusted is None else doubt | (matrix.trusted >= 0)


def asked_where(matrix: LabelMatrix, rows: Bools) -> LabelMatrix:
    """Return what is known where nobody but the base agent was asked about the other samples."""
    answers = {
        view: said if view == VIEW else numpy.where(rows, said, -1) for view, said in matrix.answers.items()
    }
    return replace(matrix, answers=answers, verdicts=numpy.where(rows, matrix.verdicts, -1))


def asked_in_doubt(records: Sequence[SampleRecord], measures: Measures) -> list[SampleRecord]:
    """Return records as a run has them, which asks nobody else where the base agent leaves no doubt."""
    alone = [glanced(record.sample, record.base) for record in records]
    groups = Groups.of(record.sample for record in records).without_texts()
    fitted = calibrate(lambda: alone, measures, (VIEW,), groups=groups)
    return [
        _unasked(record) if is_sure(judged, priors.SURE_BELOW) else record
        for record, judged in zip(records, calibrated(lambda: alone, measures, fitted), strict=True)
    ]


def _unasked(record: SampleRecord) -> SampleRecord:
    check = record.check
    return record.model_copy(
        update={"turns": [], "check": check and check.model_copy(update={"judged": None})}
    )
