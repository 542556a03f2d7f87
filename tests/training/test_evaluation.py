"""How often held-out samples are answered right, and what is recorded of each."""

from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agents.base import BaseAgent
from agents.errors import EndpointDownError, ModelCallError
from agents.role import Role
from prompts.template import QuestionTemplate
from stores.sample import Sample
from tests.support.scripted import ScriptedModel
from training.evaluation import Accuracy, evaluate

SAMPLES = [
    Sample(id="a", prompt="Capital of Peru?", response="Lima"),
    Sample(id="b", prompt="Capital of Norway?", response="Bergen", gold="Oslo"),
    Sample(id="c", prompt="Capital of Japan?", response="Tokyo"),
    Sample(id="d", prompt="What is 2 plus 2?", response="4"),
]
REPLIES = {"Peru": "It is Lima.", "Norway": "Oslo", "Japan": "Kyoto", "plus": "Who knows?"}


async def evaluated(
    samples: list[Sample], error: Exception | None = None
) -> tuple[Accuracy, dict[str, dict[str, Any]]]:
    """Return how many were right, and the records by the samples' ids."""

    def script(messages: list[BaseMessage]) -> str:
        if error is not None and "Japan" in str(messages[-1].content):
            raise error
        return next(reply for name, reply in REPLIES.items() if name in str(messages[-1].content))

    agent = BaseAgent(Role(ScriptedModel(script=script), max_tokens=16), QuestionTemplate("base"))
    records: list[dict[str, Any]] = []
    accuracy = await evaluate(iter(samples), agent, records.extend, concurrency=2)
    return accuracy, {record["id"]: record for record in records}


async def test_answers_are_compared_with_the_gold_answer_where_there_is_one() -> None:
    accuracy, records = await evaluated(SAMPLES[:3])
    assert (accuracy.n, accuracy.right) == (3, 2)
    assert accuracy.share == pytest.approx(2 / 3)
    assert {name: (record["gold"], record["right"]) for name, record in records.items()} == {
        "a": ("Lima", True),
        "b": ("Oslo", True),
        "c": ("Tokyo", False),
    }
    assert records["a"]["reply"] == "It is Lima."


async def test_a_reply_without_an_answer_is_wrong() -> None:
    accuracy, records = await evaluated(SAMPLES)
    assert (accuracy.n, accuracy.right) == (4, 2)
    assert (records["d"]["answer"], records["d"]["right"]) == (None, False)


async def test_a_request_that_failed_is_wrong_and_says_why() -> None:
    accuracy, records = await evaluated(SAMPLES[:3], ModelCallError("too long"))
    assert (accuracy.n, accuracy.right) == (3, 2)
    assert (records["c"]["failure"], records["c"]["right"]) == ("too long", False)
    assert "failure" not in records["a"]


async def test_an_endpoint_that_is_down_is_not_the_samples_fault() -> None:
    with pytest.raises(EndpointDownError):
        await evaluated(SAMPLES, EndpointDownError("down"))


async def test_of_nothing_there_is_no_share() -> None:
    accuracy, _ = await evaluated([])
    assert (accuracy.n, accuracy.right, accuracy.share) == (0, 0, None)
