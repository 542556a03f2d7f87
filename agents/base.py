"""The Base agent: the model's direct answer to the query (Eq. 1)."""

from langchain_core.messages import BaseMessage
from pydantic import BaseModel, ConfigDict

from agents.answers import extract, kind_of, room_for
from agents.role import AgentConfig, Role, Usage, conversation
from prompts.template import QuestionTemplate
from stores.sample import Sample


class Prediction(BaseModel):
    """A direct answer: what was replied, and the answer read from it (None where it holds none)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str | None
    reply: str
    usage: Usage
    reply_key: str | None = None
    """Leads to the request in the reply cache."""


class BaseConfig(AgentConfig):
    """Settings of the Base agent."""

    prompt: str = "base"


class BaseAgent:
    """Answers a sample's query with nothing else at hand."""

    def __init__(self, role: Role, prompt: QuestionTemplate) -> None:
        self._role = role
        self._prompt = prompt

    async def answer(self, sample: Sample) -> Prediction:
        """Predict the answer to a sample's query (Eq. 1)."""
        kind = kind_of(sample.response, sample.options)
        request = request_answer(sample, self._prompt)
        reply = await self._role.ask(request, at_most=room_for(kind, sample.options))
        answer = extract(reply.text, kind, sample.options)
        return Prediction(answer=answer, reply=reply.text, usage=reply.usage, reply_key=reply.key)


def request_answer(sample: Sample, prompt: QuestionTemplate) -> list[BaseMessage]:
    """Return what a model is asked in the base role; a tuned model is trained on the same."""
    return conversation(sample, prompt.render(sample))
