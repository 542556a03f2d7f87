"""Of which samples the base view alone tells that the response is surely right, so that nobody else is asked.

A run learns it from the base agent's answers to all samples (`graph/stages/glance.py`). That is a calibration
like any other, of one view. Whether another agent is asked then follows from what is known of the sample, and
from nothing else. So the calibration that comes after may leave out why an answer is missing (Rubin 1976,
"Inference and Missing Data").
"""

from collections.abc import Sequence
from pathlib import Path

from agents.base import Prediction
from agents.checker import Check
from agents.record import SampleRecord
from graph.config.run import RunConfig
from stores.batcher import Batcher
from stores.encoder import load_encoder
from stores.errors import RecordError
from stores.sample import Sample
from stores.vectors import PromptEncoder, PromptVectors
from training.calibration import priors
from training.calibration.calibrate import calibrated
from training.calibration.fitted import FittedCalibration
from training.calibration.measures import Measures

VIEW = "base"
"""The view that is asked first."""
_BATCH = 64
_UNJUDGED = Check(clean=True, policy="calibrated", agreed=(), reason="a glance")


class Glance:
    """Says of a sample whether the base agent's answer leaves no doubt that the response is right.

    What is asked at the same time is decided together, in a thread.

    Args:
        folder: what was learned from the base view.
        vectors: of the run's prompts.
        config: the run's.

    Raises:
        RecordError: what was learned cannot be read, or is of other views.
        WeightsError: the encoder cannot be loaded.
    """

    def __init__(self, folder: Path, vectors: PromptVectors, config: RunConfig) -> None:
        self._fitted = FittedCalibration.load(folder)
        if self._fitted.views != (VIEW,):
            raise RecordError(f"was learned of {', '.join(self._fitted.views)}, not of {VIEW}", path=folder)
        self._measures = Measures(PromptEncoder(vectors))
        self._below = sure_below(config)
        if self._fitted.uses_prompts:
            # Now, and in one thread: two cannot import transformers at once.
            load_encoder(config.encoder)
        self._calls: Batcher[SampleRecord, bool] = Batcher(self._decide, _BATCH)

    async def is_sure(self, sample: Sample, answer: Prediction) -> bool:
        """Return whether nobody else need be asked about a sample."""
        record = glanced(sample, answer)
        return _may_be_sure(record) and await self._calls.submit(record)

    def close(self) -> None:
        """Answer those who wait, and end the thread."""
        self._calls.close()

    def _decide(self, records: Sequence[SampleRecord]) -> list[bool]:
        judged = calibrated(lambda: records, self._measures, self._fitted)
        return [is_sure(record, self._below) for record in judged]


def glanced(sample: Sample, answer: Prediction | None) -> SampleRecord:
    """Return the record of a sample that nobody but the base agent was asked about."""
    return SampleRecord(sample=sample, base=answer, check=_UNJUDGED)


def is_sure(record: SampleRecord, below: float) -> bool:
    """Return whether a sample that was judged by the base view alone is surely right."""
    noise = record.check.noise if record.check is not None else None
    return _may_be_sure(record) and noise is not None and noise < below


def _may_be_sure(record: SampleRecord) -> bool:
    # Of a trusted sample, the other views are to learn.
    return record.sample.trusted is None and record.base is not None and record.base.answer is not None


def sure_below(config: RunConfig) -> float:
    """Return the noise probability below which nobody else is asked; 0 where all agents always are."""
    checker = config.agents.checker
    if not config.calibrates or VIEW not in checker.views or len(checker.views) < 2:
        return 0.0
    below = priors.SURE_BELOW if checker.sure_below is None else checker.sure_below
    return below if checker.threshold is None else min(below, checker.threshold)
