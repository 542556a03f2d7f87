"""A chat model in a role: the one place where agents meet models."""

import math
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from agents.agent import Recall, Reply, Usage
from agents.errors import ModelBusyError
from agents.models.chat import to_messages, to_turns
from stores.sample import Message

_ROUNDING = 1e-3


class Role:
    """A chat model with the sampling of one role.

    Args:
        model: any LangChain chat model.
        temperature: 0 for the likeliest answer.
        max_tokens: the most tokens of one reply.
        seed: makes sampling at a temperature above 0 repeatable where the endpoint supports it.
        log_probabilities: whether the role needs them; a reply is several times as long with them.
        recall: finds a reply that was given before; without it everything is asked.
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

    async def ask(self, turns: Sequence[Message], *, at_most: int | None = None) -> Reply:
        """Send one conversation and return the reply.

        Args:
            turns: the conversation.
            at_most: the most tokens that this reply needs; the role's own `max_tokens` still holds.

        Raises:
            ModelBusyError: no answer this time; asking again may help.
            ModelCallError: the model refused the request.
            EndpointDownError: its endpoint is down for too long.
            StorageError: the reply cannot be stored.
        """
        messages = to_messages(turns)
        sampling = self._sampling
        if at_most is not None and at_most < sampling["max_tokens"]:
            sampling = {**sampling, "max_tokens": at_most}

        async def send() -> Reply:
            reply = _read(await self._model.ainvoke(messages, **sampling))
            if "logprobs" in sampling and not reply.log_probabilities:
                raise ModelBusyError("the model's reply has no log-probabilities")
            return reply

        if self._recall is None:
            return await send()
        return await self._recall({"messages": to_turns(messages), **sampling}, send)


def _read(message: AIMessage) -> Reply:
    """Read a reply.

    Raises:
        ModelBusyError: the reply is empty, or its log-probabilities are no logarithms of probabilities.
    """
    used = message.usage_metadata
    usage = Usage(
        requests=1,
        prompt_tokens=used["input_tokens"] if used else 0,
        completion_tokens=used["output_tokens"] if used else 0,
    )
    text = str(message.text)
    if not text.strip():
        # An empty reply is not an unreadable answer: the model gave none, and no verdict can rest on it.
        ended = message.response_metadata.get("finish_reason")
        raise ModelBusyError(
            f"the model's reply is empty after {usage.completion_tokens} tokens (finish_reason: {ended}); "
            "a model that thinks before it answers needs a larger max_tokens"
        )
    return Reply(text=text, log_probabilities=_log_probabilities(message), usage=usage)


def _log_probabilities(message: AIMessage) -> tuple[float, ...]:
    """Return the log-probability of each token; empty where the reply has none.

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
    # A value a little above 0 is a rounding error.
    return tuple(min(value, 0.0) for value in values)
