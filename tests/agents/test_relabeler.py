"""The Context Relabeler: an answer beside the nearest clean examples."""

from math import cos, radians, sin
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from agents.relabeler import Relabeler
from agents.role import Role
from prompts.template import QuestionTemplate
from stores.examples import Example, ExampleStore
from stores.sample import Message, Sample
from tests.support.scripted import ScriptedModel

QUERY = Sample(id="q", prompt="0", response="Zanzibar-label", gold="Quito-gold")


class Dial(Embeddings):
    """Puts the prompt "30" at 30 degrees: distances that can be read off."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[cos(radians(float(text))), sin(radians(float(text)))] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def examples(tmp_path: Path) -> ExampleStore:
    store = ExampleStore(tmp_path / "chroma", Dial())
    degrees = ("80", "20", "60", "40")
    list(store.fill(Example(Sample(id=f"at{at}", prompt=at, response=f"label-{at}")) for at in degrees))
    return store


def build(
    examples: ExampleStore | None, neighbours: int = 3, reply: str = "Oslo"
) -> tuple[Relabeler, ScriptedModel]:
    model = ScriptedModel(script=lambda messages: reply, log_probabilities=lambda text: [-0.5, -0.25])
    return Relabeler(Role(model, max_tokens=64), QuestionTemplate("relabel"), examples, neighbours), model


async def test_neighbours_are_shown_as_chat_turns_the_nearest_last(examples: ExampleStore) -> None:
    relabeler, model = build(examples)
    answer = await relabeler.answer(QUERY)
    ((messages, _),) = model.requests
    assert [message.type for message in messages] == ["human", "ai"] * 3 + ["human"]
    assert [message.content for message in messages[1::2]] == ["label-60", "label-40", "label-20"]
    assert [neighbour.id for neighbour in answer.neighbours] == ["at20", "at40", "at60"]


async def test_examples_are_asked_in_the_words_of_the_question(examples: ExampleStore) -> None:
    relabeler, model = build(examples, neighbours=1)
    await relabeler.answer(QUERY)
    ((messages, _),) = model.requests
    template = QuestionTemplate("relabel")
    example = Sample(id="at20", prompt="20", response="label-20")
    assert messages[0].content == template.render(example, "short")
    assert messages[-1].content == template.render(QUERY, "short")


async def test_the_distances_of_the_neighbours_are_recorded(examples: ExampleStore) -> None:
    answer = await build(examples)[0].answer(QUERY)
    # One minus the cosine of 20, 40 and 60 degrees.
    assert [n.distance for n in answer.neighbours] == pytest.approx([0.060307, 0.233956, 0.5], abs=1e-5)


async def test_fewer_examples_than_k_are_all_shown(examples: ExampleStore) -> None:
    answer = await build(examples, neighbours=9)[0].answer(QUERY)
    assert [neighbour.id for neighbour in answer.neighbours] == ["at20", "at40", "at60", "at80"]


async def test_without_a_store_the_question_stands_alone() -> None:
    relabeler, model = build(None)
    answer = await relabeler.answer(QUERY)
    assert (answer.neighbours, answer.answer) == ((), "Oslo")
    assert len(model.requests[0][0]) == 1


async def test_an_empty_store_is_no_context(tmp_path: Path) -> None:
    store = ExampleStore(tmp_path, DeterministicFakeEmbedding(size=4))
    assert (await build(store)[0].answer(QUERY)).neighbours == ()


async def test_no_neighbours_asked_for_means_none_shown(examples: ExampleStore) -> None:
    relabeler, model = build(examples, neighbours=0)
    assert (await relabeler.answer(QUERY)).neighbours == ()
    assert len(model.requests[0][0]) == 1


async def test_the_answers_log_probabilities_are_kept_for_its_entropy() -> None:
    answer = await build(None)[0].answer(QUERY)
    assert answer.log_probabilities == (-0.5, -0.25)


async def test_the_samples_history_stands_between_the_examples_and_the_question(
    examples: ExampleStore,
) -> None:
    relabeler, model = build(examples, neighbours=1)
    history = (Message(role="user", content="Hello."), Message(role="assistant", content="Hi."))
    await relabeler.answer(QUERY.model_copy(update={"history": history}))
    ((messages, _),) = model.requests
    assert [message.content for message in messages[1:-1]] == ["label-20", "Hello.", "Hi."]


async def test_the_model_sees_neither_label_nor_gold(examples: ExampleStore) -> None:
    relabeler, model = build(examples)
    await relabeler.answer(QUERY)
    assert "Zanzibar-label" not in str(model.requests)
    assert "Quito-gold" not in str(model.requests)
