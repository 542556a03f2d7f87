"""Why a request brought no reply: told from whatever an HTTP response may be, without trusting any of it."""

import codecs
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from agents.models.limiter import FailureKind

_SHOWN = 300
LONGEST_ERROR = 1 << 16
"""Bytes of an error's body that are read."""
# How Azure, its proxies, Alibaba and Zhipu say that a prompt is not let through.
_FILTER = re.compile(
    r"content_filter|content management policy|ResponsibleAIPolicyViolation|data_inspection_failed|"
    r"DataInspectionFailed|content_policy_violation|prohibited_content|sensitive_words"
)
_FILTER_WITHIN = 4096
# How servers say that they do not take a field, or its value.
_UNWANTED = re.compile(
    r"support|not (?:permitted|allowed|accepted|valid)|unrecogni[sz]ed|unknown|unexpected|extra|invalid|"
    r"forbidden|additional|must be|only|deprecated",
    re.IGNORECASE,
)
Hide = Callable[[str], str]
"""Returns a text without the key that was sent (`agents.models.secrets`)."""


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


@contextmanager
def distrusting(reason: str) -> Iterator[None]:
    """Read what an endpoint sent: whatever that raises is the endpoint's failure, and no other's.

    Args:
        reason: what is wrong then, for the message.

    Raises:
        RequestError: in place of any exception.
    """
    try:
        yield
    except RequestError:
        raise
    except Exception as exc:
        raise RequestError(reason, FailureKind.FAILING) from exc


def read_body(status: int, headers: Mapping[str, str], content: bytes, hide: Hide = str) -> Any:
    """Return the JSON of a response: of what any HTTP response may be, this is the one way in.

    Args:
        status: its status.
        headers: its headers.
        content: its body, decompressed.
        hide: takes the key out of what is told.

    Raises:
        RequestError: it is an error, a redirect or no JSON.
    """
    with distrusting("the endpoint's reply cannot be read"):
        if status != 200:
            raise read_refusal(status, headers, content, hide)
        try:
            # Servers that write a byte order mark before it are not rare, and it says nothing.
            return orjson.loads(content.removeprefix(codecs.BOM_UTF8))
        except orjson.JSONDecodeError as exc:
            raise RequestError("the endpoint's reply is not JSON", FailureKind.FAILING) from exc


def read_refusal(status: int, headers: Mapping[str, str], content: bytes, hide: Hide = str) -> RequestError:
    """Return what an endpoint's error reply means for the request and for the next one.

    Args:
        status: the HTTP status, not 200.
        headers: its headers.
        content: the reply's body.
        hide: takes the key out of what is told.
    """
    if 300 <= status < 400:
        # Every prompt would go to an address that nobody named.
        target = _place_of(hide(headers.get("Location") or ""))
        return RequestError(
            f"the endpoint redirects to {target} ({status}), and redirects are not followed; "
            "name the address that answers in base_url",
            FailureKind.OWN,
        )
    text = content[:LONGEST_ERROR].decode(errors="replace")
    try:
        error = orjson.loads(content)
    except orjson.JSONDecodeError:
        error = text
    return refusal_of(status, error, text, _seconds(headers.get("Retry-After")), hide)


def refusal_of(
    status: int, error: Any, text: str, pause: float | None = None, hide: Hide = str
) -> RequestError:
    """Return what an error means.

    Args:
        status: its status, by HTTP or by what the error says of itself.
        error: its JSON, or its text where it is none.
        text: what it was read from.
        pause: how long the endpoint asks to wait, in seconds.
        hide: takes the key out of what is told.
    """
    message = _message_of(error, text, hide)
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
        filtered=_FILTER.search(text[:_FILTER_WITHIN]) is not None,
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


def one_line(text: str, most: int = _SHOWN) -> str:
    """Return the beginning of a text as one line that a terminal may be sent."""
    line = " ".join(text.split())[:most]
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)


def _message_of(error: Any, text: str, hide: Hide) -> str:
    """Return what an error reply says, in one short line."""
    found = error
    if isinstance(error, dict):
        found = error.get("error") or error.get("detail") or error
        found = found.get("message", found) if isinstance(found, dict) else found
    # What is nested is shown as it came: to spell it out may take any depth.
    shown = found if isinstance(found, str) else as_json(found, text)
    return one_line(hide(shown[:LONGEST_ERROR])) or "no reason given"


def as_json(value: Any, otherwise: str = "") -> str:
    """Return what an endpoint sent as JSON; another text where it is nested too deep for that."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return otherwise


def _place_of(target: str) -> str:
    """Return an address without what may hold a secret: a user, a query, a fragment."""
    try:
        parts = urlsplit(target)
        place = (
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path
        )
    except ValueError:
        place = ""
    return one_line(place, 200) or "another address"


def _seconds(retry_after: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date; None for whatever else it may be."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except Exception:  # noqa: BLE001 - a date may be out of any range
        return None
