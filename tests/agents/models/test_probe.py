"""Opening, probing and closing models: what is wrong is found before any sample is read."""

import asyncio
import json
from typing import Any

import pytest

from agents.errors import EndpointError
from agents.models.config import OpenAIModelConfig
from agents.models.pool import ModelPool
from agents.models.probe import probe
from tests.support.endpoint import Endpoint
from tests.support.scripted import ScriptedModel

NOBODY = "http://127.0.0.1:9/v1"


def config(base_url: str, name: str = "scripted", **settings: Any) -> OpenAIModelConfig:
    return OpenAIModelConfig(provider="openai", name=name, base_url=base_url, **settings)


async def probed(settings: OpenAIModelConfig, *, log_probabilities: bool = True) -> None:
    pool = ModelPool()
    try:
        model = await pool.open(settings, "models.judge")
        await probe(model, "models.judge", log_probabilities=log_probabilities)
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
        await probe(model, "models.judge", log_probabilities=True)


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
