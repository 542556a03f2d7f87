"""The Reasoner: it reasons, criticises that and reasons again, until two answers agree (Eq. 2)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict, Field

from agents.agent import (
    TRIED,
    AgentConfig,
    AnswerRecord,
    Parts,
    TemplateUse,
    answer_in,
    kept_of,
    request,
)
from agents.answers.kind import sample_kind
from agents.room import Need
from prompts.template import QuestionTemplate
from stores.sample import Sample

if TYPE_CHECKING:
    from agents.role import Role

REASON_VARIABLES = frozenset({"reasoning", "reflection"})
REFLECT_VARIABLES = frozenset({"reasoning", "answer"})


class Turn(AnswerRecord):
    """One turn of the loop: a reasoning with the answer read from it, or a reflection, which has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["reason", "reflect"]
    reply: str
    answer: str | None = None


class ReasonerConfig(AgentConfig):
    """Settings of the Reasoner."""

    templates: ClassVar[Mapping[str, TemplateUse]] = {
        "prompt": TemplateUse(REASON_VARIABLES),
        # A critique may look at the reasoning alone.
        "reflect_prompt": TemplateUse(REFLECT_VARIABLES, about=REFLECT_VARIABLES | {"question", "prompt"}),
    }
    view: ClassVar[str | None] = "reasoning"
    need: ClassVar[Need] = "working"

    prompt: str = "reason"
    """The prompt of a reasoning turn: a name in `prompts/`, or a path to your own file or folder."""
    reflect_prompt: str = "reflect"
    """The prompt of a reflection: a name in `prompts/`, or a path to your own file or folder."""
    # Each is two requests about every sample. The paper has 4.
    max_reflections: int = Field(default=4, ge=0, le=100)
    """The most reflections on one sample (the paper's n). 0 turns reflection off."""
    early_stop: bool = True
    """Whether reflection stops when two answers in a row agree, or when the reply repeats itself."""

    def tried_values(self, key: str, sample: Sample) -> Sequence[Mapping[str, object]]:
        """Return what a first and a later turn show; no reflection where there is none."""
        if key == "reflect_prompt":
            found = [{"reasoning": TRIED, "answer": answer} for answer in (TRIED, None)]
            return found if self.max_reflections else ()
        said = (None, TRIED) if self.max_reflections else (None,)
        return [dict.fromkeys(REASON_VARIABLES, text) for text in said]

    def build(self, parts: Parts) -> "Reasoner":
        """Return the agent."""
        return Reasoner(parts.role, parts.prompts["prompt"], parts.prompts["reflect_prompt"], self)


class Reasoner:
    """Reasons about a sample's prompt, reflects on its reasoning, and reasons again."""

    def __init__(
        self, role: "Role", reason: QuestionTemplate, reflect: QuestionTemplate, config: ReasonerConfig
    ) -> None:
        self._role = role
        self._reason = reason
        self._reflect = reflect
        self._config = config

    async def reason(self, sample: Sample, turns: list[Turn]) -> Turn:
        """Reason about the prompt, in the light of the last reasoning and the reflection on it."""
        reasoning, reflection = turns[-2:] if turns else (None, None)
        asked = request(
            sample,
            self._reason,
            reasoning=reasoning.reply if reasoning else None,
            reflection=reflection.reply if reflection else None,
        )
        reply = await self._role.ask(asked, tools=sample.tools)
        return Turn(role="reason", answer=await answer_in(reply, sample), **kept_of(reply))

    async def reflect(self, sample: Sample, turns: list[Turn]) -> Turn:
        """Criticise the last reasoning."""
        asked = request(sample, self._reflect, reasoning=turns[-1].reply, answer=turns[-1].answer)
        reply = await self._role.ask(asked, tools=sample.tools)
        return Turn(role="reflect", **kept_of(reply))

    def is_done(self, sample: Sample, turns: list[Turn]) -> bool:
        """Say whether the loop ends: n reflections are made, or with `early_stop` two reasonings agree."""
        reasonings = [turn for turn in turns if turn.role == "reason"]
        if len(reasonings) > self._config.max_reflections:
            return True
        if not self._config.early_stop or len(reasonings) < 2:
            return False
        before, after = reasonings[-2:]
        # The same words again end the loop even where no answer can be read in them.
        if before.reply == after.reply:
            return True
        return sample_kind(sample).agree(before.answer, after.answer, sample.options) is True


def last_reasoning(turns: Sequence[Turn]) -> Turn | None:
    """Return the last turn that reasoned; None where none has."""
    return next((turn for turn in reversed(turns) if turn.role == "reason"), None)


def final_answer(turns: Sequence[Turn]) -> str | None:
    """Return the answer of the last turn that reasoned."""
    last = last_reasoning(turns)
    return None if last is None else last.answer
