"""Whether a model answers at all, asked before a run begins."""

import asyncio
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from agents.errors import EndpointError, ModelBusyError
from stores.errors import RobustFTError

# How often a model is asked whether it answers, and the seconds between.
_TRIES = 3
_PAUSE = 0.5


async def probe(model: BaseChatModel, label: str, *, log_probabilities: bool) -> None:
    """Ask a model for one token, so that a run which cannot work ends before it begins.

    Args:
        model: the chat model.
        label: how the config calls it, for the message.
        log_probabilities: whether the model must return them (Eq. 7 needs those of the relabeler).

    Raises:
        EndpointError: unreachable, an unknown model name, a refused key, or no log-probabilities.
    """
    sampling: dict[str, Any] = {"temperature": 0.0, "max_tokens": 4}
    if log_probabilities:
        sampling["logprobs"] = True
    for left in reversed(range(_TRIES)):
        try:
            # Not as an agent asks: a model that thinks first says nothing within a few tokens.
            reply = await model.ainvoke([HumanMessage("Say yes.")], **sampling)
            break
        except RobustFTError as exc:
            if not left or not isinstance(exc, ModelBusyError):
                raise EndpointError(f"{label}: {exc}") from exc
            await asyncio.sleep(_PAUSE)
    if log_probabilities and not (reply.response_metadata.get("logprobs") or {}).get("content"):
        raise EndpointError(
            f"{label}: returns no log-probabilities, which the relabeler's entropy (Eq. 7) needs; "
            "serve the model with them (vLLM does) or give agents.relabeler another model"
        )
