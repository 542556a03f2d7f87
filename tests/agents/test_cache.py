"""What was replied is not asked for again: by the request, and not by who asks or when."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.agent import Recall, Reply, Usage
from agents.cache import ReplyCache
from agents.errors import ModelBusyError
from stores.replies import ReplyStore
from tests.support.waiting import until

REQUEST = {
    "messages": [{"role": "user", "content": "Capital of France?"}],
    "temperature": 0.0,
    "max_tokens": 8,
}
REPLY = Reply(text="Paris", log_probabilities=(-0.1, -0.25), usage=Usage(requests=1, prompt_tokens=9))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReplyStore]:
    opened = ReplyStore(tmp_path / "replies.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def memory(store: ReplyStore) -> ReplyCache:
    return ReplyCache(store)


class Model:
    """Counts what it is asked; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.asked = 0
        self.failures = failures
        self.may_reply = asyncio.Event()
        self.may_reply.set()

    async def __call__(self) -> Reply:
        self.asked += 1
        await asyncio.sleep(0)  # all who ask at once do so before the reply
        await self.may_reply.wait()
        if self.asked <= self.failures:
            raise ModelBusyError("scripted")
        return REPLY


async def ask(recall: Recall, model: Model, **changes: Any) -> Reply:
    return await recall({**REQUEST, **changes}, model)


async def test_a_reply_comes_back_whole(store: ReplyStore, memory: ReplyCache) -> None:
    model = Model()
    first = await ask(memory.of("base", "m"), model)
    assert first == REPLY.model_copy(update={"key": first.key})
    assert await ask(ReplyCache(store).of("base", "m"), model) == first
    assert model.asked == 1


async def test_agents_share_what_was_replied(memory: ReplyCache) -> None:
    model = Model()
    await ask(memory.of("base", "m"), model)
    await ask(memory.of("reviewer", "m"), model)
    assert model.asked == 1
    assert (memory.asked, memory.reused) == ({"base": 1, "reviewer": 1}, {"base": 0, "reviewer": 1})


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": [{"role": "user", "content": "Capital of Italy?"}]},
        {"messages": [{"role": "system", "content": "Capital of France?"}]},
        {"temperature": 0.5},
        {"max_tokens": 9},
        {"seed": 1},
        {"logprobs": True},
    ],
)
async def test_another_request_is_asked(memory: ReplyCache, changes: dict[str, Any]) -> None:
    model = Model()
    recall = memory.of("base", "m")
    await ask(recall, model)
    await ask(recall, model, **changes)
    assert model.asked == 2


async def test_another_model_is_asked(memory: ReplyCache) -> None:
    model = Model()
    await ask(memory.of("base", "m"), model)
    await ask(memory.of("base", "n"), model)
    assert model.asked == 2


async def test_equal_requests_at_once_are_sent_once(memory: ReplyCache) -> None:
    model = Model()
    replies = await asyncio.gather(*(ask(memory.of("base", "m"), model) for _ in range(5)))
    assert {reply.text for reply in replies} == {"Paris"}
    assert model.asked == 1
    assert (memory.asked["base"], memory.reused["base"]) == (5, 4)


async def test_a_failure_is_not_remembered(memory: ReplyCache) -> None:
    model = Model(failures=1)
    outcomes = await asyncio.gather(
        *(ask(memory.of("base", "m"), model) for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [ModelBusyError] * 3
    assert (await ask(memory.of("base", "m"), model)).text == "Paris"
    assert model.asked == 2


async def test_those_who_wait_may_ask_again_when_the_first_gives_up(memory: ReplyCache) -> None:
    model = Model()
    model.may_reply.clear()
    first = asyncio.create_task(ask(memory.of("base", "m"), model))
    await until(lambda: model.asked)
    second = asyncio.create_task(ask(memory.of("base", "m"), model))
    await asyncio.sleep(0)  # it waits for the first one's reply
    first.cancel()
    with pytest.raises(ModelBusyError, match="given up"):
        await second
    model.may_reply.set()
    assert (await ask(memory.of("base", "m"), model)).text == REPLY.text
