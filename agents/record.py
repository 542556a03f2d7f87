"""The record of one sample: what every agent said of it, where it stands, and what came of it."""

import json
import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn, final_answer
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from agents.role import Usage
from stores.journal import Entry, Status
from stores.sample import Sample

# Less than two confidences can differ by: they have six digits.
_TIE = 1e-7
# What an agent's part holds that is no part of a decision: the cost is added up, the key is the run's own.
_BESIDE = {"usage", "reply_key"}

DropReason = Literal["high_entropy", "low_confidence", "failed", "empty"]


class Consensus(BaseModel):
    """What all views of all samples together say of one: its right response, and how likely that is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str
    confidence: float


class SampleRecord(BaseModel):
    """One sample with what the agents said of it; each agent adds its part, none changes another's."""

    model_config = ConfigDict(extra="forbid")

    sample: Sample
    base: Prediction | None = None
    turns: list[Turn] = []
    check: Check | None = None
    context: ContextAnswer | None = None
    review: Review | None = None
    consensus: Consensus | None = None
    """Only where the checker is calibrated: known once all samples have been relabelled."""
    failure: str | None = None
    """Why the sample could not be finished; set by whoever drives the graph, never by a node."""

    @classmethod
    def from_entry(cls, sample: Sample, entry: Entry) -> Self:
        """Return the record that a journal's entry was made from."""
        return cls.model_validate({**json.loads(entry.record), "sample": sample})

    def to_entry(self) -> Entry:
        """Return what the journal keeps of the record: all of it but the sample itself."""
        return Entry(
            id=self.sample.id,
            status=self.status,
            record=self.model_dump_json(exclude={"sample"}, exclude_defaults=True),
            entropy=self.uncertainty if self.final is not None else None,
        )

    def before_relabeling(self) -> Self:
        """Return the record without what came of the sample's being relabelled."""
        return self.model_copy(update={"context": None, "review": None, "consensus": None})

    @property
    def status(self) -> Status:
        """Where the sample stands; `noisy` is judged so and not relabelled yet."""
        if self.failure is not None or self.check is None:
            return "failed"
        if self.check.reliable:
            return "clean"
        return "relabelled" if self.review is not None else "noisy"

    def answers(self) -> dict[str, str | None]:
        """Return what each agent that was asked answered; None where it could not be read."""
        answers: dict[str, str | None] = {}
        if self.base is not None:
            answers["base"] = self.base.answer
        if self.turns:
            answers["reasoner"] = final_answer(self.turns)
        if self.context is not None:
            answers["relabeler"] = self.context.answer
        if self.review is not None:
            answers["reviewer"] = self.review.answer
        return answers

    @property
    def final(self) -> str | None:
        """The response the sample may be trained on; None where there is none."""
        if self.status == "clean":
            return self.sample.response
        if self.status != "relabelled" or self.review is None:
            return None
        return self.consensus.answer if self.consensus is not None else self.review.answer or None

    @property
    def uncertainty(self) -> float | None:
        """What relabelled samples are selected by: the less, the surer (Eq. 8).

        It is the entropy of the context answer, or the negative logarithm of the consensus' confidence; where
        confidences are equal, the lower entropy is surer. None where there is neither.
        """
        entropy = self.context.entropy if self.context is not None else None
        if self.consensus is None:
            return entropy
        uncertainty = -math.log(max(self.consensus.confidence, 1e-12))
        return uncertainty if entropy is None else uncertainty + _TIE * entropy / (1 + entropy)

    @property
    def trust(self) -> float:
        """How far a clean sample's response can be trusted, 0 to 1: all the way unless it was calibrated."""
        noise = self.check.noise if self.check is not None else None
        return 1.0 if noise is None else 1 - noise

    @property
    def usage(self) -> Usage:
        """What the agents took, requests that the sample shares with other samples included."""
        views = [self.base, *self.turns, self.check, self.context, self.review]
        return sum((view.usage for view in views if view is not None), Usage())

    def drop_reason(self, kept: bool) -> DropReason | None:
        """Say why the sample is not trained on; None where it is."""
        if kept:
            return None
        if self.status == "failed":
            return "failed"
        if self.final is None or self.uncertainty is None:
            return "empty"
        return "high_entropy" if self.consensus is None else "low_confidence"


def to_decision(record: SampleRecord, kept: bool | None) -> dict[str, Any]:
    """Return a sample's line of `decisions.jsonl` (its fields are a contract; see the README)."""
    sample = record.sample
    decision: dict[str, Any] = {
        "id": sample.id,
        "prompt": sample.prompt,
        "response": sample.response,
        "status": record.status,
    }
    if sample.options:
        decision["options"] = list(sample.options)
    if record.base is not None:
        decision["base"] = record.base.model_dump(exclude=_BESIDE)
    if record.turns:
        turns = [turn.model_dump(exclude=_BESIDE, exclude_none=True) for turn in record.turns]
        decision["reasoning"] = {"turns": turns, "answer": final_answer(record.turns)}
    if record.check is not None:
        uncalibrated = {"noise", "weights"} if record.check.noise is None else set()
        decision["check"] = record.check.model_dump(mode="json", exclude={*_BESIDE, *uncalibrated})
    if record.context is not None:
        context = record.context.model_dump(mode="json", exclude=_BESIDE)
        decision["context"] = {**context, "entropy": record.context.entropy}
    if record.review is not None:
        decision["review"] = record.review.model_dump(exclude=_BESIDE)
    if record.consensus is not None:
        decision["consensus"] = record.consensus.model_dump()
    decision["final"] = record.final
    decision["kept"] = kept
    if record.failure is not None:
        decision["failure"] = record.failure
    if sample.gold is not None:
        decision["gold"] = sample.gold
    decision["usage"] = record.usage.model_dump()
    return decision
