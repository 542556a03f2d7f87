"""A chat model in a role: the one place where agents meet models."""

from collections.abc import Sequence
from typing import Any

import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field

from agents.errors import ModelBusyError, ModelCallError
from stores.sample import Sample

# The one list of failures that a second try may cure. A refused key or an unknown model is not among them.
RETRYABLE = (
    openai.APIConnectionError,  # its subclass APITimeoutError too
    openai.RateLimitError,
    openai.InternalServerError,
)


class AgentConfig(BaseModel):
    """What every agent's settings share: its model and how it samples."""

    model_config = ConfigDict(extra="forbid")

    model: str = "default"
    """A key of `models`."""
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=64, gt=0)


class Usage(BaseModel):
    """What was asked of a model: requests, and tokens in both directions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class Reply(BaseModel):
    """One reply of a model: its text, the log-probability of each of its tokens (nats), and its cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    log_probabilities: tuple[float, ...] = ()
    usage: Usage


class Expert:
    """A chat model with the sampling of one role.

    Args:
        model: any LangChain chat model.
        temperature: 0 for the likeliest answer.
        max_tokens: the most tokens of one reply.
        seed: makes sampling at a temperature above 0 repeatable where the endpoint supports it.
    """

    def __init__(
        self, model: BaseChatModel, *, temperature: float = 0.0, max_tokens: int, seed: int = 0
    ) -> None:
        self._model = model
        self._sampling: dict[str, Any] = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": seed,
            "logprobs": True,
        }

    async def ask(self, messages: Sequence[BaseMessage]) -> Reply:
        """Send one conversation and return the reply.

        Raises:
            ModelBusyError: no answer this time; asking again may help.
            ModelCallError: the model refused the request.
        """
        try:
            message = await self._model.ainvoke(list(messages), **self._sampling)
        except RETRYABLE as exc:
            raise ModelBusyError(_describe(exc)) from exc
        except openai.OpenAIError as exc:
            raise ModelCallError(_describe(exc)) from exc
        return _read(message)


def conversation(sample: Sample, request: str) -> list[BaseMessage]:
    """Return a request about a sample as chat turns: the sample's own history, then the request."""
    kinds: dict[str, type[BaseMessage]] = {
        "system": SystemMessage,
        "user": HumanMessage,
        "assistant": AIMessage,
    }
    turns = [kinds[turn.role](content=turn.content) for turn in sample.history]
    return [*turns, HumanMessage(request)]


def _read(message: AIMessage) -> Reply:
    tokens = (message.response_metadata.get("logprobs") or {}).get("content") or ()
    used = message.usage_metadata
    return Reply(
        text=str(message.text),
        log_probabilities=tuple(token["logprob"] for token in tokens),
        usage=Usage(
            requests=1,
            prompt_tokens=used["input_tokens"] if used else 0,
            completion_tokens=used["output_tokens"] if used else 0,
        ),
    )


def _describe(error: openai.OpenAIError) -> str:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return "the endpoint refused the API key (401); check the variable that api_key_env names"
    if isinstance(error, openai.NotFoundError):
        return f"the endpoint does not know this model or path (404): {error.message}"
    if isinstance(error, openai.APITimeoutError) and not _is_refused(error):
        return "the endpoint did not answer in time"
    if isinstance(error, openai.APIConnectionError):
        return f"the endpoint cannot be reached ({error.request.url}); is it running?"
    return str(error)


def _is_refused(error: BaseException | None) -> bool:
    # The client's aiohttp transport reports a refused connection as a time-out; its cause tells the truth.
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False
