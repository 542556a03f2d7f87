"""The record of one sample: what every agent said of it, its status, and what came of it."""

import json
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from agents.agent import AgentRecord, AnswerRecord, Usage
from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn, final_answer, last_reasoning
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from agents.trusted import is_confirmed
from stores.errors import reading_row
from stores.journal import Entry, Status
from stores.records import (
    AgentAnswer,
    Decision,
    DropReason,
    NeighbourShown,
    ReasoningTurn,
    Verdict,
)
from stores.records import Consensus as Consensus
from stores.sample import Sample


class SampleRecord(BaseModel):
    """One sample with what the agents said of it; each agent adds its part, none changes another's."""

    model_config = ConfigDict(extra="forbid")

    sample: Sample
    base: Prediction | None = None
    turns: list[Turn] = []
    views: dict[str, SerializeAsAny[AnswerRecord]] = {}
    """What further agents answered for the checker to compare, by the agents' names."""
    check: Check | None = None
    context: ContextAnswer | None = None
    review: Review | None = None
    consensus: Consensus | None = None
    """Only where the checker is calibrated: known once all samples have been relabelled."""
    entropy: float | None = None
    """Of the context answer, in nats (Eq. 7): known once selection has looked at the sample."""
    rewritten: str | None = None
    """The new response in the form of the data's own, where the answer alone is of another."""
    other_form: bool = False
    """Whether the new response is of another form than the data's own, and so is not trained on."""
    failure: str | None = None
    """Why the sample could not be finished; set by whoever drives the graph, never by a node."""

    @classmethod
    def from_entry(cls, sample: Sample, entry: Entry) -> Self:
        """Return the record that a journal's entry was made from.

        Raises:
            StorageError: the entry is damaged.
        """
        with reading_row(f"the record of sample {sample.id!r} in the journal"):
            return cls.model_validate({**json.loads(entry.record), "sample": sample})

    def to_entry(self) -> Entry:
        """Return what the journal keeps of the record: all of it but the sample itself."""
        return Entry(
            id=self.sample.id,
            status=self.status,
            record=self.model_dump_json(exclude={"sample"}, exclude_defaults=True),
        )

    def before_relabeling(self) -> Self:
        """Return the record without what came of the sample's being relabelled."""
        none = dict.fromkeys(("context", "review", "consensus", "entropy", "rewritten"))
        return self.model_copy(update={**none, "other_form": False})

    @property
    def status(self) -> Status:
        """What has become of the sample; `noisy` is judged so and not relabelled yet.

        A trusted one whose response differs is `relabelled` from the start.
        """
        if self.sample.trusted is not None:
            # No agent is needed to know it.
            return "clean" if is_confirmed(self.sample) else "relabelled"
        if self.failure is not None or self.check is None:
            return "failed"
        if self.check.clean:
            return "clean"
        return "relabelled" if self.review is not None else "noisy"

    @property
    def is_replaced(self) -> bool:
        """Whether there is a new response. One that is not sure enough leaves the given one as it is."""
        stays = self.consensus is not None and self.consensus.answer == self.sample.response
        return self.status == "relabelled" and self.final is not None and not stays

    def parts(self) -> dict[str, Sequence[AgentRecord]]:
        """Return what each agent that was asked has left, by the agents' names; the reasoner leaves turns."""

        def one(record: AgentRecord | None) -> Sequence[AgentRecord]:
            return [] if record is None else [record]

        parts: dict[str, Sequence[AgentRecord]] = {
            "base": one(self.base),
            "reasoner": self.turns,
            **{agent: [view] for agent, view in self.views.items()},
            "checker": one(self.check),
            "relabeler": one(self.context),
            "reviewer": one(self.review),
        }
        return {agent: records for agent, records in parts.items() if records}

    def answers(self) -> dict[str, str | None]:
        """Return the answers of the agents that were asked, by their names; None for an unreadable one."""
        given = {
            "base": self.base,
            "reasoner": last_reasoning(self.turns),
            **self.views,
            "relabeler": self.context,
            "reviewer": self.review,
        }
        return {agent: record.answer for agent, record in given.items() if record is not None}

    def view_answers(self) -> dict[str, str | None]:
        """Return the answers of the views that were asked for, by their names; None for an unreadable one."""
        given = {"base": self.base, "reasoning": last_reasoning(self.turns), **self.views}
        return {view: record.answer for view, record in given.items() if record is not None}

    def view_reasonings(self) -> dict[str, str]:
        """Return the replies of the views that say more than their answers, by the views' names."""
        given = {"base": self.base, "reasoning": last_reasoning(self.turns), **self.views}
        return {
            view: record.reply
            for view, record in given.items()
            if record is not None and record.reply is not None and record.reply.strip() != record.answer
        }

    @property
    def final(self) -> str | None:
        """The response the sample may be trained on; None where there is none."""
        if self.sample.trusted is not None:
            return self.sample.trusted
        if self.status == "clean":
            return self.sample.response
        if self.status != "relabelled" or self.review is None or self.other_form:
            return None
        if self.rewritten is not None:
            return self.rewritten
        return self.consensus.answer if self.consensus is not None else self.review.answer or None

    @property
    def author(self) -> AnswerRecord | None:
        """The last agent whose answer is the new response; None where there is none."""
        relabelers = (self.review, self.context, last_reasoning(self.turns), self.base)
        given = [record for record in relabelers if record is not None and record.answer is not None]
        asked = [record for record in given if record.reply is not None and record.answer == self.final]
        return asked[0] if asked else None

    @property
    def trust(self) -> float:
        """How far a sample's final response can be trusted, 0 to 1: all the way unless it was calibrated."""
        if self.sample.trusted is not None:
            return 1.0
        noise = self.check.noise if self.check is not None else None
        return 1.0 if noise is None else 1 - noise

    @property
    def usage(self) -> Usage:
        """What the agents took, requests that the sample shares with other samples included."""
        return sum((record.usage for records in self.parts().values() for record in records), Usage())

    def drop_reason(self, kept: bool | None, *, too_long: bool = False) -> DropReason | None:
        """Say why the sample is not trained on; None where it is, or where that is not decided yet.

        Args:
            kept: whether selection kept it; None before selection.
            too_long: whether training left it out.
        """
        if too_long:
            return "too_long"
        if kept is not False:
            return None
        if self.status == "failed":
            return "failed"
        if self.other_form:
            return "other_form"
        if self.final is None:
            return self._why_empty()
        return "high_entropy" if self.consensus is None else "low_confidence"

    def _why_empty(self) -> DropReason:
        """Say why the sample has no new response: what the last reply was that could have held one."""
        asked = (self.review, self.context, last_reasoning(self.turns))
        outcomes = [record.outcome for record in asked if record is not None and record.outcome is not None]
        if not outcomes:
            return "empty"
        return "unfinished" if outcomes[0] in ("cut", "looped") else "refused"


def to_decision(
    record: SampleRecord, kept: bool | None, *, too_long: bool = False, detail: str | None = None
) -> Decision:
    """Return a sample's line of decisions.jsonl.

    Args:
        record: what is known of the sample.
        kept: whether selection kept it; None before selection.
        too_long: whether training left it out, as longer than it may be.
        detail: why selection left it out, where it did.
    """
    sample, reason = record.sample, record.drop_reason(kept, too_long=too_long)
    return Decision(
        id=sample.id,
        status=record.status,
        prompt=sample.prompt,
        response=sample.response,
        final=record.final,
        kept=False if too_long else kept,
        drop_reason=reason,
        drop_detail=detail if reason in ("high_entropy", "low_confidence") else None,
        failure=record.failure,
        options=sample.options,
        gold=sample.gold,
        trusted=sample.trusted,
        annotations={said.annotator: said.response for said in sample.annotations},
        check=_verdict(record.check) if record.check is not None else None,
        consensus=record.consensus,
        agents=_agents(record),
    )


def _verdict(check: Check) -> Verdict:
    return Verdict(
        verdict="clean" if check.clean else "noisy",
        policy=check.policy,
        agreed=check.agreed,
        reason=check.reason,
        noise_probability=check.noise,
        weights=check.weights,
        **_plausibility(check),
    )


def _plausibility(check: Check) -> dict[str, float]:
    """Return what a verdict shows of an assessment; nothing where there is none."""
    if check.assessment is None:
        return {}
    names = ("unchanged", "least", "plausible")
    said = {name: getattr(check.assessment, name) for name in names}
    return {name: round(value, 4) for name, value in said.items() if value is not None}


def _agents(record: SampleRecord) -> dict[str, AgentAnswer]:
    """Return what each agent said, of those that had something to say."""
    said: dict[str, AgentAnswer] = {}
    if (base := record.base) is not None:
        said["base"] = AgentAnswer(answer=base.answer, confidence=base.confidence, **_said(base))
    if record.turns:
        said["reasoner"] = AgentAnswer(
            answer=final_answer(record.turns),
            turns=tuple(
                ReasoningTurn(
                    role=turn.role,
                    reply=turn.reply,
                    answer=turn.answer,
                    thoughts=turn.thoughts,
                    outcome=turn.outcome,
                )
                for turn in record.turns
            ),
            usage=sum((turn.usage for turn in record.turns), Usage()),
        )
    for agent, view in record.views.items():
        said[agent] = AgentAnswer(answer=view.answer, **_said(view))
    if (check := record.check) is not None and check.reply is not None:
        said["checker"] = AgentAnswer(answer=check.judged, **_said(check))
    if (context := record.context) is not None:
        said["relabeler"] = AgentAnswer(
            answer=context.answer,
            confidence=context.confidence,
            neighbours=tuple(
                NeighbourShown(id=shown.id, distance=shown.distance) for shown in context.neighbours
            ),
            log_probabilities=context.log_probabilities,
            entropy=record.entropy,
            **_said(context),
        )
    if (review := record.review) is not None:
        said["reviewer"] = AgentAnswer(answer=review.answer, reason=review.reason, **_said(review))
    return said


def _said(record: AgentRecord) -> dict[str, Any]:
    """Return what every agent's answer shows of its record."""
    return {
        "reply": record.reply,
        "thoughts": record.thoughts,
        "outcome": record.outcome,
        "usage": record.usage,
    }
