"""A model behind an endpoint over real HTTP: what is waited out, what fails, and what a failure says."""

import asyncio
import json
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import LLMResult

from agents.errors import EndpointDownError, ModelBusyError, ModelCallError
from agents.models.adaptive_limit import FIRST_LIMIT
from agents.models.config import OpenAIModelConfig, VLLMModelConfig
from agents.models.limiter import FailureKind, Limiter, Ticket
from agents.models.pool import EndpointSettings, ModelPool
from tests.support.endpoint import Endpoint
from tests.support.waiting import until

KEY = "sk-very-secret-0123456789"
QUESTION = [HumanMessage("Capital of France?")]
PAGE = b"<html>\n<body>Bad gateway</body>\n" + b"<p>\n" * 250_000


@pytest.fixture
async def pool() -> AsyncIterator[ModelPool]:
    models = ModelPool()
    yield models
    await models.close()


@pytest.fixture
async def model(pool: ModelPool, endpoint: Endpoint) -> BaseChatModel:
    return await pool.open(config(endpoint), "models.judge")


def config(endpoint: Endpoint, **settings: Any) -> OpenAIModelConfig:
    entry = {"provider": "openai", "name": "scripted", "base_url": endpoint.url, **settings}
    return OpenAIModelConfig.model_validate(entry)


def refusing(count: int, status: int = 429) -> Callable[[list[dict[str, Any]]], int | None]:
    """Refuse as many requests, then none."""
    left = [status] * count
    return lambda messages: left.pop() if left else None


async def ask(model: BaseChatModel) -> str:
    return str((await model.ainvoke(QUESTION)).text)


async def failure(model: BaseChatModel) -> ModelCallError:
    with pytest.raises(ModelCallError) as error:
        await ask(model)
    return error.value


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["0.05", "0"])
async def test_a_refusal_is_waited_out_as_long_as_the_endpoint_asks(
    model: BaseChatModel, endpoint: Endpoint, retry_after: str, status: int
) -> None:
    await ask(model)
    endpoint.refuse, endpoint.retry_after = refusing(2, status), retry_after
    assert await ask(model) == "Paris"
    assert len(endpoint.requests) == 4


async def test_a_refusal_without_retry_after_is_waited_out(model: BaseChatModel, endpoint: Endpoint) -> None:
    await ask(model)
    endpoint.refuse = refusing(2)
    assert await ask(model) == "Paris"
    assert len(endpoint.requests) == 4


async def test_a_refusal_before_the_first_reply_is_not_waited_out(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    endpoint.refuse = refusing(1)
    assert isinstance(await failure(model), ModelBusyError)
    assert len(endpoint.requests) == 1


async def test_a_refusal_is_waited_out_no_longer_than_patience(pool: ModelPool, endpoint: Endpoint) -> None:
    model = await pool.open(config(endpoint), "m", EndpointSettings(patience=0.2))
    await ask(model)
    endpoint.status, endpoint.retry_after = 429, "3600"
    error = await failure(model)
    assert isinstance(error, ModelBusyError)
    assert str(error) == "the endpoint is busy (429): scripted failure"


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (-1, 0)])
async def test_a_date_in_retry_after_is_read(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, hours: int, seconds: int
) -> None:
    waits: list[float | None] = []
    release = Limiter.release

    def spy(
        gate: Limiter, ticket: Ticket, trouble: FailureKind | None, retry_after: float | None, work: float
    ) -> None:
        waits.append(retry_after)
        release(gate, ticket, trouble, retry_after, work)

    model = await pool.open(config(endpoint), "m", EndpointSettings(patience=0.1))
    await ask(model)
    monkeypatch.setattr(Limiter, "release", spy)
    endpoint.refuse = refusing(1)
    endpoint.retry_after = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    assert await ask(model) == "Paris"
    assert waits == [pytest.approx(seconds, abs=60), None]


@pytest.mark.parametrize("retry_after", ["soon", "-1", "nan", "Mon, 99 Foo 2020"])
async def test_a_retry_after_that_makes_no_sense_does_no_harm(
    model: BaseChatModel, endpoint: Endpoint, retry_after: str
) -> None:
    await ask(model)
    endpoint.refuse, endpoint.retry_after = refusing(1), retry_after
    assert await ask(model) == "Paris"


@pytest.mark.parametrize("status", [500, 502, 503, 408])
async def test_a_server_error_is_left_to_the_graphs_retries(
    model: BaseChatModel, endpoint: Endpoint, status: int
) -> None:
    await ask(model)
    endpoint.status = status
    error = await failure(model)
    assert isinstance(error, ModelBusyError)
    assert str(error) == f"the endpoint failed ({status}): scripted failure"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"<html></html>", "not JSON"),
        (b'{"choices": [{"message": {"content": "Par', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"null", "no chat completion"),
        (b"[]", "no chat completion"),
        (b'"Paris"', "no chat completion"),
        (b"{}", "no chat completion"),
        (b'{"choices": []}', "no chat completion"),
        (b'{"choices": null}', "no chat completion"),
        (b'{"choices": [{}]}', "no chat completion"),
        (b'{"choices": [{"message": null}]}', "no chat completion"),
    ],
)
async def test_a_reply_that_is_none_is_a_failure_that_may_pass(
    model: BaseChatModel, endpoint: Endpoint, body: bytes, message: str
) -> None:
    await ask(model)
    endpoint.body = body
    error = await failure(model)
    assert isinstance(error, ModelBusyError)
    assert message in str(error)


@pytest.mark.parametrize("message", [{"content": None}, {}, {"content": ""}])
async def test_a_reply_without_content_is_an_empty_text(
    model: BaseChatModel, endpoint: Endpoint, message: dict[str, Any]
) -> None:
    endpoint.body = json.dumps({"choices": [{"message": message}]}).encode()
    assert await ask(model) == ""


async def test_a_reply_that_is_cut_short_is_a_failure_that_may_pass(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    await ask(model)
    endpoint.cut_short = True
    error = await failure(model)
    assert isinstance(error, ModelBusyError)
    assert "broke off" in str(error)
    endpoint.cut_short = False
    assert await ask(model) == "Paris"


async def test_a_connection_that_breaks_is_made_again(model: BaseChatModel, endpoint: Endpoint) -> None:
    await ask(model)
    endpoint.hang_ups = 2
    assert await ask(model) == "Paris"
    assert len(endpoint.requests) == 4


async def test_an_outage_is_waited_out(model: BaseChatModel, endpoint: Endpoint) -> None:
    await ask(model)
    endpoint.hang_ups = 13
    assert await asyncio.gather(*(ask(model) for _ in range(10))) == ["Paris"] * 10


async def test_an_outage_longer_than_patience_ends_the_run(pool: ModelPool, endpoint: Endpoint) -> None:
    model = await pool.open(config(endpoint), "models.judge", EndpointSettings(patience=0.1))
    await ask(model)
    endpoint.hang_ups = 1000
    outcomes = await asyncio.gather(*(ask(model) for _ in range(4)), return_exceptions=True)
    assert EndpointDownError in {type(outcome) for outcome in outcomes}
    with pytest.raises(EndpointDownError, match=r"^models\.judge \(http://127\.0\.0\.1.*has been down"):
        await ask(model)


@pytest.mark.parametrize("status", [400, 404, 429, 500])
async def test_an_error_is_one_short_line_however_long_the_reply(
    model: BaseChatModel, endpoint: Endpoint, status: int
) -> None:
    endpoint.status, endpoint.body = status, PAGE
    told = str(await failure(model))
    assert "<body>Bad gateway</body>" in told
    assert "\n" not in told
    assert len(told) < 400


@pytest.mark.parametrize("body", [b"", b"null", b'{"error": null}', b'"no"', b"[1]", b'{"message": "no"}'])
async def test_an_error_may_come_in_any_form(model: BaseChatModel, endpoint: Endpoint, body: bytes) -> None:
    endpoint.status, endpoint.body = 400, body
    assert str(await failure(model)).startswith("the endpoint refused the request (400): ")


async def test_the_key_is_sent(pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    endpoint.key = KEY
    assert await ask(await pool.open(config(endpoint, api_key_env="MY_KEY"), "m")) == "Paris"
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_without_a_key_none_is_sent(model: BaseChatModel, endpoint: Endpoint) -> None:
    await ask(model)
    assert "Authorization" not in endpoint.headers[0]


@pytest.mark.parametrize("trouble", ["401", "500", "hang_up", "cut_short", "not json"])
async def test_no_error_holds_the_key(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model = await pool.open(config(endpoint, api_key_env="MY_KEY"), "m")
    endpoint.status = int(trouble) if trouble.isdigit() else 200
    endpoint.hang_ups = 5 if trouble == "hang_up" else 0
    endpoint.cut_short = trouble == "cut_short"
    endpoint.body = b"?" if trouble == "not json" else None
    error = await failure(model)
    assert KEY not in "".join(traceback.format_exception(error)) + repr(error) + repr(model)


async def test_an_endpoint_that_repeats_the_key_does_not_betray_it(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model = await pool.open(config(endpoint, api_key_env="MY_KEY"), "m")
    endpoint.status, endpoint.body = 400, f"no credit left for {KEY}".encode()
    assert KEY not in str(await failure(model))


async def test_the_models_of_one_endpoint_share_its_limit(pool: ModelPool, endpoint: Endpoint) -> None:
    endpoint.delay = 0.005
    settings = EndpointSettings(ceiling=4)
    models = [await pool.open(config(endpoint, timeout=timeout), "m", settings) for timeout in (60, 90)]
    assert models[0] is not models[1]
    replies = await asyncio.gather(*(ask(model) for model in models for _ in range(50)))
    assert replies == ["Paris"] * 100
    assert endpoint.most_in_flight == 4


async def test_one_address_spelt_in_two_ways_is_one_endpoint(pool: ModelPool, endpoint: Endpoint) -> None:
    endpoint.delay = 0.005
    settings = EndpointSettings(ceiling=4)
    urls = (endpoint.url, f"{endpoint.url}/")
    models = [await pool.open(config(endpoint, base_url=url), "m", settings) for url in urls]
    await asyncio.gather(*(ask(model) for model in models for _ in range(20)))
    assert endpoint.most_in_flight == 4


@pytest.mark.parametrize("ceiling", [1, 3])
async def test_no_more_than_the_ceiling_is_in_flight(
    pool: ModelPool, endpoint: Endpoint, ceiling: int
) -> None:
    endpoint.delay = 0.002
    model = await pool.open(config(endpoint), "m", EndpointSettings(ceiling=ceiling))
    await asyncio.gather(*(ask(model) for _ in range(30)))
    assert endpoint.most_in_flight == ceiling


@pytest.mark.parametrize(
    ("kind", "first"), [(VLLMModelConfig, 50), (OpenAIModelConfig, FIRST_LIMIT)], ids=("vllm", "openai")
)
async def test_only_vllm_is_given_the_most_from_the_start(
    pool: ModelPool, endpoint: Endpoint, kind: type[OpenAIModelConfig | VLLMModelConfig], first: int
) -> None:
    gate = endpoint.gate = threading.Event()
    provider = "vllm" if kind is VLLMModelConfig else "openai"
    entry = kind.model_validate({"provider": provider, "name": "scripted", "base_url": endpoint.url})
    model = await pool.open(entry, "m", EndpointSettings(ceiling=50))
    asking = asyncio.gather(*(ask(model) for _ in range(50)))
    await until(lambda: endpoint.in_flight >= first)
    # By the time that somebody else is answered, whatever else there is to be sent was sent.
    endpoint.gate = None
    other = ModelPool()
    assert await ask(await other.open(entry, "m")) == "Paris"
    await other.close()
    assert endpoint.in_flight == first
    gate.set()
    await asking


async def test_a_request_that_is_given_up_makes_room(pool: ModelPool, endpoint: Endpoint) -> None:
    model = await pool.open(config(endpoint), "m", EndpointSettings(ceiling=1))
    gate = endpoint.gate = threading.Event()
    task = asyncio.create_task(ask(model))
    await until(lambda: endpoint.requests)
    endpoint.gate = None
    task.cancel()
    assert await ask(model) == "Paris"
    gate.set()


class Listener(BaseCallbackHandler):
    """Remembers what it is told of a call."""

    def __init__(self) -> None:
        self.asked: list[list[list[BaseMessage]]] = []
        self.answered: list[str] = []
        self.failed: list[BaseException] = []

    def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **_: Any) -> None:
        self.asked.append(messages)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        self.answered.append(response.generations[0][0].text)

    def on_llm_error(self, error: BaseException, **_: Any) -> None:
        self.failed.append(error)


async def test_a_callback_sees_the_call_and_changes_nothing(model: BaseChatModel) -> None:
    listener = Listener()
    watched = await model.ainvoke(QUESTION, config={"callbacks": [listener]}, temperature=0.5)
    alone = await model.ainvoke(QUESTION, temperature=0.5)
    assert listener.asked == [[QUESTION]]
    assert listener.answered == ["Paris"]
    without = {"id"}
    assert watched.model_dump(exclude=without) == alone.model_dump(exclude=without)


async def test_a_watched_request_is_the_same_as_one_nobody_watches(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    await model.ainvoke(QUESTION, config={"callbacks": [Listener()]}, temperature=0.5, stop=["."])
    await model.ainvoke(QUESTION, temperature=0.5, stop=["."])
    assert endpoint.requests[0] == endpoint.requests[1]


async def test_a_callback_sees_a_failure(model: BaseChatModel, endpoint: Endpoint) -> None:
    endpoint.status = 400
    listener = Listener()
    with pytest.raises(ModelCallError) as error:
        await model.ainvoke(QUESTION, config={"callbacks": [listener]})
    assert listener.failed == [error.value]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_is_reached_past_a_proxy(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    address = endpoint.url.replace("127.0.0.1", host)
    assert await ask(await pool.open(config(endpoint, base_url=address), "m")) == "Paris"


async def test_another_host_is_reached_through_the_proxy(
    pool: ModelPool, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, endpoint.url.removesuffix("/v1"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert await ask(await pool.open(config(endpoint, base_url="http://models.invalid/v1"), "m")) == "Paris"
    assert endpoint.headers[0]["Host"] == "models.invalid"


# What is refused, in which words, and what is sent instead.
DIALECTS = [
    ("System role not supported", ["system"], ["user"]),
    ("Conversation roles must alternate user/assistant/user/assistant/...", ["system"], ["user"]),
    ("Only user and assistant roles are supported!", ["system"], ["user"]),
    ("messages.0.role: Input should be 'user' or 'assistant'", ["system"], ["user"]),
]


@pytest.mark.parametrize(("words", "refused", "sent"), DIALECTS)
@pytest.mark.parametrize("status", [400, 422, 500])
async def test_an_endpoint_that_takes_no_system_turn_gets_its_text_with_the_users(
    model: BaseChatModel,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    words: str,
    refused: list[str],
    sent: list[str],
    status: int,
) -> None:
    def refuse(messages: list[dict[str, Any]]) -> int | None:
        bad = any(message["role"] in refused for message in messages)
        endpoint.body = json.dumps({"error": {"message": words}}).encode() if bad else None
        return status if bad else None

    await ask(model)
    endpoint.refuse = refuse
    asked = [SystemMessage("Be brief."), HumanMessage("Where?")]
    with caplog.at_level(logging.INFO, logger="robustft"):
        replies = [(await model.ainvoke(asked)).text for _ in range(3)]
    assert replies == ["Paris"] * 3
    assert endpoint.requests[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhere?"}]
    # One was refused, and no other after it.
    assert len(endpoint.requests) == 5
    assert len([line for line in caplog.messages if "does not take every turn" in line]) == 1


async def test_an_endpoint_that_refuses_for_another_reason_is_asked_once(
    model: BaseChatModel, endpoint: Endpoint
) -> None:
    endpoint.status = 400
    endpoint.body = b'{"error": "the context is too long"}'
    with pytest.raises(ModelCallError, match="too long"):
        await model.ainvoke([SystemMessage("Be brief."), HumanMessage("Where?")])
    assert len(endpoint.requests) == 1
