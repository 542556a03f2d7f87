"""The Context Relabeler: a new answer in the light of the nearest clean examples (Eq. 4 and 5)."""

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel, ConfigDict, Field

from agents.answers import extract, kind_of, room_for
from agents.role import AgentConfig, Expert, Usage, conversation
from prompts.template import QuestionTemplate
from stores.examples import ExampleStore, Neighbour
from stores.sample import Sample


class NeighbourReference(BaseModel):
    """Which clean example was shown, and its cosine distance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    distance: float


class ContextAnswer(BaseModel):
    """The context-enhanced answer with the raw material of its entropy.

    No neighbours means that it was given without context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: tuple[NeighbourReference, ...]
    answer: str | None
    reply: str
    log_probabilities: tuple[float, ...]
    usage: Usage


class RelabelerConfig(AgentConfig):
    """Settings of the Context Relabeler."""

    prompt: str = "relabel"
    neighbours: int = Field(default=3, ge=0)
    """The paper's k."""


class Relabeler:
    """Answers a query again, shown how similar queries were answered.

    Args:
        expert: the model in its role.
        prompt: asks one question; the examples are asked with it, too.
        examples: the clean samples, or None where there are none yet.
        neighbours: how many to show (k).
    """

    def __init__(
        self, expert: Expert, prompt: QuestionTemplate, examples: ExampleStore | None, neighbours: int
    ) -> None:
        self._expert = expert
        self._prompt = prompt
        self._examples = examples
        self._neighbours = neighbours

    async def answer(self, sample: Sample) -> ContextAnswer:
        """Answer in context (Eq. 5): the nearest example stands next to the question."""
        found: list[Neighbour] = []
        if self._examples is not None and self._neighbours:
            found = await self._examples.nearest(sample, self._neighbours)
        turns = [turn for neighbour in reversed(found) for turn in self._show(neighbour.sample)]
        request = conversation(sample, self._prompt.render(sample))
        kind = kind_of(sample.response, sample.options)
        reply = await self._expert.ask([*turns, *request], at_most=room_for(kind, sample.options))
        return ContextAnswer(
            neighbours=tuple(
                NeighbourReference(id=neighbour.sample.id, distance=neighbour.distance) for neighbour in found
            ),
            answer=extract(reply.text, kind, sample.options),
            reply=reply.text,
            log_probabilities=reply.log_probabilities,
            usage=reply.usage,
        )

    def _show(self, example: Sample) -> list[BaseMessage]:
        return [HumanMessage(self._prompt.render(example)), AIMessage(example.response)]
