"""What a config may say of a model, and which models reply alike."""

# ruff: noqa: E501 - a table

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from agents.models.config import EndpointModelConfig, ModelConfig, OpenAIModelConfig, identify

READ: TypeAdapter[Any] = TypeAdapter(ModelConfig)
OPENAI = {"provider": "openai", "name": "m"}


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("127.0.0.1:8000/v1", "begins with http"),
        ("ftp://host/v1", "begins with http"),
        ("http://", "names a host"),
        ("http://me:secret@host/v1", "user name or password"),
        ("http://host:port/v1", "port"),
        ("http://@host/v1", "user name or password"),
        ("http://host/v1?api-key=X", "query or fragment"),
        ("http://host/v1?", "query or fragment"),
        ("http://host/v1#X", "query or fragment"),
        ("http://host/sk-0123456789abcdef0123/v1", "looks like a key"),
        ("http://a..b/v1", "names no host"),
        (f"http://{'a' * 64}/v1", "names no host"),
        ("http://host/v1 x", "space"),
        ("http://host/v1\x1b[2J", "control character"),
        ("http://host\\\\@else/v1", "user name|backslash"),
        ("http://[::1/v1", "IPv6"),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "vllm"])
def test_an_address_that_cannot_be_one_is_refused(provider: str, address: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        READ.validate_python({"provider": provider, "name": "m", "base_url": address})


@pytest.mark.parametrize("provider", ["openai", "vllm", "embedded"])
def test_a_key_that_is_not_known_is_refused(provider: str) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        READ.validate_python({"provider": provider, "name": "m", "surprise": 1})


def test_a_servers_arguments_are_text_and_none_of_ours() -> None:
    entry = {"provider": "vllm", "args": ["--tensor-parallel-size", 2]}
    assert READ.validate_python(entry).args == ("--tensor-parallel-size", "2")
    with pytest.raises(ValidationError, match="--port=1 is set by RobustFT"):
        READ.validate_python({"provider": "vllm", "args": ["--port=1"]})


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"base_url": "http://elsewhere/v1"}, True),
        ({"api_key_env": "KEY"}, True),
        ({"timeout": 1}, True),
        ({"name": "other"}, False),
        ({"provider": "vllm"}, False),
    ],
)
def test_a_model_replies_alike_wherever_it_is_served(change: dict[str, Any], same: bool) -> None:
    one, other = READ.validate_python(OPENAI), READ.validate_python({**OPENAI, **change})
    assert (identify(one) == identify(other)) is same


def test_the_arithmetic_of_an_embedded_model_tells_it_from_another() -> None:
    one, batched, precise = (
        READ.validate_python({"provider": "embedded", **change})
        for change in ({}, {"batch_size": 2}, {"dtype": "float32"})
    )
    assert identify(one) == identify(batched) != identify(precise)


@pytest.mark.parametrize("size", [0, -1, "all", 2.5])
def test_a_batch_is_a_number_of_prompts_or_auto(size: object) -> None:
    with pytest.raises(ValidationError, match="batch_size"):
        READ.validate_python({"provider": "embedded", "batch_size": size})
    assert READ.validate_python({"provider": "embedded"}).batch_size == "auto"


SHAPES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"seed": 1, "max_tokens": 8}, {"seed": 1, "max_tokens": 8}),
    ({"drop": ["seed"]}, {"seed": 1, "temperature": 0}, {"temperature": 0}),
    ({"drop": ["seed", "temperature"]}, {"seed": 1, "temperature": 0}, {}),
    ({"drop": ["logprobs"]}, {"logprobs": True, "top_logprobs": 20, "seed": 1}, {"seed": 1}),
    ({"drop": ["max_tokens"]}, {"max_tokens": 8}, {}),
    ({"max_tokens_key": "max_completion_tokens"}, {"max_tokens": 8}, {"max_completion_tokens": 8}),
    ({"extra_body": {"top_p": 0.9}}, {"seed": 1}, {"seed": 1, "top_p": 0.9}),
    ({"extra_body": {"temperature": 1}}, {"temperature": 0}, {"temperature": 1}),
    ({"extra_body": {"reasoning_effort": "low"}}, {}, {"reasoning_effort": "low"}),
    ({"extra_body": {"stop_token_ids": [1], "max_thinking_tokens": 5}}, {}, {"stop_token_ids": [1], "max_thinking_tokens": 5}),
    ({"chat_template_kwargs": {"enable_thinking": False}}, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
    (
        {"extra_body": {"chat_template_kwargs": {"a": 1}}, "chat_template_kwargs": {"b": 2}},
        {},
        {"chat_template_kwargs": {"a": 1, "b": 2}},
    ),
    ({"extra_body": {"provider": {"order": ["x"]}}}, {}, {"provider": {"order": ["x"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "fields", "sent"), SHAPES)
def test_a_request_is_shaped_as_the_endpoint_takes_it(
    settings: dict[str, Any], fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    config = READ.validate_python({**OPENAI, "base_url": "http://host/v1", **settings})
    assert isinstance(config, EndpointModelConfig)
    assert config.shape(fields) == sent


@pytest.mark.parametrize(
    "name", ["messages", "model", "n", "stream", "tools", "max_tokens", "logprobs", "structured_outputs"]
)
def test_what_robustft_decides_cannot_be_overridden(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} is set by RobustFT"):
        READ.validate_python({**OPENAI, "extra_body": {name: 1}})


@pytest.mark.parametrize(
    "body",
    [
        {"api_key": "x"},
        {"apiKey": "x"},
        {"headers": {"Authorization": "Bearer x"}},
        {"auth": {"access_token": "x"}},
        {"secret": "x"},
        {"user": "sk-0123456789abcdef0123"},
        {"list": [{"password": "x"}]},
        {"h": "Bearer abc"},
    ],
)
def test_a_key_does_not_get_into_the_run_directory(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="key"):
        READ.validate_python({**OPENAI, "extra_body": body})


def test_an_openai_entry_without_address_is_openais_own_service() -> None:
    own = READ.validate_python(OPENAI)
    assert isinstance(own, OpenAIModelConfig)
    assert (own.base_url, own.api_key_env) == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert own.max_tokens_key == "max_completion_tokens"
    other = READ.validate_python({**OPENAI, "base_url": "http://127.0.0.1:8000/v1"})
    assert isinstance(other, OpenAIModelConfig)
    assert (other.api_key_env, other.max_tokens_key) == (None, "max_tokens")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"extra_body": {"top_p": 0.5}}, False),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"drop": ["seed"]}, False),
        ({"max_tokens_key": "max_tokens"}, True),
    ],
)
def test_what_changes_replies_makes_it_another_model(change: dict[str, Any], same: bool) -> None:
    assert (
        identify(READ.validate_python(OPENAI)) == identify(READ.validate_python({**OPENAI, **change}))
    ) is same
