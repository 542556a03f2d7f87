"""What an endpoint sends back, read with suspicion: it may be anything."""

import logging
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agents.models.content import read_content
from agents.models.limiter import FailureKind

_LOG = logging.getLogger("robustft")
_SHOWN = 300
_MOST_TOKENS = 2**31
# JSON has no infinity.
_LEAST_LIKELY = -1e4
_LONGEST_ERROR = 4096
# How Azure, its proxies, Alibaba and Zhipu say that a prompt is not let through.
_FILTER = re.compile(
    rb"content_filter|content management policy|ResponsibleAIPolicyViolation|data_inspection_failed|"
    rb"DataInspectionFailed|content_policy_violation|prohibited_content|sensitive_words"
)
# How servers say that they do not take a field, or its value.
_UNWANTED = re.compile(
    r"support|not (?:permitted|allowed|accepted|valid)|unrecogni[sz]ed|unknown|unexpected|extra|invalid|"
    r"forbidden|additional|must be|only|deprecated",
    re.IGNORECASE,
)


class RequestError(Exception):
    """A request that brought no reply.

    Args:
        reason: what the endpoint says, or how it failed.
        failure: what that means for the next request.
        retry_after: how long the endpoint asks to wait, in seconds.
        filtered: whether a filter of the endpoint's took the prompt for harmful.
    """

    def __init__(
        self, reason: str, failure: FailureKind, retry_after: float | None = None, *, filtered: bool = False
    ) -> None:
        super().__init__(reason)
        self.failure = failure
        self.retry_after = retry_after
        self.filtered = filtered


def read_completion(reply: Any) -> ChatResult:
    """Return a chat completion as LangChain has it.

    Args:
        reply: the endpoint's JSON. What it says of the usage is taken as nothing where it makes no sense.

    Raises:
        RequestError: it holds no chat completion, or an error in place of one.
    """
    if isinstance(reply, dict) and reply.get("error") and not reply.get("choices"):
        # Routers send the error of a model's own service with the status 200.
        raise _error_within(reply)
    try:
        choice = reply["choices"][0]
        message_sent = _message_in(choice)
        content = read_content(message_sent)
        usage = reply.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        details = usage.get("completion_tokens_details")
        hidden = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else 0
        sent, received = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        message = AIMessage(
            content=content.text,
            additional_kwargs={"reasoning_content": content.thoughts, "refusal": content.refusal},
            usage_metadata={
                "input_tokens": sent,
                "output_tokens": received,
                "total_tokens": sent + received,
                **({"output_token_details": {"reasoning": hidden}} if hidden else {}),
            },
            response_metadata={
                "model_name": reply.get("model"),
                "finish_reason": _finish_of(choice, message_sent),
                "logprobs": _ratings_of(choice.get("logprobs")),
            },
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as exc:
        raise RequestError("the endpoint's reply holds no chat completion", FailureKind.FAILING) from exc
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
    message = result.generations[0].message
    message.content = rated
    ratings = {"content": _rated_in(reply.get("prompt_logprobs"), rated)}
    message.response_metadata |= {"finish_reason": "stop", "logprobs": ratings}
    return result


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
        if not isinstance(token, str) or not isinstance(value, int | float) or value != value:
            break
        spelt = token.encode()
        if not left.endswith(spelt) and not spelt.endswith(left) and "\ufffd" not in token:
            # Not the text: the template has changed it.
            return []
        found.append({"token": token, "logprob": max(min(float(value), 0.0), _LEAST_LIKELY)})
        # A piece of a sign is decoded as one byte or none that can be told: its length is that of a byte.
        left = left[: -len(spelt)] if "\ufffd" not in token else left[:-1]
    return found[::-1] if not left else []


def filtered_reply() -> ChatResult:
    """Return what stands for the reply to a prompt that the endpoint's filter does not let through."""
    message = AIMessage(content="", response_metadata={"model_name": None, "finish_reason": "content_filter"})
    return ChatResult(generations=[ChatGeneration(message=message)])


def _error_within(reply: dict[str, Any]) -> RequestError:
    error = reply["error"]
    code = error.get("code") if isinstance(error, dict) else None
    told = isinstance(code, int | str) and re.fullmatch(r"[45]\d\d", str(code), re.ASCII)
    status = int(str(code)) if told else 500
    return read_refusal(status, orjson.dumps({"error": error}), None)


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


def read_refusal(status: int, content: bytes, retry_after: str | None) -> RequestError:
    """Return what an endpoint's error reply means for the request and for the next one.

    Args:
        status: the HTTP status, not 200.
        content: the reply's body.
        retry_after: the header of that name.
    """
    message = _message_of(content)
    pause = _seconds(retry_after)
    if status in (401, 403):
        reason = f"the endpoint refused the API key ({status}); check the variable that api_key_env names"
        return RequestError(reason, FailureKind.OWN)
    if status == 404:
        return RequestError(
            f"the endpoint does not know this model or path (404): {message}", FailureKind.OWN
        )
    if status == 429 or (status == 503 and pause is not None):
        return RequestError(f"the endpoint is busy ({status}): {message}", FailureKind.BUSY, pause)
    if status >= 500 or status in (408, 425):
        return RequestError(f"the endpoint failed ({status}): {message}", FailureKind.FAILING, pause)
    return RequestError(
        f"the endpoint refused the request ({status}): {message}",
        FailureKind.OWN,
        filtered=_FILTER.search(content[:_LONGEST_ERROR]) is not None,
    )


def advise(refusal: str, label: str) -> str:
    """Return how to do without what an endpoint refuses; nothing where its message does not say what that is.

    Args:
        refusal: what it says.
        label: how the config calls the model, such as `models.default`.
    """
    if "max_completion_tokens" in refusal:
        return f"; set {label}.max_tokens_key: max_completion_tokens"
    if not _UNWANTED.search(refusal):
        return ""
    found = next(
        (name for name in ("seed", "temperature", "logprobs", "tool_choice", "tools") if name in refusal),
        None,
    )
    return f"; set {label}.drop: [{found}]" if found else ""


class ServedName:
    """The name that an endpoint gives its model: another one in the middle of a run is worth a warning.

    Args:
        asked_for: the name that requests use.
    """

    def __init__(self, asked_for: str) -> None:
        self._asked_for = asked_for
        self._seen: str | None = None

    def check(self, name: object) -> None:
        """Look at the name in a reply."""
        if not isinstance(name, str) or name == self._seen:
            return
        if self._seen is not None:
            _LOG.warning(
                "model %s: the endpoint answers as %.100r now, and as %.100r before; is it still one model?",
                self._asked_for,
                name,
                self._seen,
            )
        self._seen = name


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < _MOST_TOKENS else 0


def _message_of(content: bytes) -> str:
    """Return what an error reply says, in one short line that a terminal may be sent."""
    try:
        reply = orjson.loads(content)
        error = reply.get("error") or reply.get("detail") or reply
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (orjson.JSONDecodeError, AttributeError):
        text = content[: 4 * _SHOWN].decode(errors="replace")
    line = " ".join(text.split())[:_SHOWN]
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line) or "no reason given"


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
