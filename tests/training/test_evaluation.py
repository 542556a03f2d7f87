"""How often a model answers held-out samples right, and the record of each answer."""

from typing import Any

import pytest

from agents.agent import Usage
from agents.base import BaseAgent, Prediction
from agents.errors import EndpointDownError, ModelCallError
from stores.records import Evaluation
from stores.sample import Sample
from training.evaluation import evaluate

SAMPLES = [
    Sample(id="right", prompt="Capital of France?", response="Lyon", gold="Paris"),
    Sample(id="wrong", prompt="Capital of Italy?", response="Rome"),
    Sample(id="unread", prompt="Which is an animal?", response="dog", options=("dog", "oak")),
    Sample(id="refused", prompt="Capital of Peru?", response="Lima"),
]


class Scripted(BaseAgent):
    """Answers from a table; fails on what is not in it."""

    def __init__(self, error: Exception | None = None) -> None:
        self._answers: dict[str, Any] = {"right": "paris", "wrong": "Milan", "unread": None}
        self._error = error or ModelCallError("no")

    async def answer(self, sample: Sample) -> Prediction:
        if sample.id not in self._answers:
            raise self._error
        return Prediction(answer=self._answers[sample.id], reply="...", usage=Usage())


async def test_each_answer_is_a_record_and_what_cannot_be_read_is_wrong() -> None:
    records: list[Evaluation] = []
    accuracy = await evaluate(iter(SAMPLES), Scripted(), "tuned", records.extend, concurrency=1)
    assert (accuracy.n, accuracy.right, accuracy.share) == (4, 1, 0.25)
    found = {record.id: record for record in records}
    assert {name: record.right for name, record in found.items()} == {
        "right": True,
        "wrong": False,
        "unread": False,
        "refused": False,
    }
    assert {record.model for record in records} == {"tuned"}
    assert (found["right"].gold, found["wrong"].gold) == ("Paris", "Rome")
    assert (found["unread"].answer, found["unread"].reply) == (None, "...")
    assert (found["refused"].reply, found["refused"].failure) == (None, "no")


async def test_an_endpoint_that_is_down_is_not_the_samples_fault() -> None:
    agent = Scripted(EndpointDownError("down"))
    with pytest.raises(EndpointDownError):
        await evaluate(iter(SAMPLES), agent, "untuned", lambda records: None, concurrency=2)


async def test_an_answer_that_nobody_can_compare_does_not_count_as_right() -> None:
    records: list[Evaluation] = []
    asked = [
        Sample(id="right", prompt="Capital of France?", response="Paris"),
        Sample(id="wrong", prompt="Where is the fair?", response="Milan Fair Grounds"),
    ]
    accuracy = await evaluate(iter(asked), Scripted(), "tuned", records.extend, concurrency=1)
    assert (accuracy.n, accuracy.right, accuracy.left_out) == (2, 1, 0)
    assert [record.right for record in records] == [True, False]


async def test_of_nothing_there_is_no_share() -> None:
    accuracy = await evaluate(iter(()), Scripted(), "untuned", lambda records: None, concurrency=2)
    assert (accuracy.n, accuracy.right, accuracy.share) == (0, 0, None)


async def test_free_text_is_left_out_and_counted_since_no_two_texts_have_the_same_words() -> None:
    text = "You can send it back within thirty days of the day on which it came to you."
    free = [
        Sample(id="text", prompt="May I return it?", response=text),
        Sample(id="kind", prompt="And this?", response="Yes", kind="free"),
        Sample(id="gold", prompt="And that?", response="Yes", gold=text),
    ]
    records: list[Evaluation] = []
    accuracy = await evaluate(iter([*SAMPLES, *free]), Scripted(), "tuned", records.extend, concurrency=2)
    assert (accuracy.n, accuracy.left_out, len(records)) == (4, 3, 4)
    alone = await evaluate(iter(free), Scripted(), "tuned", records.extend, concurrency=2)
    assert (alone.n, alone.left_out, alone.share) == (0, 3, None)


class Wavering(BaseAgent):
    """Says Paris, but Lyon where it is asked politely, and nothing readable where it is shouted at."""

    def __init__(self) -> None: ...

    async def answer(self, sample: Sample) -> Prediction:
        said = "Lyon" if "please" in sample.prompt else "paris."
        return Prediction(answer=None if "!" in sample.prompt else said, reply="...", usage=Usage())


async def test_other_wordings_are_asked_and_must_all_be_right() -> None:
    asked = [
        Sample(id=name, prompt="Capital?", response="Paris", wordings=wordings, task="t")
        for name, wordings in (
            ("steady", ("The capital is?", "Capital of it?")),
            ("wavers", ("Capital, please?",)),
            ("silent", ("Capital!",)),
            ("alone", ()),
        )
    ]
    records: list[Evaluation] = []
    accuracy = await evaluate(iter(asked), Wavering(), "tuned", records.extend, concurrency=2, part="guard")
    assert (accuracy.n, accuracy.right, accuracy.by_task) == (4, 4, {"t": (4, 4)})
    assert (accuracy.reworded, accuracy.wordings) == (3, 4)
    assert (accuracy.all_right, accuracy.all_same) == (1, 1)
    assert accuracy.told == {"steady": True, "wavers": True, "silent": True, "alone": True}
    told = sorted((record.id, record.wording, record.prompt) for record in records)
    assert told[:3] == [("alone", 0, "Capital?"), ("silent", 0, "Capital?"), ("silent", 1, "Capital!")]
    assert {record.part for record in records} == {"guard"}


async def test_the_same_wrong_answer_in_every_wording_is_alike_but_not_right() -> None:
    asked = Sample(id="x", prompt="Capital, please?", response="Paris", wordings=("And now, please?",))
    accuracy = await evaluate(iter([asked]), Wavering(), "tuned", lambda records: None, concurrency=1)
    assert (accuracy.all_right, accuracy.all_same) == (0, 1)
