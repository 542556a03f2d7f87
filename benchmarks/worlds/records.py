"""What the default makes of a draw in words: a run's own functions, from the judged records to selection."""

from collections.abc import Mapping, Sequence

import numpy

from agents.record import SampleRecord
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from training.calibration.arrays import Numbers
from training.calibration.calibrate import calibrate, calibrated, conclude, learn_reviewer
from training.calibration.measures import Measures
from training.selection import Candidate, SelectionConfig, select
from training.uncertainty import uncertainty_of, with_entropy
from worlds.asked import asked_in_doubt
from worlds.outcome import Outcome
from worlds.written import VIEWS, Written


def decide_as_a_run(written: Written, given: Numbers) -> Outcome:
    """Judge samples, relabel the noisy ones and select, as a run does with one model for all agents.

    Args:
        written: the draw.
        given: the numbers of the given responses (n).
    """
    measures = Measures(written.encoder)
    records = asked_in_doubt(written.records, measures)
    fitted = calibrate(lambda: records, measures, VIEWS, sight=written.sight)
    judged = [
        _relabelled(record, review)
        for record, review in zip(calibrated(lambda: records, measures, fitted), written.reviews, strict=True)
    ]
    fitted = learn_reviewer(lambda: judged, measures, fitted, lambda _: True)
    ended = [with_entropy(record) for record in conclude(lambda: judged, measures, fitted, lambda _: True)]
    final = [_number(record, names) for record, names in zip(ended, written.numbers, strict=True)]
    doubts = numpy.array([_doubt(record) for record in ended])
    return Outcome(
        numpy.where([record.is_replaced for record in ended], final, given),
        numpy.array([record.status != "clean" for record in ended]),
        fitted.noise_rate,
        warned=bool(fitted.cautions or fitted.silence),
        left_out=_left_out(ended),
        interval=fitted.noise_interval,
        doubts=None if numpy.isnan(doubts).all() else doubts,
        asked=float(numpy.mean([bool(record.turns) for record in records])),
    )


def _relabelled(record: SampleRecord, answer: str) -> SampleRecord:
    """Return a noisy sample with the new answer; a clean one as it is."""
    if record.status != "noisy":
        return record
    context = ContextAnswer(answer=answer, reply=answer, neighbours=(), log_probabilities=_entropic(answer))
    review = Review(answer=answer, reason="reviewed")
    return record.model_copy(update={"context": context, "review": review})


def _entropic(answer: str) -> tuple[float, ...]:
    """Return log-probabilities whose entropy says nothing of whether the answer is right."""
    return (-(sum(answer.encode()) % 997) / 997,)


def _left_out(ended: Sequence[SampleRecord]) -> numpy.ndarray:
    """Return which samples selection leaves out (n)."""
    candidates = []
    for record in ended:
        uncertainty = uncertainty_of(record) if record.status == "relabelled" else None
        if uncertainty is not None and record.sample.trusted is None:
            confidence = None if record.consensus is None else record.consensus.confidence
            candidates.append(Candidate(record.sample.id, uncertainty, confidence))
    kept = select(SelectionConfig(), candidates).kept
    return numpy.array(
        [
            record.status != "clean" and record.sample.id not in kept and record.sample.trusted is None
            for record in ended
        ]
    )


def _number(record: SampleRecord, names: Mapping[str, int]) -> int:
    """Return the number of a sample's final response; -1 where there is none."""
    return -1 if record.final is None else names[record.final]


def _doubt(record: SampleRecord) -> float:
    noise = record.check.noise if record.check is not None else None
    return numpy.nan if noise is None else noise
