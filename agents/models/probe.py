"""Whether a model answers at all, asked before a run begins, as its agents will ask."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage

from agents.errors import EndpointError, ModelBusyError, ModelCallError
from agents.models.chat import DirectChatModel
from agents.models.endpoint import EndpointChatModel
from agents.thoughts import split_thoughts
from stores.errors import RobustFTError

_LOG = logging.getLogger("robustft")
# How often a model is asked whether it answers, and the seconds between.
_TRIES = 3
_PAUSE = 0.5


class _Way(NamedTuple):
    """A setting that leaves out or renames what an endpoint may refuse."""

    field: str
    settings: Mapping[str, Any]
    advice: str


_WAYS = (
    _Way("seed", {"drop": ("seed",)}, "drop: [seed]"),
    _Way("temperature", {"drop": ("temperature",)}, "drop: [temperature]"),
    _Way(
        "max_tokens",
        {"max_tokens_key": "max_completion_tokens"},
        "max_tokens_key: max_completion_tokens",
    ),
    _Way("logprobs", {"drop": ("logprobs",)}, "drop: [logprobs]"),
)


async def probe(model: BaseChatModel, label: str, sampling: Mapping[str, Any]) -> None:
    """Ask a model as an agent will, so that a run which cannot work ends before it begins.

    A model of ours that is seen to think is marked so (`thinks`).

    Args:
        model: the chat model.
        label: how the config calls it, for the message.
        sampling: what the agent sends besides its turns; with `logprobs`, the model must return them.

    Raises:
        EndpointError: unreachable, an unknown model name, a refused key or field, or no log-probabilities.
    """
    reply = await _ask(model, label, sampling)
    if isinstance(model, DirectChatModel) and _thinks(reply):
        model.thinks = True
    needs = "logprobs" in sampling and (reply.text.strip() or not _thinks(reply))
    rated = reply.response_metadata.get("logprobs")
    if needs and not (isinstance(rated, dict) and rated.get("content")):
        raise EndpointError(
            f"{label}: returns no log-probabilities, which the relabeler's entropy (Eq. 7) needs; "
            "serve the model with them (vLLM does), give agents.relabeler another model, or "
            f"set {label}.drop: [logprobs] to select without them"
        )


async def check_name(model: BaseChatModel, label: str) -> None:
    """Warn of a model that its endpoint answers for, but does not list; learn the context of one it does."""
    if not isinstance(model, EndpointChatModel):
        return
    listed = await model.listed()
    model.context = listed.get(model.served_name)
    if listed and model.served_name not in listed:
        _LOG.warning(
            "%s: the endpoint answers as '%s', but lists %s; is the name right?",
            label,
            model.served_name,
            ", ".join(f"'{name:.60}'" for name in list(listed)[:5])
            + (" and more" if len(listed) > 5 else ""),
        )


async def _ask(model: BaseChatModel, label: str, sampling: Mapping[str, Any]) -> AIMessage:
    for left in reversed(range(_TRIES)):
        try:
            return await model.ainvoke([HumanMessage("Say yes.")], **sampling)
        except RobustFTError as exc:
            if not left or not isinstance(exc, ModelBusyError):
                raise EndpointError(f"{label}: {exc}{await _way_out(model, label, sampling, exc)}") from exc
            await asyncio.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


async def _way_out(
    model: BaseChatModel, label: str, sampling: Mapping[str, Any], refusal: RobustFTError
) -> str:
    """Return the setting with which an endpoint takes the request, where its refusal names none."""
    said = str(refusal)
    refused = "(400)" in said or "(422)" in said
    if not refused or "; set " in said or not isinstance(model, EndpointChatModel):
        return ""
    for way in _WAYS:
        if way.field in sampling:
            try:
                await model.shaped(way.settings).ainvoke([HumanMessage("Say yes.")], **sampling)
            except ModelCallError:
                continue
            return f"; it refuses '{way.field}': set {label}.{way.advice}"
    return ""


def _thinks(reply: AIMessage) -> bool:
    """Say whether a reply has thoughts, or was cut before it said anything."""
    if not reply.text.strip() and reply.response_metadata.get("finish_reason") == "length":
        return True
    used = reply.usage_metadata
    hidden = (used.get("output_token_details") or {}).get("reasoning") if used else 0
    said = split_thoughts(str(reply.text))
    return bool(said.thoughts or hidden or not said.ended or reply.additional_kwargs.get("reasoning_content"))
