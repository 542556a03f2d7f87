"""The calibrated checker's part that needs all samples at once: what every view is worth, and what follows.

It runs twice: when all labels have been looked at, to tell the noisy ones; and when those have been answered
again, to settle on their right responses. Neither asks a model anything.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy

from agents.record import Consensus
from graph.config.run import RunConfig
from graph.evidence import Collected, collect, states_of
from graph.numbering import Numbering
from graph.similarities import similarities_to
from graph.stages.stage import Workspace
from graph.state import SampleState
from stores.journal import Entry
from training.calibration.free_text import SimilarityModel, fit_similarities
from training.calibration.label_model import Estimate, estimate, update
from training.calibration.question_classifier import Numbers, Reals
from training.calibration.threshold import noise_threshold

_LOG = logging.getLogger("robustft")
_BATCH = 500
# Shares of right answers that lie closer than this are taken to be the same.
_MARGIN = 0.02
_ADDS_LITTLE = (
    "the model seems to be right less often (%s of its answers) than what similar questions tell (%.0f%%): "
    "the verdicts rest on the questions; take a larger model, or spare requests with "
    "agents.reasoner.max_reflections=0"
)

_MOST_WRONG = (
    "that is most of them. It looks the same where labels are right and neither questions nor the model's "
    "answers have anything to do with them: look at a few before you trust the result"
)


@dataclass(frozen=True)
class _Findings:
    """What is found of all samples: of those that compare, and of those that are free text."""

    collected: Collected
    estimate: Estimate | None
    similarity: SimilarityModel | None
    noise: Reals
    weights: Mapping[str, Reals]


def weigh(work: Workspace) -> None:
    """Give every label that has been looked at its noise probability, and its verdict."""
    found = _find(work)
    rate = float(found.noise.mean())
    threshold = work.config.agents.checker.threshold
    if threshold is None:
        threshold = noise_threshold(found.noise)
    work.journal.validity.invalidate_consensus()
    work.journal.record(_weighed(work, found, threshold))
    shares = found.estimate.reliability if found.estimate is not None else {}
    reliability = {name: round(share, 4) for name, share in shares.items()}
    calibration = {"noise": round(rate, 4), "threshold": round(threshold, 6), "reliability": reliability}
    work.journal.validity.validate_calibration(calibration)
    _LOG.info("%.0f%% of the labels seem to be wrong", 100 * rate)
    if rate > 0.5:
        _LOG.warning(_MOST_WRONG)
    by_question = reliability.pop("questions", 0.0)
    if reliability and all(share < by_question - _MARGIN for share in reliability.values()):
        said = ", ".join(f"{name} {share:.0%}" for name, share in reliability.items())
        _LOG.warning(_ADDS_LITTLE, said, 100 * by_question)


def settle(work: Workspace) -> None:
    """Give every sample its consensus, in the light of the new answers."""
    work.journal.record(_settled(work, _find(work)))
    work.journal.validity.validate_consensus()


def _find(work: Workspace) -> _Findings:
    collected = collect(work)
    noise = numpy.zeros(len(collected.compared) + len(collected.free))
    estimated = similarity = None
    groups: list[tuple[Numbers, Mapping[str, Reals]]] = []
    if collected.evidence is not None:
        estimated = estimate(collected.evidence)
        noise[collected.compared] = estimated.noise
        groups.append((collected.compared, estimated.weights))
    if len(collected.free):
        similarity = fit_similarities(collected.similarities, collected.verdicts)
        noise[collected.free] = similarity.noise(collected.similarities, collected.verdicts)
        names = (*work.config.agents.checker.views, "question")
        parts = dict(zip(names, similarity.weights(collected.similarities).T, strict=True))
        parts["judge"] = similarity.judged(collected.verdicts)
        parts["prior"] = numpy.full(len(collected.free), similarity.prior)
        groups.append((collected.free, parts))
    weights: dict[str, Reals] = {}
    for rows, said in groups:
        for name, part in said.items():
            weights.setdefault(name, numpy.zeros(len(noise)))[rows] = part
    return _Findings(collected, estimated, similarity, noise, weights)


def _weighed(work: Workspace, found: _Findings, threshold: float) -> Iterator[Entry]:
    for row, state in enumerate(states_of(work)):
        if state.check is None:
            continue
        noise = float(found.noise[row])
        weights = {name: round(float(part[row]), 4) for name, part in found.weights.items() if part[row]}
        changes: dict[str, Any] = {
            "reliable": noise < threshold,
            "noise": round(noise, 6),
            "weights": weights,
        }
        changes["reason"] = f"noise probability {noise:.2f}, noisy from {threshold:.2f} on"
        check = state.check.model_copy(update=changes)
        # What was answered in the light of former verdicts' clean samples would be answered otherwise now.
        yield state.before_relabeling().model_copy(update={"check": check}).to_entry()


def _settled(work: Workspace, found: _Findings) -> Iterator[Entry]:
    compared, free = _conclude_compared(work, found), _conclude_free(work, found)
    compares = found.collected.numbering.compares
    for state in states_of(work):
        consensus = next(compared if compares(state.sample) else free)
        if state.status != "failed":
            yield state.model_copy(update={"consensus": consensus}).to_entry()


def _compared(work: Workspace, numbering: Numbering) -> Iterator[SampleState]:
    return (state for state in states_of(work) if numbering.compares(state.sample))


def _conclude_compared(work: Workspace, found: _Findings) -> Iterator[Consensus | None]:
    """Yield each compared sample's likeliest response, the reviewer's answers taken into account."""
    evidence, numbering = found.collected.evidence, found.collected.numbering
    if evidence is None or found.estimate is None:
        return
    reviewed, repeats = [], []
    for state in _compared(work, numbering):
        reviewed.append(numbering.number(state, state.review.answer if state.review else None))
        repeats.append(_repeats(state, work.config))
    right = update(evidence, found.estimate, numpy.array(reviewed), numpy.array(repeats))
    for likely, state in zip(right, _compared(work, numbering), strict=True):
        answer: str | None = state.sample.response
        best = numbering.number(state, answer)
        if state.status != "clean":
            # Nobody's answer may be the likeliest, but there is nothing to train on in it.
            best = int(likely[: numbering.named(state)].argmax())
            answer = numbering.response(state, best)
        yield _conclusion(answer, likely[best] if best >= 0 else 0.0)


def _repeats(state: SampleState, config: RunConfig) -> bool:
    """Return whether a review's answer is of a model that is a view already.

    It is the relabeler's where the reviewer had nothing to settle. A model is the same by its name: it errs
    alike at whatever endpoint.
    """
    agents = config.agents
    asked = state.review is not None and state.review.reply is not None
    author, *views = (
        config.models[agent.model].name
        for agent in (agents.reviewer if asked else agents.relabeler, agents.base, agents.reasoner)
    )
    return author in views


def _conclude_free(work: Workspace, found: _Findings) -> Iterator[Consensus | None]:
    """Yield each free-text sample's response, or the reviewer's in its place, doubted by the same measure."""
    if found.similarity is None:
        return
    doubts = iter(found.noise[found.collected.free])
    compares = found.collected.numbering.compares
    states = (state for state in states_of(work) if not compares(state.sample))
    while batch := list(islice(states, _BATCH)):
        noise = numpy.fromiter(islice(doubts, len(batch)), dtype=numpy.float64)
        new = [state.review.answer if state.review else None for state in batch]
        changed = [row for row, state in enumerate(batch) if state.status != "clean" and new[row]]
        if changed:
            answers, asked = [new[row] or "" for row in changed], [batch[row] for row in changed]
            views = work.config.agents.checker.views
            noise[changed] = found.similarity.noise(similarities_to(work.encoder, answers, asked, views))
        for state, answer, doubt in zip(batch, new, noise, strict=True):
            yield _conclusion(state.sample.response if state.status == "clean" else answer, 1 - doubt)


def _conclusion(answer: str | None, confidence: float) -> Consensus | None:
    return Consensus(answer=answer, confidence=round(float(confidence), 6)) if answer else None
