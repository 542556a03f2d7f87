"""The Base agent: the model's direct answer to the prompt (Eq. 1)."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict

from agents.agent import AgentConfig, AnswerRecord, Parts, answer_in, conversation, kept_of, request
from agents.answers.kind import sample_kind
from agents.letters import answer_directly
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample

if TYPE_CHECKING:
    from agents.role import Role


TRAIN = "train"
"""The file of the base agent's prompts that a tuned model is trained and evaluated with."""


class Prediction(AnswerRecord):
    """A direct answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BaseConfig(AgentConfig):
    """Settings of the Base agent."""

    view: ClassVar[str | None] = "base"

    prompt: str = "base"
    """The prompt: a name in `prompts/`, or a path to your own file or folder. The tuned model is trained and
    evaluated with its `train.md`, or with your file where it is one for all."""

    def build(self, parts: Parts) -> "BaseAgent":
        """Return the agent."""
        return BaseAgent(parts.role, parts.prompts["prompt"])


class BaseAgent:
    """Answers a sample's prompt with nothing else at hand.

    Args:
        role: the model in its role.
        prompt: the base agent's prompts.
        tuned: ask in the words that a tuned model is trained on.
    """

    def __init__(self, role: "Role", prompt: QuestionTemplate, *, tuned: bool = False) -> None:
        self._role = role
        self._prompt = prompt
        self._tuned = tuned

    async def answer(self, sample: Sample) -> Prediction:
        """Predict the answer to a sample's prompt (Eq. 1)."""
        if self._tuned:
            room = sample_kind(sample).max_tokens(sample.options)
            reply = await self._role.ask(
                request_as_trained(sample, self._prompt), at_most=room, tools=sample.tools
            )
            return Prediction(answer=await answer_in(reply, sample), **kept_of(reply))
        said = await answer_directly(self._role, request(sample, self._prompt), sample, self._prompt)
        return Prediction(answer=said.answer, confidence=said.confidence, **kept_of(said.reply))


def request_as_trained(sample: Sample, prompt: QuestionTemplate) -> list[Message]:
    """Return what a tuned model is trained on and asked: the question, not the form of its answer."""
    return conversation(sample, prompt.render(sample, TRAIN, sample_kind(sample).name))
