"""The one place where agents meet models: what is sent, what is read back, and what failures become."""

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from agents.agent import Usage
from agents.errors import ModelBusyError, ModelCallError
from agents.models.config import OpenAIModelConfig, VLLMModelConfig
from agents.models.pool import ModelPool
from agents.role import Role
from stores.sample import Message
from tests.support.endpoint import Alter, Endpoint
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
    with pytest.raises(ModelBusyError, match="empty"):
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


LETTERS = [Message(role="user", content="A, B or C?")]


def rated(first: str, **shares: float) -> Alter:
    """Return what makes a reply begin with a token, rated beside others."""

    def alter(reply: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        tops = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
        reply["choices"][0]["logprobs"]["content"] = [
            {"token": first, "logprob": math.log(shares[first]), "bytes": [], "top_logprobs": tops}
        ]
        return reply

    return alter


async def test_a_letter_is_read_with_the_probability_of_each(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda messages: "B"
    endpoint.alter = rated("B", **{"B": 0.5, " B": 0.1, "A": 0.2, "The": 0.1})
    chosen = await Role(model, max_tokens=8).choose(LETTERS, ["A", "B", "C"])
    assert chosen.letter == "B"
    assert chosen.probabilities == pytest.approx({"A": 0.25, "B": 0.75, "C": 0.0})
    (request,) = endpoint.requests
    assert request["logprobs"] is True
    assert request["top_logprobs"] == 20
    assert "structured_outputs" not in request
    assert "letters" not in request


async def test_a_vllm_server_is_held_to_the_letters(endpoint: Endpoint) -> None:
    pool = ModelPool()
    served = await pool.open(VLLMModelConfig(provider="vllm", name="scripted", base_url=endpoint.url), "m")
    endpoint.alter = rated("C", C=0.9, A=0.1)
    assert (await Role(served, max_tokens=8).choose(LETTERS, ["A", "B", "C"])).letter == "C"
    assert endpoint.requests[0]["structured_outputs"] == {"choice": ["A", "B", "C"]}
    await pool.close()


async def test_an_endpoint_that_rates_nothing_may_still_say_a_letter(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    endpoint.log_probabilities = False
    endpoint.reply = lambda messages: " (B). "
    chosen = await Role(model, max_tokens=8).choose(LETTERS, ["A", "B"])
    assert (chosen.letter, chosen.probabilities, len(endpoint.requests)) == ("B", {}, 1)


async def test_what_rates_no_letter_is_asked_in_words(model: BaseChatModel, endpoint: Endpoint) -> None:
    endpoint.reply = lambda messages: "It is blue."
    endpoint.alter = lambda reply, messages: (
        rated("It", It=0.9, The=0.1)(reply, messages) if reply["choices"][0]["logprobs"] else reply
    )
    chosen = await Role(model, max_tokens=9).choose(LETTERS, ["A", "B"], at_most=5)
    assert (chosen.letter, chosen.probabilities, chosen.reply.text) == (None, {}, "It is blue.")
    assert [request["max_tokens"] for request in endpoint.requests] == [4, 5]
    assert chosen.reply.usage.requests == 2


async def test_a_model_that_cannot_rate_is_asked_in_words_at_once() -> None:
    model = ScriptedModel(script=lambda messages: "B, since it is blue")
    chosen = await Role(model, max_tokens=9).choose(LETTERS, ["A", "B"])
    assert (chosen.letter, chosen.reply.text, len(model.requests)) == (None, "B, since it is blue", 1)


TOOLS = ({"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}},)


async def test_tools_are_shown_and_not_to_be_called(model: BaseChatModel, endpoint: Endpoint) -> None:
    await Role(model, max_tokens=8).ask(QUESTION, tools=TOOLS)
    (request,) = endpoint.requests
    assert (request["tools"], request["tool_choice"]) == (list(TOOLS), "none")


async def test_tools_that_an_endpoint_does_not_take_are_left_out(endpoint: Endpoint) -> None:
    async with ModelPool() as pool:
        config = OpenAIModelConfig(provider="openai", name="scripted", base_url=endpoint.url, drop=("tools",))
        await Role(await pool.open(config, "m"), max_tokens=8).ask(QUESTION, tools=TOOLS)
    assert not {"tools", "tool_choice"} & endpoint.requests[0].keys()


async def test_a_prompt_that_a_filter_stops_is_a_filtered_reply(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    endpoint.status = 400
    endpoint.body = b'{"error": {"code": "content_filter", "message": "content management policy"}}'
    reply = await Role(model, max_tokens=8).ask(QUESTION)
    assert (reply.text, reply.outcome) == ("", "filtered")


async def test_the_first_reply_is_kept_where_there_is_no_more_room(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    def alter(reply: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        reply["choices"][0]["finish_reason"] = "length"
        endpoint.refuse = lambda messages: 400
        return reply

    endpoint.alter = alter
    reply = await Role(model, max_tokens=8).ask(QUESTION)
    assert [request["max_tokens"] for request in endpoint.requests] == [8, 32]
    assert (reply.text, reply.outcome, reply.usage.requests) == ("Paris", "cut", 1)


@pytest.mark.parametrize(("finish", "outcome"), [("content_filter", "filtered"), ("refusal", "refused")])
async def test_a_letter_that_was_withheld_is_no_answer(
    model: BaseChatModel, endpoint: Endpoint, finish: str, outcome: str
) -> None:
    def withhold(reply: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        rated = {"token": "A", "logprob": -0.1, "top_logprobs": [{"token": "A", "logprob": -0.1}]}
        choice = {**reply["choices"][0], "finish_reason": finish, "logprobs": {"content": [rated]}}
        return {**reply, "choices": [choice]}

    endpoint.alter = withhold
    chosen = await Role(model, max_tokens=8).choose(QUESTION, ["A", "B"])
    assert (chosen.letter, chosen.reply.outcome) == (None, outcome)
    assert len(endpoint.requests) == 1
