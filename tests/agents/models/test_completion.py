"""What an endpoint sends back: read as far as it makes sense, and what a failure means from then on."""

import contextlib
import logging
from typing import Any

import pytest

from agents.models.completion import ServedName, read_completion, read_rated
from agents.models.limiter import FailureKind
from agents.models.refusal import RequestError


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


def test_another_model_behind_a_name_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    served = ServedName("judge")
    with caplog.at_level(logging.WARNING, logger="robustft"):
        for name in ("a", "a", None, 5, "a"):
            served.check(name)
        assert caplog.messages == []
        for name in ("b", "b", "a", "c", "b"):
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


def test_names_in_a_reply_are_short_and_plain() -> None:
    reply = completion(
        model="m\x1b[2J\n" * 1000, choices=[{"message": {"content": "x"}, "finish_reason": "\u202e" * 500}]
    )
    told = read_completion(reply).generations[0].message.response_metadata
    assert all(
        len(told[name]) <= 100 and told[name].isprintable() for name in ("model_name", "finish_reason")
    )


def test_what_an_endpoint_repeats_is_hidden_in_every_field() -> None:
    message = {"content": "a KEY", "reasoning_content": "b KEY", "refusal": "c KEY"}
    reply = completion(model="d KEY", choices=[{"message": message, "finish_reason": "KEY"}])
    read = read_completion(reply, lambda text: text.replace("KEY", "***")).generations[0].message
    assert "KEY" not in read.model_dump_json()
    assert read.text == "a ***"


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("depth", [10, 200, 5000])
@pytest.mark.parametrize(
    "place", ["model", "error", "choices", "usage", "content", "type", "finish", "logprobs"]
)
def test_nesting_of_any_depth_is_a_completion_or_a_request_error(place: str, depth: int) -> None:
    deep = nested(depth)
    choice: Any = {
        "message": {
            "content": {"content": [{"type": deep, "text": "x"}], "type": [deep], "usage": "x"}.get(
                place, "x"
            )
        },
        "finish_reason": deep if place == "finish" else "stop",
        "logprobs": deep if place == "logprobs" else None,
    }
    reply = {
        "model": "m",
        "choices": [choice],
        **({place: deep} if place in ("model", "error", "choices", "usage") else {}),
    }
    if place == "error":
        del reply["choices"]
    with contextlib.suppress(RequestError):
        read_completion(reply)


@pytest.mark.parametrize("value", [True, None, "x", 10**400, {"decoded_token": 5}])
def test_ratings_that_are_none_rate_no_token_or_fail(value: Any) -> None:
    reply = completion(prompt_logprobs=[{"1": {"decoded_token": "Paris", "logprob": value}}])
    try:
        message = read_rated(reply, "Paris").generations[0].message
    except RequestError:
        return
    assert message.response_metadata["logprobs"] == {"content": []}
