"""The Base agent: the model's direct answer to the query (Eq. 1)."""

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


class BaseConfig(AgentConfig):
    """Settings of the Base agent."""

    prompt: str = "base"
    """The prompt template: a name in `prompts/`, or a path to your own file. The tuned model is trained and
    evaluated with this template."""


class BaseAgent:
    """Answers a sample's query with nothing else at hand."""

    def __init__(self, role: Role, prompt: QuestionTemplate) -> None:
        self._role = role
        self._prompt = prompt

    async def answer(self, sample: Sample) -> Prediction:
        """Predict the answer to a sample's query (Eq. 1)."""
        kind = kind_of(sample.response, sample.options)
        request = conversation(sample, self.request(sample))
        reply = await self._role.ask(request, at_most=room_for(kind, sample.options))
        answer = extract(reply.text, kind, sample.options)
        return Prediction(answer=answer, reply=reply.text, usage=reply.usage)

    def request(self, sample: Sample) -> str:
        """Return the text the model is asked: what a tuned model is trained and evaluated on, too."""
        return self._prompt.render(sample)
