"""One sample's decision: the record of what every agent said and what came of it."""

import json
import math
from typing import Any, Literal

from agents.role import Usage
from agents.reasoner import final_answer
from graph.state import SampleState
from stores.journal import Entry, Status
from stores.sample import Sample
from training import selection

# Less than two confidences can differ by: they have six digits.
_TIE = 1e-7

DropReason = Literal["high_entropy", "low_confidence", "failed", "empty"]


def to_entry(state: SampleState) -> Entry:
    """Return what the journal keeps of a sample's state: all of it but the sample itself."""
    return Entry(
        id=state.sample.id,
        status=status_of(state),
        record=state.model_dump_json(exclude={"sample"}, exclude_defaults=True),
        entropy=uncertainty_of(state) if final_response(state) is not None else None,
    )


def read_state(sample: Sample, entry: Entry) -> SampleState:
    """Return the state that an entry was made from."""
    return SampleState.model_validate({**json.loads(entry.record), "sample": sample})


def before_relabeling(state: SampleState) -> SampleState:
    """Return a sample's state without what came of its being relabelled."""
    return state.model_copy(update={"context": None, "review": None, "conclusion": None})


def status_of(state: SampleState) -> Status:
    """Return where a sample stands; `noisy` is judged so and not relabelled yet."""
    if state.failure is not None or state.check is None:
        return "failed"
    if state.check.reliable:
        return "clean"
    return "relabelled" if state.review is not None else "noisy"


def answers_of(state: SampleState) -> dict[str, str | None]:
    """Return what each agent that was asked answered; None where it could not be read."""
    answers: dict[str, str | None] = {}
    if state.base is not None:
        answers["base"] = state.base.answer
    if state.turns:
        answers["reasoner"] = final_answer(state.turns)
    if state.context is not None:
        answers["relabeler"] = state.context.answer
    if state.review is not None:
        answers["reviewer"] = state.review.answer
    return answers


def final_response(state: SampleState) -> str | None:
    """Return the response a sample may be trained on; None where there is none."""
    status = status_of(state)
    if status == "clean":
        return state.sample.response
    if status != "relabelled" or state.review is None:
        return None
    return state.conclusion.answer if state.conclusion is not None else state.review.answer or None


def uncertainty_of(state: SampleState) -> float | None:
    """Return what relabelled samples are selected by: the less, the surer (Eq. 8).

    It is the entropy of the context answer, or the negative logarithm of the conclusion's confidence; where
    confidences are equal, the lower entropy is surer. None where there is neither.
    """
    entropy = entropy_of(state)
    if state.conclusion is None:
        return entropy
    doubt = -math.log(max(state.conclusion.confidence, 1e-12))
    return doubt if entropy is None else doubt + _TIE * entropy / (1 + entropy)


def entropy_of(state: SampleState) -> float | None:
    """Return the entropy of the context answer (Eq. 7); None where it has no tokens."""
    if state.context is None or not state.context.log_probabilities:
        return None
    return selection.entropy(state.context.log_probabilities)


def trust_of(state: SampleState) -> float:
    """Return how far a clean sample's response can be trusted, 0 to 1: all the way unless it was weighed."""
    noise = state.check.noise if state.check is not None else None
    return 1.0 if noise is None else 1 - noise


def drop_reason(state: SampleState, kept: bool) -> DropReason | None:
    """Say why a sample is not trained on; None where it is."""
    if kept:
        return None
    if status_of(state) == "failed":
        return "failed"
    if final_response(state) is None or uncertainty_of(state) is None:
        return "empty"
    return "high_entropy" if state.conclusion is None else "low_confidence"


def usage_of(state: SampleState) -> Usage:
    """Return what a sample's views took, requests that it shares with other samples included."""
    views = [state.base, *state.turns, state.check, state.context, state.review]
    return sum((view.usage for view in views if view is not None), Usage())


def to_decision(state: SampleState, kept: bool | None) -> dict[str, Any]:
    """Return a sample's line of `decisions.jsonl` (its fields are a contract; see the README)."""
    sample = state.sample
    decision: dict[str, Any] = {
        "id": sample.id,
        "prompt": sample.prompt,
        "response": sample.response,
        "status": status_of(state),
    }
    if sample.options:
        decision["options"] = list(sample.options)
    if state.base is not None:
        decision["base"] = state.base.model_dump(exclude={"usage"})
    if state.turns:
        turns = [turn.model_dump(exclude={"usage"}, exclude_none=True) for turn in state.turns]
        decision["reasoning"] = {"turns": turns, "answer": final_answer(state.turns)}
    if state.check is not None:
        unweighed = {"noise", "weights"} if state.check.noise is None else set()
        decision["check"] = state.check.model_dump(mode="json", exclude={"usage", *unweighed})
    if state.context is not None:
        context = state.context.model_dump(mode="json", exclude={"usage"})
        decision["context"] = {**context, "entropy": entropy_of(state)}
    if state.review is not None:
        decision["review"] = state.review.model_dump(exclude={"usage"})
    if state.conclusion is not None:
        decision["conclusion"] = state.conclusion.model_dump()
    decision["final"] = final_response(state)
    decision["kept"] = kept
    if state.failure is not None:
        decision["failure"] = state.failure
    if sample.gold is not None:
        decision["gold"] = sample.gold
    decision["usage"] = usage_of(state).model_dump()
    return decision
