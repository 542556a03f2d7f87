"""Opening, probing and closing models: what is wrong is found before any sample is read."""

import asyncio
import json
import re
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from agents.errors import EndpointError
from agents.models.config import OpenAIModelConfig
from agents.models.pool import ModelPool
from agents.models.probe import check_name, probe
from tests.support.endpoint import Endpoint
from tests.support.scripted import ScriptedModel

NOBODY = "http://127.0.0.1:9/v1"


def config(base_url: str, name: str = "scripted", **settings: Any) -> OpenAIModelConfig:
    return OpenAIModelConfig(provider="openai", name=name, base_url=base_url, **settings)


def sampling_of(log_probabilities: bool) -> dict[str, Any]:
    sampling = {"temperature": 0.0, "seed": 3, "max_tokens": 8}
    return {**sampling, "logprobs": True} if log_probabilities else sampling


async def probed(settings: OpenAIModelConfig, *, log_probabilities: bool = True) -> None:
    pool = ModelPool()
    try:
        model = await pool.open(settings, "models.judge")
        await probe(model, "models.judge", sampling_of(log_probabilities))
        await check_name(model, "models.judge")
    finally:
        await pool.close()


async def test_an_endpoint_that_works_passes_at_the_cost_of_one_request(endpoint: Endpoint) -> None:
    await probed(config(endpoint.url))
    assert len(endpoint.requests) == 1


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    with pytest.raises(EndpointError, match=r"^models\.judge: .*cannot be reached .*127\.0\.0\.1:9"):
        await probed(config(NOBODY))


async def test_a_model_the_endpoint_does_not_serve_is_named(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError, match=r"^models\.judge: .*`mistyped` does not exist"):
        await probed(config(endpoint.url, "mistyped"))


async def test_a_wrong_key_points_at_the_variable_that_holds_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.key = "right"
    monkeypatch.setenv("JUDGE_KEY", "wrong")
    with pytest.raises(EndpointError, match=r"^models\.judge: .*refused the API key") as error:
        await probed(config(endpoint.url, api_key_env="JUDGE_KEY"))
    assert "wrong" not in str(error.value)


async def test_log_probabilities_that_are_needed_are_missed_before_the_run(endpoint: Endpoint) -> None:
    endpoint.log_probabilities = False
    with pytest.raises(EndpointError, match=r"^models\.judge: .*log-probabilities"):
        await probed(config(endpoint.url))


async def test_log_probabilities_that_are_not_needed_may_be_missing(endpoint: Endpoint) -> None:
    endpoint.log_probabilities = False
    await probed(config(endpoint.url), log_probabilities=False)


async def test_a_model_that_returns_no_log_probabilities_in_process_is_found_too() -> None:
    model = ScriptedModel(script=lambda messages: "yes", log_probabilities=lambda reply: [])
    with pytest.raises(EndpointError, match="log-probabilities"):
        await probe(model, "models.judge", sampling_of(True))


async def test_a_key_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(EndpointError, match="JUDGE_KEY is not set"):
        await probed(config(NOBODY, api_key_env="JUDGE_KEY"))


async def test_the_key_is_sent_as_the_variable_holds_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.key = "s3cret"
    monkeypatch.setenv("JUDGE_KEY", "s3cret")
    settings = config(endpoint.url, api_key_env="JUDGE_KEY")
    await probed(settings)
    assert len(endpoint.requests) == 1
    assert "s3cret" not in json.dumps(settings.model_dump(mode="json"))


async def test_a_key_of_the_environment_that_no_config_names_is_not_sent(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.key = "s3cret"
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    with pytest.raises(EndpointError, match="refused the API key"):
        await probed(config(endpoint.url))


def test_two_event_loops_in_a_row_each_open_their_own(endpoint: Endpoint) -> None:
    for _ in range(2):
        asyncio.run(probed(config(endpoint.url)))
    assert len(endpoint.requests) == 2


async def test_what_is_sent_is_what_the_agents_will_send(endpoint: Endpoint) -> None:
    await probed(config(endpoint.url, extra_body={"top_k": 1}))
    (request,) = endpoint.requests
    assert {name: request[name] for name in sampling_of(True)} == sampling_of(True)
    assert request["top_k"] == 1


# What services send for a field that they do not take, and the setting that does without it.
REFUSALS = {
    "litellm": ("seed", "litellm.UnsupportedParamsError: seed is not supported", "drop: [seed]"),
    "pydantic": ("seed", "Extra inputs are not permitted: body.seed", "drop: [seed]"),
    "mistral": ("seed", "Unrecognized request argument supplied: seed", "drop: [seed]"),
    "says nothing": ("seed", "Unprocessable Entity", "drop: [seed]"),
    "says nothing of temperature": ("temperature", "Bad request", "drop: [temperature]"),
    "openai": (
        "max_tokens",
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "max_tokens_key: max_completion_tokens",
    ),
    "says nothing of max_tokens": ("max_tokens", "Bad request", "max_tokens_key: max_completion_tokens"),
    "o-series": (
        "temperature",
        "Unsupported value: 'temperature' does not support 0.0, only the default (1).",
        "drop: [temperature]",
    ),
    "range": ("temperature", "temperature must be in (0, 1]", "drop: [temperature]"),
    "groq": ("logprobs", "`logprobs` is not supported with this model", "drop: [logprobs]"),
    "gemini": (
        "seed",
        'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
        "drop: [seed]",
    ),
    "cohere": ("logprobs", "invalid request: logprobs is deprecated", "drop: [logprobs]"),
}


@pytest.mark.parametrize(("field", "message", "setting"), REFUSALS.values(), ids=REFUSALS)
async def test_a_field_that_the_endpoint_refuses_is_named_with_its_setting(
    endpoint: Endpoint, field: str, message: str, setting: str
) -> None:
    endpoint.refuses = {field: message}
    with pytest.raises(EndpointError, match=rf"set models\.judge\.{re.escape(setting)}"):
        await probed(config(endpoint.url))
    name, _, value = setting.partition(": ")
    if field != "logprobs":
        endpoint.requests.clear()
        await probed(config(endpoint.url, **{name: [field] if name == "drop" else value}))
        assert field not in endpoint.requests[0]


async def test_a_refusal_that_no_setting_helps_is_told_as_it_is(endpoint: Endpoint) -> None:
    endpoint.status = 400
    with pytest.raises(EndpointError, match=r"scripted failure$"):
        await probed(config(endpoint.url))


@pytest.mark.parametrize(
    ("altered", "thinks"),
    [
        ({"content": "yes"}, False),
        ({"content": "<think>so</think>yes"}, True),
        ({"content": "so</think>yes"}, True),
        ({"content": "<think>so, well"}, True),
        ({"content": "yes", "reasoning_content": "so"}, True),
        ({"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "yes"}]}, True),
        ({"content": "<think>\n\n</think>\n\nyes"}, False),
    ],
)
async def test_a_model_that_thinks_is_known_from_its_first_reply(
    endpoint: Endpoint, altered: dict[str, Any], thinks: bool
) -> None:
    endpoint.alter = lambda reply, messages: altered_message(reply, altered)
    async with ModelPool() as pool:
        model = await pool.open(config(endpoint.url), "models.judge")
        await probe(model, "models.judge", sampling_of(False))
        assert getattr(model, "thinks") is thinks  # noqa: B009 - of any chat model


def altered_message(reply: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    reply["choices"][0]["message"] |= message
    return reply


async def test_a_name_that_the_endpoint_does_not_list_is_doubted(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.listed = ["scripted"]
    await probed(config(endpoint.url))
    assert not caplog.records
    endpoint.listed = ["another", "third"]
    await probed(config(endpoint.url))
    assert "answers as 'scripted', but lists 'another', 'third'" in caplog.text


async def test_openais_own_service_needs_its_key_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EndpointError, match=r"OPENAI_API_KEY is not set.*base_url"):
        await probed(OpenAIModelConfig(provider="openai", name="gpt"))


@pytest.mark.parametrize("name", ["max_model_len", "context_length", "context_window", "max_context_length"])
async def test_a_listed_context_bounds_what_is_asked_for(endpoint: Endpoint, name: str) -> None:
    endpoint.listed, endpoint.details = ["scripted"], {name: 500}
    async with ModelPool() as pool:
        model = await pool.open(config(endpoint.url), "models.judge")
        await check_name(model, "models.judge")
        for words, room in ((1, 300), (100, 300), (100, 600), (900, 600)):
            await model.ainvoke([HumanMessage("word " * words)], max_tokens=room)
    assert [request["max_tokens"] for request in endpoint.requests] == [300, 300, 333, 64]


async def test_an_endpoint_that_is_not_asked_for_log_probabilities_need_not_have_them(
    endpoint: Endpoint,
) -> None:
    endpoint.log_probabilities = False
    with pytest.raises(EndpointError, match=r"drop: \[logprobs\]"):
        await probed(config(endpoint.url))
