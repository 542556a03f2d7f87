"""A chat model in a role: the one place where agents meet models."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, Field

from agents.errors import ModelBusyError
from agents.models.chat import to_turns
from stores.sample import Sample

_ROUNDING = 1e-3


class AgentConfig(BaseModel):
    """What every agent's settings share: its model and how it samples."""

    model_config = ConfigDict(extra="forbid")

    model: str = "default"
    """The model the agent asks: a key of `models`."""
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """The sampling temperature. At 0 the model gives its likeliest reply."""
    max_tokens: int = Field(default=64, gt=0)
    """The most tokens of one reply. A model that thinks before it answers needs more."""


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
    """One reply of a model: its text, its cost, and where asked for each token's log-probability (nats)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    log_probabilities: tuple[float, ...] = ()
    usage: Usage


Recall = Callable[[Mapping[str, Any], Callable[[], Awaitable[Reply]]], Awaitable[Reply]]
"""Returns the reply to a request, asking for it only where it is not known."""


class Role:
    """A chat model with the sampling of one role.

    Args:
        model: any LangChain chat model.
        temperature: 0 for the likeliest answer.
        max_tokens: the most tokens of one reply.
        seed: makes sampling at a temperature above 0 repeatable where the endpoint supports it.
        log_probabilities: whether the role needs them; a reply is several times as long with them.
        recall: knows what was replied before; without it everything is asked.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        temperature: float = 0.0,
        max_tokens: int,
        seed: int = 0,
        log_probabilities: bool = False,
        recall: Recall | None = None,
    ) -> None:
        self._model = model
        self._recall = recall
        self._sampling: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
        if log_probabilities:
            self._sampling["logprobs"] = True

    async def ask(self, messages: Sequence[BaseMessage], *, at_most: int | None = None) -> Reply:
        """Send one conversation and return the reply.

        Args:
            messages: the conversation.
            at_most: tokens that this reply needs no more than; the role's own `max_tokens` still holds.

        Raises:
            ModelBusyError: no answer this time; asking again may help.
            ModelCallError: the model refused the request.
            EndpointDownError: its endpoint is down for too long.
            StorageError: the reply cannot be stored.
        """
        sampling = self._sampling
        if at_most is not None and at_most < sampling["max_tokens"]:
            sampling = {**sampling, "max_tokens": at_most}

        async def send() -> Reply:
            reply = _read(await self._model.ainvoke(list(messages), **sampling))
            if "logprobs" in sampling and not reply.log_probabilities:
                raise ModelBusyError("the model's reply has no log-probabilities")
            return reply

        if self._recall is None:
            return await send()
        return await self._recall({"messages": to_turns(messages), **sampling}, send)


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
    """Read a reply that says something.

    Raises:
        ModelBusyError: it does not, or its log-probabilities are none.
    """
    used = message.usage_metadata
    usage = Usage(
        requests=1,
        prompt_tokens=used["input_tokens"] if used else 0,
        completion_tokens=used["output_tokens"] if used else 0,
    )
    text = str(message.text)
    if not text.strip():
        # Not an answer that nobody can read: there is none, and no verdict can rest on it.
        ended = message.response_metadata.get("finish_reason")
        raise ModelBusyError(
            f"the model's reply is empty after {usage.completion_tokens} tokens (finish_reason: {ended}); "
            "a model that thinks before it answers needs a larger max_tokens"
        )
    return Reply(text=text, log_probabilities=_log_probabilities(message), usage=usage)


def _log_probabilities(message: AIMessage) -> tuple[float, ...]:
    """Return the log-probability of each token, none where none came along.

    Raises:
        ModelBusyError: one is no logarithm of a probability.
    """
    try:
        tokens = (message.response_metadata.get("logprobs") or {}).get("content") or ()
        values = tuple(float(token["logprob"]) for token in tokens)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise ModelBusyError("the reply's log-probabilities cannot be read") from exc
    if not all(math.isfinite(value) and value < _ROUNDING for value in values):
        raise ModelBusyError("the reply's log-probabilities are no logarithms of probabilities")
    # A little above 0 is rounding, and read as 0: nothing that follows has to bear it.
    return tuple(min(value, 0.0) for value in values)
