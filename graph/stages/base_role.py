"""The role of a tuned model: what it is trained on, and what it is asked, is the base agent's request."""

from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from agents.base import BaseAgent, BaseConfig, request_answer
from agents.models.chat import to_turns
from agents.role import Recall, Role
from prompts.template import QuestionTemplate
from stores.sample import Sample


class BaseRole:
    """Makes the training rows of a tuned model, and the agent that it is evaluated as.

    Args:
        config: the base agent's settings.
        prompt: the base agent's prompt.
    """

    def __init__(self, config: BaseConfig, prompt: QuestionTemplate) -> None:
        self._max_tokens = config.max_tokens
        self._prompt = prompt

    def row(
        self, sample: Sample, response: str, source: Literal["original", "relabelled"] = "original"
    ) -> dict[str, Any]:
        """Return a line of `training.jsonl`: the request about a sample, and a response to it.

        Args:
            sample: the sample; its own response is not used.
            response: what is to be answered.
            source: whose response it is.
        """
        prompt = to_turns(request_answer(sample, self._prompt))
        completion = to_turns([AIMessage(response)])
        return {"id": sample.id, "prompt": prompt, "completion": completion, "source": source}

    def agent(self, model: BaseChatModel, recall: Recall | None = None) -> BaseAgent:
        """Return a model in this role.

        Args:
            model: the model, tuned or not.
            recall: knows what it replied before.
        """
        return BaseAgent(Role(model, max_tokens=self._max_tokens, recall=recall), self._prompt)

    @property
    def inputs(self) -> tuple[str, str]:
        """What a model's answers in this role depend on beside the model and the samples."""
        return self._prompt.source, str(self._max_tokens)
