"""The Reviewer: settles on one answer, given the context answer and the reasoned one (Eq. 6)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from agents.answers import agree, extract, kind_of, room_for
from agents.role import AgentConfig, Role, Usage, conversation
from prompts.template import QuestionTemplate
from stores.sample import Sample

VARIABLES = frozenset({"context_answer", "reasoning_answer"})


class Review(BaseModel):
    """The new label. `reply` is None where the two answers left nothing to settle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str | None
    reply: str | None = None
    reason: str
    usage: Usage = Usage()


class ReviewerConfig(AgentConfig):
    """Settings of the Reviewer."""

    prompt: str = "review"
    """The template: a name in `prompts/`, or a path to your own file."""
    policy: Literal["review", "context"] = "review"
    """`review`: the model chooses where the two answers disagree. `context`: the relabeler's answer is taken,
    and the model is not asked."""


class Reviewer:
    """Chooses or combines two answers. It never sees the label under suspicion."""

    def __init__(self, role: Role, prompt: QuestionTemplate, config: ReviewerConfig) -> None:
        self._role = role
        self._prompt = prompt
        self._policy = config.policy

    async def review(self, sample: Sample, context: str | None, reasoning: str | None) -> Review:
        """Settle on the sample's new label (Eq. 6).

        Two answers that agree, or a single one, need no reviewer; asking would only cost.

        Args:
            sample: the sample; its response is not used.
            context: the Context Relabeler's answer.
            reasoning: the Reasoner's last answer.
        """
        if self._policy == "context":
            return Review(answer=context, reason="not reviewed")
        if context is None or reasoning is None:
            answer = context or reasoning
            found = "only one" if answer is not None else "no"
            return Review(answer=answer, reason=f"{found} readable answer")
        kind = kind_of(sample.response, sample.options)
        if agree(context, reasoning, kind, sample.options):
            return Review(answer=context, reason="both answers agree")
        request = self._prompt.render(sample, context_answer=context, reasoning_answer=reasoning)
        turns = conversation(sample, request)
        reply = await self._role.ask(turns, at_most=room_for(kind, sample.options))
        answer = extract(reply.text, kind, sample.options)
        reason = "reviewed" if answer is not None else "unparsed"
        return Review(answer=answer, reply=reply.text, reason=reason, usage=reply.usage)
