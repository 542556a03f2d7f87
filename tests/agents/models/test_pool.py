"""The open models: each is opened once, however often it is asked for, and closed with the pool."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from agents.errors import EndpointError
from agents.models.config import EmbeddedModelConfig, ModelConfig, OpenAIModelConfig, VLLMModelConfig
from agents.models.pool import EndpointSettings, ModelPool
from agents.role import Role
from stores.errors import WeightsError
from stores.sample import Message
from tests.support.endpoint import Endpoint


@pytest.fixture
async def pool() -> AsyncIterator[ModelPool]:
    models = ModelPool()
    yield models
    await models.close()


def entry(endpoint: Endpoint, **changes: Any) -> OpenAIModelConfig:
    fields = {"provider": "openai", "name": "scripted", "base_url": endpoint.url, **changes}
    return OpenAIModelConfig.model_validate(fields)


async def test_equal_entries_share_a_model(pool: ModelPool, endpoint: Endpoint) -> None:
    first = await pool.open(entry(endpoint), "models.a")
    assert await pool.open(entry(endpoint), "models.b") is first
    assert await pool.open(entry(endpoint, timeout=5), "models.c") is not first


async def test_a_model_asked_for_at_once_is_loaded_once(
    pool: ModelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(config: EmbeddedModelConfig) -> object:
        loaded.append(config.name)
        return object()

    monkeypatch.setattr("agents.models.loading.load_embedded", load)
    opened = await asyncio.gather(*(pool.open(EmbeddedModelConfig(), "m") for _ in range(8)))
    assert len(loaded) == 1
    assert all(model is opened[0] for model in opened)


async def test_a_model_that_could_not_be_opened_is_tried_anew(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = entry(endpoint, api_key_env="SUITE_KEY")
    monkeypatch.delenv("SUITE_KEY", raising=False)
    with pytest.raises(EndpointError, match="SUITE_KEY is not set"):
        await pool.open(config, "m")
    monkeypatch.setenv("SUITE_KEY", " sk-1\n")
    model = await pool.open(config, "m")
    await model.ainvoke([HumanMessage("Hello.")])
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-1"


@pytest.mark.parametrize("key", ["", "  ", "schlüssel", "a\x1bb", "a\nb"])
async def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SUITE_KEY", key)
    with pytest.raises(EndpointError) as error:
        await pool.open(entry(endpoint, api_key_env="SUITE_KEY"), "m")
    assert str(error.value).endswith("the environment variable SUITE_KEY holds no usable key")


async def test_weights_that_are_not_there_are_a_typed_error(pool: ModelPool) -> None:
    with pytest.raises(WeightsError, match="/no/such/model"):
        await pool.open(EmbeddedModelConfig(name="/no/such/model"), "m")


@pytest.mark.parametrize("provider", ["openai", "vllm"])
async def test_a_closed_pool_opens_a_model_anew(endpoint: Endpoint, provider: str) -> None:
    kind: type[OpenAIModelConfig | VLLMModelConfig] = (
        OpenAIModelConfig if provider == "openai" else VLLMModelConfig
    )
    config: ModelConfig = kind.model_validate(
        {"provider": provider, "name": "scripted", "base_url": endpoint.url}
    )
    pool = ModelPool()
    first = await pool.open(config, "m")
    await pool.close()
    second = await pool.open(config, "m")
    assert second is not first
    assert (await second.ainvoke([HumanMessage("Hello.")])).text == "Paris"
    await pool.close()
    await pool.close()


async def test_two_models_of_one_endpoint_share_what_it_may_be_sent(
    pool: ModelPool, endpoint: Endpoint
) -> None:
    endpoint.delay = 0.002
    settings = EndpointSettings(ceiling=2)
    models = [await pool.open(entry(endpoint, timeout=seconds), "m", settings) for seconds in (50, 60)]
    asked = (model.ainvoke([HumanMessage("Hello.")]) for model in models for _ in range(10))
    await asyncio.gather(*asked)
    assert endpoint.most_in_flight == 2


async def test_a_closed_model_answers_no_more(endpoint: Endpoint) -> None:
    pool = ModelPool()
    model = await pool.open(entry(endpoint), "models.judge")
    await Role(model, max_tokens=4).ask([Message(role="user", content="Hello.")])
    await pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        await Role(model, max_tokens=4).ask([Message(role="user", content="Hello.")])


async def test_a_model_is_found_once_it_is_open(pool: ModelPool, endpoint: Endpoint) -> None:
    config = entry(endpoint)
    assert pool.find(config) is None
    assert await pool.open(config, "models.a") is pool.find(config)
