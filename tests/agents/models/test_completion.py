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


TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
# What servers send: the choice, and the text, the thoughts and the end that are read from it.
SHAPES: dict[str, tuple[dict[str, Any], tuple[str, str | None, str | None]]] = {
    "vLLM's reasoning parser": (
        {"message": {"content": "Paris", "reasoning_content": "So"}, "finish_reason": "stop"},
        ("Paris", "So", "stop"),
    ),
    "a later vLLM's, both fields": (
        {"message": {"content": "Paris", "reasoning": "So", "reasoning_content": "So"}},
        ("Paris", "So", None),
    ),
    "Ollama": (
        {"message": {"content": "Paris", "thinking": "So"}, "done_reason": "stop"},
        ("Paris", "So", "stop"),
    ),
    "OpenRouter": (
        {
            "message": {
                "content": "Paris",
                "reasoning_details": [
                    {"type": "reasoning.summary", "summary": "So"},
                    {"type": "reasoning.encrypted", "data": "QUJD"},
                ],
            },
            "native_finish_reason": "MAX_TOKENS",
        },
        ("Paris", "So", "MAX_TOKENS"),
    ),
    "parts of an Anthropic proxy": (
        {
            "message": {
                "content": [
                    {"type": "thinking", "thinking": "So", "signature": "x"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "text", "text": "Paris"},
                ]
            },
            "stop_reason": "end_turn",
        },
        ("Paris", "So", "end_turn"),
    ),
    "a part in place of parts": (
        {"message": {"content": {"type": "text", "text": "Paris"}}},
        ("Paris", None, None),
    ),
    "Gemini's parts": (
        {
            "message": {"content": {"parts": [{"text": "So", "thought": True}, {"text": "Paris"}]}},
            "finishReason": "STOP",
        },
        ("Paris", "So", "STOP"),
    ),
    "a value of an assistant": (
        {"message": {"content": [{"type": "text", "text": {"value": "Paris", "annotations": []}}]}},
        ("Paris", None, None),
    ),
    "a response's parts": (
        {"message": {"content": [{"type": "output_text", "text": "Paris"}]}},
        ("Paris", None, None),
    ),
    "plain completions": ({"text": "Paris", "finish_reason": "length"}, ("Paris", None, "length")),
    "a message that is text": ({"message": "Paris", "finish_reason": "stop"}, ("Paris", None, "stop")),
    "a stream's last chunk": ({"delta": {"content": "Paris"}}, ("Paris", None, None)),
    "SGLang's end": (
        {"message": {"content": "Par"}, "finish_reason": {"type": "length", "length": 16}},
        ("Par", None, "length"),
    ),
    "Azure's filter without content": (
        {"message": {"role": "assistant"}, "finish_reason": "content_filter", "content_filter_results": {}},
        ("", None, "content_filter"),
    ),
    "a call in place of content": (
        {"message": {"content": None, "tool_calls": [TOOL_CALL]}, "finish_reason": "stop"},
        ("", None, "tool_calls"),
    ),
    "a call without an end": (
        {"message": {"content": "", "tool_calls": [TOOL_CALL]}},
        ("", None, "tool_calls"),
    ),
    "an old call": (
        {
            "message": {"content": None, "function_call": {"name": "look_up"}},
            "finish_reason": "function_call",
        },
        ("", None, "function_call"),
    ),
    "no calls": (
        {"message": {"content": "Paris", "tool_calls": []}, "finish_reason": "stop"},
        ("Paris", None, "stop"),
    ),
    "a call that was cut": (
        {"message": {"content": "", "tool_calls": [TOOL_CALL]}, "finish_reason": "length"},
        ("", None, "length"),
    ),
    "DeepSeek, cut in its thoughts": (
        {"message": {"content": "", "reasoning_content": "So"}, "finish_reason": "length"},
        ("", "So", "length"),
    ),
    "a refusal beside null": (
        {"message": {"content": None, "refusal": None, "annotations": []}, "finish_reason": "stop"},
        ("", None, "stop"),
    ),
}


@pytest.mark.parametrize(("choice", "read"), SHAPES.values(), ids=SHAPES)
def test_every_shape_that_servers_send_is_read(
    choice: dict[str, Any], read: tuple[str, str | None, str | None]
) -> None:
    message = read_completion(completion(choices=[choice])).generations[0].message
    said = message.text, message.additional_kwargs["reasoning_content"]
    assert (*said, message.response_metadata["finish_reason"]) == read


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"code": 429, "message": "rate limited"}, FailureKind.BUSY),
        ({"code": 502, "message": "no provider"}, FailureKind.FAILING),
        ({"code": "400", "message": "bad"}, FailureKind.OWN),
        ({"code": "server_error", "message": "bad"}, FailureKind.FAILING),
        ("bad", FailureKind.FAILING),
    ],
)
@pytest.mark.parametrize("choices", [{}, {"choices": None}, {"choices": []}])
def test_an_error_within_a_reply_is_an_error(
    error: object, failure: FailureKind, choices: dict[str, Any]
) -> None:
    with pytest.raises(RequestError, match=r"\(\d{3}\)") as raised:
        read_completion({"error": error, **choices})
    assert raised.value.failure is failure


@pytest.mark.parametrize(
    "sent",
    [
        {
            "tokens": ["Pa", "ris"],
            "token_logprobs": [-0.5, -1.0],
            "top_logprobs": [{"Pa": -0.5}, {"ris": -1.0}],
        },
        {"tokens": ["Pa", "ris"], "token_logprobs": [-0.5, -1.0], "top_logprobs": None},
        {"content": None, "tokens": ["?", "Pa", "ris"], "token_logprobs": [None, -0.5, -1.0]},
        [{"token": "Pa", "logprob": -0.5}, {"token": "ris", "logprob": -1.0}],
    ],
)
def test_log_probabilities_of_plain_completions_are_read(sent: object) -> None:
    reply = completion(choices=[{"message": {"content": "Paris"}, "logprobs": sent}])
    rated = read_completion(reply).generations[0].message.response_metadata["logprobs"]["content"]
    assert [(token["token"], token["logprob"]) for token in rated] == [("Pa", -0.5), ("ris", -1.0)]


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
    assert read_refusal(400, body, None).filtered is filtered
