"""What an HTTP response that brings no reply means: whatever it is, one typed error, and nothing else."""

import random
from typing import Any

import orjson
import pytest

from agents.models.limiter import FailureKind
from agents.models.refusal import RequestError, advise, distrusting, read_body, read_refusal


def after(retry_after: str | None) -> dict[str, str]:
    return {} if retry_after is None else {"Retry-After": retry_after}


@pytest.mark.parametrize(
    ("status", "retry_after", "failure", "pause"),
    [
        (400, None, FailureKind.OWN, None),
        (400, "5", FailureKind.OWN, None),
        (401, None, FailureKind.OWN, None),
        (403, None, FailureKind.OWN, None),
        (404, None, FailureKind.OWN, None),
        (422, None, FailureKind.OWN, None),
        (408, None, FailureKind.FAILING, None),
        (425, "2", FailureKind.FAILING, 2.0),
        (429, None, FailureKind.BUSY, None),
        (429, "5", FailureKind.BUSY, 5.0),
        (500, None, FailureKind.FAILING, None),
        (503, None, FailureKind.FAILING, None),
        (503, "1.5", FailureKind.BUSY, 1.5),
        (599, "soon", FailureKind.FAILING, None),
    ],
)
def test_a_status_says_whose_fault_it_is_and_how_long_to_wait(
    status: int, retry_after: str | None, failure: FailureKind, pause: float | None
) -> None:
    error = read_refusal(status, after(retry_after), b"")
    assert (error.failure, error.retry_after) == (failure, pause)
    assert f"({status})" in str(error) or "API key" in str(error)


@pytest.mark.parametrize("retry_after", ["-5", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_moment_in_the_past_is_no_pause(retry_after: str) -> None:
    assert read_refusal(429, after(retry_after), b"").retry_after == 0


@pytest.mark.parametrize("retry_after", ["", "soon", "Mon, 01 Jan 99999 00:00:00 GMT"])
def test_a_pause_that_cannot_be_read_is_none(retry_after: str) -> None:
    assert read_refusal(429, after(retry_after), b"").retry_after is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"error": "too long"}', "too long"),
        (b'{"message": "too long"}', "too long"),
        (b'{"detail": "too long"}', "too long"),
        (b'{"error": null, "message": "too long"}', "too long"),
        (b"<p>\n  too   long\n</p>", "<p> too long </p>"),
        (b"[1, 2]", "[1,2]"),
        (b"\xff", "\ufffd"),
        (b"", "no reason given"),
        (b" \n", "no reason given"),
    ],
)
def test_an_error_reply_is_told_in_one_line(content: bytes, message: str) -> None:
    assert str(read_refusal(400, {}, content)) == f"the endpoint refused the request (400): {message}"


def test_a_long_error_reply_is_told_in_part() -> None:
    assert len(str(read_refusal(400, {}, b"word " * 100_000))) < 400


@pytest.mark.parametrize(
    "content", [b'{"error": "\\u001b[2J\\u202e\\u0007bad"}', b"\x1b[2J\xe2\x80\xae\x07bad"]
)
def test_an_error_reply_sends_nothing_to_a_terminal_but_text(content: bytes) -> None:
    assert str(read_refusal(500, {}, content)).endswith(": \ufffd[2J\ufffd\ufffdbad")


@pytest.mark.parametrize(
    ("body", "filtered"),
    [
        (b'{"error": {"code": "content_filter", "message": "The response was filtered"}}', True),
        (b'{"error": {"message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}', True),
        (b'{"error": {"code": "data_inspection_failed"}}', True),
        (b'{"error": {"message": "maximum context length is 4096 tokens"}}', False),
    ],
)
def test_a_prompt_that_a_filter_stops_is_told_from_a_bad_request(body: bytes, filtered: bool) -> None:
    assert read_refusal(400, {}, body).filtered is filtered


def deep(depth: int, message: Any = "x") -> bytes:
    return b'{"error":' * depth + orjson.dumps(message) + b"}" * depth


@pytest.mark.parametrize("depth", [1, 100, 254, 255, 999, 1000, 1024, 1025, 100_000])
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_an_error_nested_to_any_depth_is_a_request_error(status: int, depth: int) -> None:
    with pytest.raises(RequestError) as error:
        raise read_refusal(status, {}, deep(depth))
    assert len(str(error.value)) < 400


def test_any_retry_after_is_a_pause_or_none() -> None:
    dice = random.Random(0)  # noqa: S311
    days, months = ("Mon", "Sun", "X", ""), ("Jan", "Dec", "Foo")
    for _ in range(5000):
        numbers = [dice.choice(["0", "-1", "99999", "1e400", "9" * 50, "31", "٣", ""]) for _ in range(4)]
        day = f"{dice.choice(days)}, {numbers[0]} {dice.choice(months)} {numbers[1]}"
        date = f"{day} {numbers[2]}:00:{numbers[3]} +9999"
        text = dice.choice([date, numbers[0], "inf", "-inf", "nan", "\x00", date.replace(" ", "")])
        pause = read_refusal(429, {"Retry-After": text}, b"").retry_after
        assert pause is None or pause >= 0, text


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("https://else.example/v1/chat", "https://else.example/v1/chat"),
        ("https://user:pw@else.example:8/v1?key=s#f", "https://else.example:8/v1"),
        ("/login?next=x", "/login"),
        ("http://[", "another address"),
        ("", "another address"),
        ("http://e.example/\x1b2J", "http://e.example/\ufffd2J"),
    ],
)
def test_a_redirect_is_refused_with_its_target(target: str, told: str) -> None:
    error = read_refusal(307, {"Location": target}, b"")
    assert error.failure is FailureKind.OWN
    assert f"redirects to {told} (307)" in str(error)


def test_a_byte_order_mark_before_a_body_is_nothing() -> None:
    assert read_body(200, {}, b"\xef\xbb\xbf{}") == {}


def test_a_body_is_json_or_an_error() -> None:
    assert read_body(200, {}, b'{"a": 1}') == {"a": 1}
    for status, body in (
        (200, b"["),
        (200, b""),
        (200, b"[" * 100_000),
        (204, b""),
        (302, b"{}"),
        (999, b"x"),
    ):
        with pytest.raises(RequestError):
            read_body(status, {}, body)


def test_a_key_is_hidden_before_a_message_is_cut() -> None:
    text = b'{"error": "' + b"x" * 290 + b" " * 5 + b'sk-secret-key"}'
    error = read_refusal(400, {}, text, lambda said: said.replace("sk-secret-key", "***"))
    assert "sk-s" not in str(error)


def test_whatever_reading_raises_is_a_request_error() -> None:
    with pytest.raises(RequestError, match="is odd") as error, distrusting("is odd"):
        raise RecursionError
    assert error.value.failure is FailureKind.FAILING


def test_a_refused_field_is_named_with_what_to_set() -> None:
    assert advise("seed is not supported", "models.a") == "; set models.a.drop: [seed]"
    assert advise("overloaded", "models.a") == ""
