"""The Base agent: the model's direct answer to the prompt (Eq. 1)."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict

from agents.agent import AgentConfig, AnswerRecord, Parts, answer_in, conversation, kept_of
from agents.answers.kind import sample_kind
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample

if TYPE_CHECKING:
    from agents.role import Role


class Prediction(AnswerRecord):
    """A direct answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BaseConfig(AgentConfig):
    """Settings of the Base agent."""

    view: ClassVar[str | None] = "base"

    prompt: str = "base"
    """The prompt template: a name in `prompts/`, or a path to your own file. The tuned model is trained and
    evaluated with this template."""

    def build(self, parts: Parts) -> "BaseAgent":
        """Return the agent."""
        return BaseAgent(parts.role, parts.prompts["prompt"])


class BaseAgent:
    """Answers a sample's prompt with nothing else at hand."""

    def __init__(self, role: "Role", prompt: QuestionTemplate) -> None:
        self._role = role
        self._prompt = prompt

    async def answer(self, sample: Sample) -> Prediction:
        """Predict the answer to a sample's prompt (Eq. 1)."""
        kind = sample_kind(sample)
        request = request_answer(sample, self._prompt)
        reply = await self._role.ask(request, at_most=kind.max_tokens(sample.options))
        return Prediction(answer=answer_in(reply, sample), **kept_of(reply))


def request_answer(sample: Sample, prompt: QuestionTemplate) -> list[Message]:
    """Return what a model is asked in the base role; a tuned model is trained on the same."""
    return conversation(sample, prompt.render(sample))
