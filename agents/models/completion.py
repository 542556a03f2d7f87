"""What an endpoint sends back, read with suspicion: it may be anything."""

import logging
import re
import time
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
# How servers say that they do not take a field, or its value.
_UNWANTED = re.compile(
    r"support|not (?:permitted|allowed|accepted|valid)|unrecogni[sz]ed|unknown|unexpected|extra|invalid|"
    r"forbidden|additional|must be|only|deprecated",
    re.IGNORECASE,
)


class RequestError(Exception):
    """A request that brought no reply."""

    def __init__(self, reason: str, failure: FailureKind, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.failure = failure
        self.retry_after = retry_after


def read_completion(reply: Any) -> ChatResult:
    """Return a chat completion as LangChain has it.

    Args:
        reply: the endpoint's JSON. What it says of the usage is taken as nothing where it makes no sense.

    Raises:
        RequestError: it holds no chat completion.
    """
    try:
        choice = reply["choices"][0]
        content = read_content(choice["message"])
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
                "finish_reason": choice.get("finish_reason"),
                "logprobs": choice.get("logprobs"),
            },
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as exc:
        raise RequestError("the endpoint's reply holds no chat completion", FailureKind.FAILING) from exc
    return ChatResult(generations=[ChatGeneration(message=message)])


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
    return RequestError(f"the endpoint refused the request ({status}): {message}", FailureKind.OWN)


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
    found = next((name for name in ("seed", "temperature", "logprobs") if name in refusal), None)
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
