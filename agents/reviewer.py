"""The Reviewer: decides on one answer, given the context answer and the reasoned one (Eq. 6)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict

from agents.agent import (
    AgentConfig,
    AnswerRecord,
    Parts,
    TemplateUse,
    answer_in,
    kept_of,
    read_apart,
    request,
)
from agents.answers.kind import sample_kind
from prompts.template import QuestionTemplate
from stores.sample import Sample

if TYPE_CHECKING:
    from agents.role import Role

VARIABLES = frozenset({"context_answer", "reasoning_answer", "reasoning"})


Outcome = Literal[
    "reviewed",
    "unreadable",
    "both answers agree",
    "only one readable answer",
    "no readable answer",
    "not reviewed",
]


class Review(AnswerRecord):
    """The new response, and how it came about.

    The model was asked only where `reason` is `reviewed`, or `unreadable`: then no answer could be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Outcome


class ReviewerConfig(AgentConfig):
    """Settings of the Reviewer."""

    templates: ClassVar[Mapping[str, TemplateUse]] = {"prompt": TemplateUse(VARIABLES)}
    half: ClassVar[Literal["detect", "denoise"]] = "denoise"

    prompt: str = "review"
    """The prompt: a name in `prompts/`, or a path to your own file or folder."""
    policy: Literal["review", "context"] = "review"
    """`review`: the model chooses where the two answers disagree. `context`: the relabeler's answer is taken,
    and the model is not asked."""

    def tried_values(self, key: str, sample: Sample) -> Sequence[Mapping[str, object]]:
        """Return two answers and a reasoning; nothing where the model is not asked."""
        return () if self.policy == "context" else super().tried_values(key, sample)

    def build(self, parts: Parts) -> "Reviewer":
        """Return the agent."""
        return Reviewer(parts.role, parts.prompts["prompt"], self)


class Reviewer:
    """Chooses or combines two answers. It never sees the response under suspicion."""

    def __init__(self, role: "Role", prompt: QuestionTemplate, config: ReviewerConfig) -> None:
        self._role = role
        self._prompt = prompt
        self._policy = config.policy

    async def review(
        self, sample: Sample, context: str | None, reasoned: str | None, reasoning: str | None = None
    ) -> Review:
        """Decide on the sample's new response (Eq. 6).

        Two answers that agree, or a single one, need no review; asking would only cost.

        Args:
            sample: the sample; its response is not used.
            context: the Relabeler's answer.
            reasoned: the Reasoner's last answer.
            reasoning: the reply that it was read from.
        """
        if self._policy == "context":
            return Review(answer=context, reason="not reviewed")
        if context is None or reasoned is None:
            answer = context or reasoned
            single = answer is not None
            return Review(
                answer=answer, reason="only one readable answer" if single else "no readable answer"
            )
        kind = sample_kind(sample)
        texts = (context, reasoned, *sample.options)
        if await read_apart(lambda: kind.agree(context, reasoned, sample.options), texts):
            return Review(answer=context, reason="both answers agree")
        turns = request(
            sample, self._prompt, context_answer=context, reasoning_answer=reasoned, reasoning=reasoning
        )
        reply = await self._role.ask(turns, at_most=kind.max_tokens(sample.options), tools=sample.tools)
        answer = await answer_in(reply, sample)
        reason: Outcome = "reviewed" if answer is not None else "unreadable"
        return Review(answer=answer, reason=reason, **kept_of(reply))
