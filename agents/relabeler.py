"""The Relabeler: a new answer in the light of the nearest clean examples (Eq. 4 and 5)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.agent import AgentConfig, AnswerRecord, Parts, TemplateUse, kept_of, request
from agents.answers.kind import sample_kind
from agents.letters import answer_directly, goes_by_letter, letter_of
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample

if TYPE_CHECKING:
    from agents.role import Role
    from stores.examples import ExampleStore, Neighbour

VARIABLES = frozenset({"neighbours"})


class NeighbourReference(BaseModel):
    """Which clean example was shown, and its cosine distance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    distance: float


class ContextAnswer(AnswerRecord):
    """The answer in context, with the log-probabilities that selection makes its entropy of.

    Without neighbours it was given without context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: tuple[NeighbourReference, ...]
    log_probabilities: tuple[float, ...]


class RelabelerConfig(AgentConfig):
    """Settings of the Relabeler."""

    templates: ClassVar[Mapping[str, TemplateUse]] = {"prompt": TemplateUse(VARIABLES)}
    half: ClassVar[Literal["detect", "denoise"]] = "denoise"
    log_probabilities: ClassVar[bool] = True

    prompt: str = "relabel"
    """The prompt of the sample and its neighbours: a name in `prompts/`, or a path to your own file or
    folder."""
    # All stand in one request, and a window ends. The paper has 3.
    neighbours: int = Field(default=3, ge=0, le=1000)
    """How many of the nearest clean samples are shown as examples (the paper's k). 0 shows none."""

    def tried_values(self, key: str, sample: Sample) -> Sequence[Mapping[str, object]]:
        """Return no example, as an example itself is shown, and one."""
        return [{"neighbours": shown} for shown in ([], [sample])[: 1 + bool(self.neighbours)]]

    def build(self, parts: Parts) -> "Relabeler":
        """Return the agent."""
        return Relabeler(parts.role, parts.prompts["prompt"], parts.examples, self.neighbours)


class Relabeler:
    """Answers a prompt again, shown how similar prompts were answered.

    Args:
        role: the model in its role.
        prompt: asks one question; the examples are asked with it, too.
        examples: the clean samples, or None where there are none yet.
        neighbours: how many to show (k).
    """

    def __init__(
        self, role: "Role", prompt: QuestionTemplate, examples: "ExampleStore | None", neighbours: int
    ) -> None:
        self._role = role
        self._prompt = prompt
        self._examples = examples
        self._neighbours = neighbours

    async def answer(self, sample: Sample) -> ContextAnswer:
        """Answer in context (Eq. 5); the nearest example comes last, next to the question."""
        found: list[Neighbour] = []
        if self._examples is not None and self._neighbours:
            found = await self._examples.nearest(sample, self._neighbours)
        turns = [turn for neighbour in reversed(found) for turn in self._show(neighbour.sample)]
        asked = request(sample, self._prompt, neighbours=[neighbour.sample for neighbour in found])
        said = await answer_directly(self._role, [*turns, *asked], sample, self._prompt)
        return ContextAnswer(
            neighbours=tuple(
                NeighbourReference(id=neighbour.sample.id, distance=neighbour.distance) for neighbour in found
            ),
            answer=said.answer,
            confidence=said.confidence,
            log_probabilities=said.log_probabilities,
            **kept_of(said.reply),
        )

    def _show(self, example: Sample) -> list[Message]:
        kind = sample_kind(example)
        asked = self._prompt.render(example, kind.form, kind.name, neighbours=[])
        said = letter_of(example) if goes_by_letter(example, self._prompt) else example.response
        return [Message(role="user", content=asked), Message(role="assistant", content=said)]
