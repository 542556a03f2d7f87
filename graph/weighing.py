"""The calibrated checker's part that needs all samples at once: what every view is worth, and what follows.

It runs twice: when all labels have been looked at, to tell the noisy ones; and when those have been answered
again, to settle on their right responses. Neither asks a model anything.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy

from agents.checker import Check
from agents.reasoner import final_answer
from graph.decision import read_state, status_of, to_entry
from graph.numbering import Numbering
from graph.state import Conclusion, SampleState
from graph.workspace import Workspace
from stores.journal import Entry
from stores.vectors import question_vectors
from training.label_model import Estimate, Evidence, estimate, update

_LOG = logging.getLogger("robustft")
_ADDS_LITTLE = (
    "the model seems to be right less often (%s of its answers) than what similar questions tell (%.0f%%): "
    "the verdicts rest on the questions; take a larger model, or spare requests with "
    "agents.reasoner.max_reflections=0"
)

CALIBRATION = "calibration"
"""The journal's fact of what the views are worth (JSON)."""


def weigh(work: Workspace) -> None:
    """Give every label that has been looked at its noise probability, and its verdict."""
    estimated = _estimate(work)
    if estimated is None:
        return
    _, _, found = estimated
    threshold = work.config.agents.checker.threshold
    if threshold is None:
        threshold = max(float(numpy.quantile(found.noise, 1 - found.rate)), 1e-9)
    work.journal.record(_weighed(work, found, threshold))
    reliability = {name: round(share, 4) for name, share in found.reliability.items()}
    calibration = {
        "noise": round(found.rate, 4),
        "threshold": round(threshold, 6),
        "reliability": reliability,
    }
    work.journal.note(CALIBRATION, json.dumps(calibration))
    _LOG.info("%.0f%% of the labels seem to be wrong", 100 * found.rate)
    by_question = reliability.pop("questions", 0.0)
    if reliability and all(share < by_question for share in reliability.values()):
        said = ", ".join(f"{name} {share:.0%}" for name, share in reliability.items())
        _LOG.warning(_ADDS_LITTLE, said, 100 * by_question)


def settle(work: Workspace) -> None:
    """Give every sample its conclusion, in the light of the new answers."""
    estimated = _estimate(work)
    if estimated is None:
        return
    numbering, evidence, found = estimated
    reviews = [state.review.answer if state.review else None for state in _states(work)]
    numbers = [numbering.number(state, answer) for state, answer in zip(_states(work), reviews, strict=True)]
    right = update(evidence, found, numpy.array(numbers))
    work.journal.record(_settled(work, numbering, right))


def _estimate(work: Workspace) -> tuple[Numbering, Evidence, Estimate] | None:
    numbering = Numbering.of(state.sample for state in _states(work))
    given, sizes, verdicts = [], [], []
    answers: dict[str, list[int]] = {view: [] for view in work.config.agents.checker.views}
    for state in _states(work):
        given.append(numbering.number(state, state.sample.response))
        said = {"base": state.base.answer if state.base else None, "reasoning": final_answer(state.turns)}
        for view, numbers in answers.items():
            numbers.append(numbering.number(state, said[view]))
        verdicts.append(_verdict(state.check))
        sizes.append(numbering.size(state))
    if not given:
        return None
    vectors = None
    if numbering.shared:
        total = len(given)
        samples = work.journal.samples("train")
        vectors = question_vectors(
            work.files.path, samples, total, work.config.encoder, lambda done: work.report(done, total)
        )
    evidence = Evidence(
        numpy.array(given),
        {view: numpy.array(numbers) for view, numbers in answers.items()},
        numpy.array(verdicts),
        numpy.array(sizes),
        vectors,
    )
    return numbering, evidence, estimate(evidence)


def _states(work: Workspace) -> Iterator[SampleState]:
    """Yield every sample in the dataset's order; each has a decision by now."""
    for sample, entry in work.journal.entries():
        yield read_state(sample, entry)


def _weighed(work: Workspace, found: Estimate, threshold: float) -> Iterator[Entry]:
    for row, state in enumerate(_states(work)):
        if state.check is None:
            continue
        noise = float(found.noise[row])
        weights = {name: round(float(part[row]), 4) for name, part in found.weights.items()}
        changes: dict[str, Any] = {
            "reliable": noise < threshold,
            "noise": round(noise, 6),
            "weights": weights,
        }
        changes["reason"] = f"noise probability {noise:.2f}, noisy from {threshold:.2f} on"
        yield to_entry(state.model_copy(update={"check": state.check.model_copy(update=changes)}))


def _settled(work: Workspace, numbering: Numbering, right: Any) -> Iterator[Entry]:
    for row, state in enumerate(_states(work)):
        if status_of(state) == "failed":
            continue
        if status_of(state) == "clean":
            best = numbering.number(state, state.sample.response)
        else:
            best = int(right[row].argmax())
        answer = state.sample.response if status_of(state) == "clean" else numbering.response(state, best)
        confidence = float(right[row, best]) if best >= 0 else 0.0
        conclusion = Conclusion(answer=answer, confidence=round(confidence, 6)) if answer else None
        yield to_entry(state.model_copy(update={"conclusion": conclusion}))


def _verdict(check: Check | None) -> int:
    """Return what the judge said: 1 reliable, 0 noisy, -1 nothing."""
    if check is None or check.judged is None:
        return -1
    return int(check.judged == "reliable")
