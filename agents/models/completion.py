"""What an endpoint sends back, read with suspicion: it may be anything."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agents.agent import LEAST_LIKELY
from agents.models.content import read_content, read_count
from agents.models.refusal import Hide, RequestError, as_json, distrusting, one_line, refusal_of

_LOG = logging.getLogger("robustft")
_LONGEST_NAME = 100


def read_completion(reply: Any, hide: Hide = str) -> ChatResult:
    """Return a chat completion as LangChain has it.

    Args:
        reply: the endpoint's JSON. What it says of the usage is taken as nothing where it makes no sense, and
            names are cut to one short line.
        hide: takes the key out of what is told, which an endpoint may repeat in any field.

    Raises:
        RequestError: it holds no chat completion, or an error in place of one.
    """
    with distrusting("the endpoint's reply holds no chat completion"):
        if isinstance(reply, dict) and reply.get("error") and not reply.get("choices"):
            # Routers send the error of a model's own service with the status 200.
            raise _error_within(reply["error"], hide)
        choice = reply["choices"][0]
        message_sent = _message_in(choice)
        content = read_content(message_sent)
        message = AIMessage(
            content=hide(content.text),
            additional_kwargs={
                "reasoning_content": content.thoughts and hide(content.thoughts),
                "refusal": content.refusal and hide(content.refusal),
            },
            usage_metadata=_usage_of(reply.get("usage")),
            response_metadata={
                "model_name": _name(reply.get("model"), hide),
                "finish_reason": _name(_finish_of(choice, message_sent), hide),
                "logprobs": _ratings_of(choice.get("logprobs")),
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def read_rated(reply: Any, rated: str) -> ChatResult:
    """Return a reply that was given, with its tokens as vLLM's `prompt_logprobs` rate them.

    Args:
        reply: the endpoint's JSON.
        rated: the text that was given. Where the prompt does not end with it, no token is rated.

    Raises:
        RequestError: it holds no chat completion.
    """
    result = read_completion(reply)
    with distrusting("the endpoint's ratings cannot be read"):
        message = result.generations[0].message
        message.content = rated
        ratings = {"content": _rated_in(reply.get("prompt_logprobs"), rated)}
        message.response_metadata |= {"model_name": None, "finish_reason": "stop", "logprobs": ratings}
        return result


def _usage_of(usage: Any) -> Any:
    """Return what a reply says it took, in tokens."""
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("completion_tokens_details")
    hidden = read_count(details.get("reasoning_tokens")) if isinstance(details, dict) else 0
    sent, received = read_count(usage.get("prompt_tokens")), read_count(usage.get("completion_tokens"))
    return {
        "input_tokens": sent,
        "output_tokens": received,
        "total_tokens": sent + received,
        **({"output_token_details": {"reasoning": hidden}} if hidden else {}),
    }


def _name(value: Any, hide: Hide) -> str | None:
    """Return a name in a reply as one short line; None where it is no text."""
    return one_line(hide(value), _LONGEST_NAME) if isinstance(value, str) else None


def _rated_in(entries: Any, rated: str) -> list[dict[str, Any]]:
    """Return the last tokens of a prompt, those that spell a text."""
    found: list[dict[str, Any]] = []
    left = rated.encode()
    for entry in reversed(entries if isinstance(entries, list) else []):
        # The token itself comes first; a likelier one may follow.
        first = next(iter(entry.values()), None) if isinstance(entry, dict) else None
        if not left or not isinstance(first, dict):
            break
        token, value = first.get("decoded_token"), first.get("logprob")
        if not isinstance(token, str) or not isinstance(value, int | float) or isinstance(value, bool):
            break
        spelt = token.encode()
        if not left.endswith(spelt) and not spelt.endswith(left) and "\ufffd" not in token:
            # Not the text: the template has changed it.
            return []
        found.append({"token": token, "logprob": max(min(float(value), 0.0), LEAST_LIKELY)})
        # A piece of a sign is decoded as one byte or none that can be told: its length is that of a byte.
        left = left[: -len(spelt)] if "\ufffd" not in token else left[:-1]
    return found[::-1] if not left else []


def filtered_reply() -> ChatResult:
    """Return what stands for the reply to a prompt that the endpoint's filter does not let through."""
    message = AIMessage(content="", response_metadata={"model_name": None, "finish_reason": "content_filter"})
    return ChatResult(generations=[ChatGeneration(message=message)])


def _error_within(error: Any, hide: Hide) -> RequestError:
    code = error.get("code") if isinstance(error, dict) else None
    told = isinstance(code, int | str) and re.fullmatch(r"[45]\d\d", str(code), re.ASCII)
    text = error if isinstance(error, str) else as_json(error)
    return refusal_of(int(str(code)) if told else 500, {"error": error}, text, None, hide)


def _message_in(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a choice's message; that of a server for plain completions is its text.

    Raises:
        TypeError: there is none.
    """
    names = ("message", "delta", "text")
    message = next((choice[name] for name in names if choice.get(name) is not None), None)
    if isinstance(message, str):
        return {"content": message}
    if not isinstance(message, dict):
        raise TypeError("a choice without a message")
    return message


def _finish_of(choice: Mapping[str, Any], message: Mapping[str, Any]) -> str | None:
    """Return how a choice ended; a call of a tool in place of an answer ends it whatever the server says."""
    names = ("finish_reason", "finishReason", "native_finish_reason", "stop_reason", "done_reason")
    said = next((choice[name] for name in names if choice.get(name)), None)
    reason = said.get("type") if isinstance(said, dict) else said
    calls = message.get("tool_calls") or message.get("function_call")
    if calls and str(reason) in ("None", "stop", "STOP", "end_turn"):
        return "tool_calls"
    return reason if isinstance(reason, str) else None


def _ratings_of(sent: Any) -> Any:
    """Return log-probabilities as chat completions have them; some servers send other shapes."""
    if isinstance(sent, list):
        return {"content": sent}
    if not isinstance(sent, dict) or sent.get("content") is not None or "token_logprobs" not in sent:
        return sent
    rated = zip(sent.get("tokens") or (), sent["token_logprobs"] or (), strict=False)
    likely = sent.get("top_logprobs") or ()
    content = [{"token": token, "logprob": value} for token, value in rated if value is not None]
    for entry, others in zip(content, likely, strict=False):
        if isinstance(others, dict):
            entry["top_logprobs"] = [{"token": token, "logprob": value} for token, value in others.items()]
    return {"content": content}


class ServedName:
    """The name that an endpoint gives its model: another one in the middle of a run is worth one warning.

    Args:
        asked_for: the name that requests use.
    """

    def __init__(self, asked_for: str) -> None:
        self._asked_for = asked_for
        self._first: str | None = None
        self._warned = False

    def check(self, name: object) -> None:
        """Look at the name in a reply."""
        if not isinstance(name, str) or name == self._first or self._warned:
            return
        if self._first is None:
            self._first = name
            return
        self._warned = True
        _LOG.warning(
            "model %s: the endpoint answers as %.100r now, and as %.100r before; is it still one model?",
            self._asked_for,
            name,
            self._first,
        )
