"""The role of a tuned model: what it is trained on, and what it is asked, is the base agent's request."""

from langchain_core.language_models import BaseChatModel

from agents.agent import Recall
from agents.base import BaseAgent, BaseConfig, request_as_trained
from agents.role import Role
from agents.room import Lengths, room_for
from prompts.template import QuestionTemplate
from stores.records import Source, TrainingRow
from stores.sample import Message, Sample


class BaseRole:
    """Makes the training rows of a tuned model, and the agent that it is evaluated as.

    Args:
        config: the base agent's settings.
        prompt: the base agent's prompt.
        lengths: of the data's responses, which `max_tokens: auto` follows.
    """

    def __init__(self, config: BaseConfig, prompt: QuestionTemplate, lengths: Lengths | None = None) -> None:
        self._max_tokens = config.max_tokens
        self._prompt = prompt
        self._lengths = lengths or Lengths()

    def row(
        self, sample: Sample, response: str, source: Source = "original", weight: float | None = None
    ) -> TrainingRow:
        """Return a line of training.jsonl: the request about a sample, and a response to it, byte for byte.

        Args:
            sample: the sample; its own response is not used.
            response: what is to be answered.
            source: whose response it is.
            weight: how much it counts, 0 to 1; None for in full.
        """
        return TrainingRow(
            id=sample.id,
            prompt=tuple(request_as_trained(sample, self._prompt)),
            completion=(Message(role="assistant", content=response),),
            source=source,
            tools=sample.tools,
            weight=weight,
        )

    def agent(self, model: BaseChatModel, recall: Recall | None = None) -> BaseAgent:
        """Return a model in this role.

        Args:
            model: the model, tuned or not.
            recall: knows what it replied before.
        """
        thinks = getattr(model, "thinks", False)
        room = room_for(self._max_tokens, BaseConfig.need, self._lengths, thinks=thinks)
        role = Role(model, max_tokens=room.first, most=room.most, recall=recall)
        return BaseAgent(role, self._prompt, tuned=True)

    @property
    def inputs(self) -> tuple[str, str]:
        """What a model's answers in this role depend on beside the model and the samples."""
        return self._prompt.source, str(self._max_tokens)
