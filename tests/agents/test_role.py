"""The one place where agents meet models: what is sent, what is read back, and what failures become."""

from collections.abc import AsyncIterator

import pytest
from langchain_core.language_models import BaseChatModel

from agents.agent import Usage
from agents.errors import ModelBusyError, ModelCallError
from agents.models.config import OpenAIModelConfig
from agents.models.pool import ModelPool
from agents.role import Role
from stores.sample import Message
from tests.support.endpoint import Endpoint
from tests.support.scripted import ScriptedModel

NOBODY = "http://127.0.0.1:9/v1"
QUESTION = [Message(role="user", content="Capital of France?")]


@pytest.fixture
async def model(endpoint: Endpoint) -> AsyncIterator[BaseChatModel]:
    pool = ModelPool()
    yield await pool.open(OpenAIModelConfig(provider="openai", name="scripted", base_url=endpoint.url), "m")
    await pool.close()


async def test_text_log_probabilities_and_usage_are_read(model: BaseChatModel, endpoint: Endpoint) -> None:
    endpoint.reply = lambda messages: "It is Paris"
    reply = await Role(model, max_tokens=8, log_probabilities=True).ask(QUESTION)
    assert reply.text == "It is Paris"
    assert reply.log_probabilities == (-0.25, -0.25, -0.25)
    assert reply.usage == Usage(requests=1, prompt_tokens=7, completion_tokens=3)


async def test_an_endpoint_without_log_probabilities_is_asked_again(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    endpoint.log_probabilities = False
    with pytest.raises(ModelBusyError, match="no log-probabilities"):
        await Role(model, max_tokens=8, log_probabilities=True).ask(QUESTION)
    assert (await Role(model, max_tokens=8).ask(QUESTION)).log_probabilities == ()


@pytest.mark.parametrize("text", ["", " \n\t "])
async def test_an_empty_reply_is_asked_for_again(model: BaseChatModel, endpoint: Endpoint, text: str) -> None:
    endpoint.reply = lambda messages: text
    with pytest.raises(ModelBusyError, match=r"empty .*max_tokens"):
        await Role(model, max_tokens=8).ask(QUESTION)


async def test_the_roles_sampling_is_sent_to_the_endpoint(model: BaseChatModel, endpoint: Endpoint) -> None:
    await Role(model, temperature=0.7, max_tokens=9, seed=5).ask(QUESTION)
    (request,) = endpoint.requests
    assert request["messages"] == [{"role": "user", "content": "Capital of France?"}]
    assert (request["temperature"], request["seed"], request["max_tokens"]) == (0.7, 5, 9)
    assert "logprobs" not in request


async def test_log_probabilities_are_asked_for_only_where_they_are_needed(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    await Role(model, max_tokens=8, log_probabilities=True).ask(QUESTION)
    assert endpoint.requests[0]["logprobs"] is True


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_failure_that_may_pass_is_a_busy_model(
    model: BaseChatModel, endpoint: Endpoint, status: int
) -> None:
    endpoint.status = status
    with pytest.raises(ModelBusyError, match="scripted failure"):
        await Role(model, max_tokens=8).ask(QUESTION)
    assert len(endpoint.requests) == 1  # the graph retries, the client does not


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_request_is_not_worth_another_try(
    model: BaseChatModel, endpoint: Endpoint, status: int
) -> None:
    endpoint.status = status
    with pytest.raises(ModelCallError, match="scripted failure") as error:
        await Role(model, max_tokens=8).ask(QUESTION)
    assert not isinstance(error.value, ModelBusyError)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_points_at_the_variable_that_holds_it(
    model: BaseChatModel, endpoint: Endpoint, status: int
) -> None:
    endpoint.status = status
    with pytest.raises(ModelCallError, match="api_key_env") as error:
        await Role(model, max_tokens=8).ask(QUESTION)
    assert not isinstance(error.value, ModelBusyError)


async def test_an_endpoint_that_is_not_there_cannot_be_reached() -> None:
    pool = ModelPool()
    model = await pool.open(OpenAIModelConfig(provider="openai", name="scripted", base_url=NOBODY), "m")
    with pytest.raises(ModelBusyError, match=r"cannot be reached .*127\.0\.0\.1"):
        await Role(model, max_tokens=8).ask(QUESTION)
    await pool.close()


async def test_an_endpoint_that_does_not_answer_in_time_is_busy(endpoint: Endpoint) -> None:
    endpoint.delay = 1.5
    config = OpenAIModelConfig(provider="openai", name="scripted", base_url=endpoint.url, timeout=0.2)
    pool = ModelPool()
    model = await pool.open(config, "m")
    with pytest.raises(ModelBusyError, match="did not answer in time"):
        await Role(model, max_tokens=8).ask(QUESTION)
    await pool.close()


async def test_any_chat_model_will_do() -> None:
    model = ScriptedModel(script=lambda messages: "Paris", log_probabilities=lambda reply: [-0.1])
    reply = await Role(model, max_tokens=8).ask(QUESTION)
    assert (reply.text, reply.log_probabilities, reply.usage.requests) == ("Paris", (-0.1,), 1)
