"""What an endpoint sends back: read as far as it makes sense, and what a failure means from then on."""

import logging
from typing import Any

import pytest

from agents.models.completion import RequestError, ServedName, read_completion, read_refusal
from agents.models.limiter import FailureKind


def completion(**changes: Any) -> dict[str, Any]:
    choice = {"message": {"content": "Paris"}, "finish_reason": "stop", "logprobs": {"content": []}}
    usage = {"prompt_tokens": 7, "completion_tokens": 1}
    return {"model": "m", "choices": [choice], "usage": usage, **changes}


def test_a_completion_is_read_with_what_came_along() -> None:
    message = read_completion(completion()).generations[0].message
    assert message.text == "Paris"
    assert message.response_metadata == {
        "model_name": "m",
        "finish_reason": "stop",
        "logprobs": {"content": []},
    }
    assert message.usage_metadata == {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [None, ""])
def test_a_completion_may_say_nothing(content: str | None) -> None:
    reply = completion(choices=[{"message": {"content": content}}])
    assert read_completion(reply).generations[0].text == ""


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "many",
        {},
        {"prompt_tokens": -1, "completion_tokens": 2.5},
        {"prompt_tokens": "7", "completion_tokens": 10**12},
    ],
)
def test_a_usage_that_makes_no_sense_counts_as_nothing(usage: object) -> None:
    message: Any = read_completion(completion(usage=usage)).generations[0].message
    assert message.usage_metadata["total_tokens"] == 0


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        "text",
        {},
        {"choices": []},
        {"choices": None},
        {"choices": ["text"]},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": 5}}]},
    ],
)
def test_what_is_no_completion_is_a_failure_of_the_endpoint(reply: object) -> None:
    with pytest.raises(RequestError, match="holds no chat completion") as error:
        read_completion(reply)
    assert error.value.failure is FailureKind.FAILING


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
    error = read_refusal(status, b"", retry_after)
    assert (error.failure, error.retry_after) == (failure, pause)
    assert f"({status})" in str(error) or "API key" in str(error)


@pytest.mark.parametrize("retry_after", ["-5", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_moment_in_the_past_is_no_pause(retry_after: str) -> None:
    assert read_refusal(429, b"", retry_after).retry_after == 0


@pytest.mark.parametrize("retry_after", ["", "soon", "Mon, 01 Jan 99999 00:00:00 GMT"])
def test_a_pause_that_cannot_be_read_is_none(retry_after: str) -> None:
    assert read_refusal(429, b"", retry_after).retry_after is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"error": "too long"}', "too long"),
        (b'{"message": "too long"}', "too long"),
        (b'{"detail": "too long"}', "too long"),
        (b'{"error": null, "message": "too long"}', "too long"),
        (b"<p>\n  too   long\n</p>", "<p> too long </p>"),
        (b"[1, 2]", "[1, 2]"),
        (b"\xff", "\ufffd"),
        (b"", "no reason given"),
        (b" \n", "no reason given"),
    ],
)
def test_an_error_reply_is_told_in_one_line(content: bytes, message: str) -> None:
    assert str(read_refusal(400, content, None)) == f"the endpoint refused the request (400): {message}"


def test_a_long_error_reply_is_told_in_part() -> None:
    assert len(str(read_refusal(400, b"word " * 100_000, None))) < 400


@pytest.mark.parametrize(
    "content", [b'{"error": "\\u001b[2J\\u202e\\u0007bad"}', b"\x1b[2J\xe2\x80\xae\x07bad"]
)
def test_an_error_reply_sends_nothing_to_a_terminal_but_text(content: bytes) -> None:
    assert str(read_refusal(500, content, None)).endswith(": \ufffd[2J\ufffd\ufffdbad")


def test_another_model_behind_a_name_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    served = ServedName("judge")
    with caplog.at_level(logging.WARNING, logger="robustft"):
        for name in ("a", "a", None, 5, "a"):
            served.check(name)
        assert caplog.messages == []
        for name in ("b", "b"):
            served.check(name)
    assert len(caplog.messages) == 1
    assert "judge" in caplog.text
    assert "'b'" in caplog.text
    assert "'a'" in caplog.text


def test_a_hostile_name_is_told_short_and_plain(caplog: pytest.LogCaptureFixture) -> None:
    served = ServedName("judge")
    served.check("a")
    served.check("\x1b[2J" * 1000)
    assert "\x1b" not in caplog.text
    assert len(caplog.messages[0]) < 300
