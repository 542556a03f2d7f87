"""The Reasoner: reasoning that is criticised and revised until the answer stands still (Eq. 2)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.answers import agree, extract, kind_of
from agents.role import AgentConfig, Role, Usage, conversation
from prompts.template import QuestionTemplate
from stores.sample import Sample

REASON_VARIABLES = frozenset({"reasoning", "reflection"})
REFLECT_VARIABLES = frozenset({"reasoning", "answer"})


class Turn(BaseModel):
    """One turn of the loop: a reasoning with the answer read from it, or a reflection on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["reason", "reflect"]
    reply: str
    answer: str | None = None
    usage: Usage


class ReasonerConfig(AgentConfig):
    """Settings of the Reasoner."""

    prompt: str = "reason"
    """The template of a reasoning turn: a name in `prompts/`, or a path to your own file."""
    reflect_prompt: str = "reflect"
    """The template of a reflection: a name in `prompts/`, or a path to your own file."""
    max_tokens: int = Field(default=256, gt=0)
    """The most tokens of one reply, of reasonings and reflections alike."""
    max_reflections: int = Field(default=4, ge=0)
    """The most reflections on one sample (the paper's n). 0 turns reflection off."""
    early_stop: bool = True
    """Whether reflection stops when two answers in a row agree, or when the reply repeats itself."""


class Reasoner:
    """Reasons about a sample's query, reflects on its reasoning, and reasons again."""

    def __init__(
        self, role: Role, reason: QuestionTemplate, reflect: QuestionTemplate, config: ReasonerConfig
    ) -> None:
        self._role = role
        self._reason = reason
        self._reflect = reflect
        self._config = config

    async def reason(self, sample: Sample, turns: list[Turn]) -> Turn:
        """Reason about the query, in the light of the last reasoning and the reflection on it."""
        reasoning, reflection = turns[-2:] if turns else (None, None)
        request = self._reason.render(
            sample,
            reasoning=reasoning.reply if reasoning else None,
            reflection=reflection.reply if reflection else None,
        )
        reply = await self._role.ask(conversation(sample, request))
        answer = extract(reply.text, kind_of(sample.response, sample.options), sample.options)
        return Turn(role="reason", reply=reply.text, answer=answer, usage=reply.usage)

    async def reflect(self, sample: Sample, turns: list[Turn]) -> Turn:
        """Criticise the last reasoning."""
        request = self._reflect.render(sample, reasoning=turns[-1].reply, answer=turns[-1].answer)
        reply = await self._role.ask(conversation(sample, request))
        return Turn(role="reflect", reply=reply.text, usage=reply.usage)

    def is_done(self, sample: Sample, turns: list[Turn]) -> bool:
        """Say whether the loop ends after these turns: n reflections made, or the answer stands still."""
        reasonings = [turn for turn in turns if turn.role == "reason"]
        if len(reasonings) > self._config.max_reflections:
            return True
        if not self._config.early_stop or len(reasonings) < 2:
            return False
        before, after = reasonings[-2:]
        # The same words again stand still even where no answer can be read in them.
        kind = kind_of(sample.response, sample.options)
        return before.reply == after.reply or agree(before.answer, after.answer, kind, sample.options) is True


def final_answer(turns: list[Turn]) -> str | None:
    """Return the answer of the last reasoning turn."""
    return next((turn.answer for turn in reversed(turns) if turn.role == "reason"), None)
