"""The example store with the real encoder: nearest by meaning, and never the query itself."""

import asyncio
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from stores.encoder import EncoderConfig, load_encoder
from stores.errors import StorageError, WeightsError
from stores.examples import Example, ExampleStore
from stores.sample import Sample

pytestmark = pytest.mark.slow

SPORT = (
    "Which team won the football match?",
    "Who scored a goal in the final?",
    "Who trains the tennis team?",
)
FOOD = ("How long should I boil pasta?", "Which spices go into a curry?", "How is bread baked?")
QUERY = Sample(id="query", prompt="Who won the basketball game?", response="the label")


@pytest.fixture(scope="module")
def encoder() -> Embeddings:
    return load_encoder(EncoderConfig())


@pytest.fixture
def store(tmp_path: Path, encoder: Embeddings) -> ExampleStore:
    return ExampleStore(tmp_path / "chroma", encoder)


def samples(*prompts: str, prefix: str = "s") -> list[Sample]:
    return [Sample(id=f"{prefix}{at}", prompt=text, response=f"r{at}") for at, text in enumerate(prompts)]


def fill(store: ExampleStore, content: list[Sample]) -> None:
    assert list(store.fill(map(Example, content)))[-1:] == [len(content)]


async def test_the_nearest_are_those_nearest_in_meaning(store: ExampleStore) -> None:
    fill(store, samples(*FOOD, *SPORT))
    found = await store.nearest(QUERY, 3)
    assert {neighbour.sample.prompt for neighbour in found} == set(SPORT)


async def test_neighbours_come_nearest_first_with_their_cosine_distance(
    store: ExampleStore, encoder: Embeddings
) -> None:
    fill(store, samples(*FOOD, *SPORT))
    found = await store.nearest(QUERY, 6)
    distances = [neighbour.distance for neighbour in found]
    assert distances == sorted(distances)
    query, *others = encoder.embed_documents([QUERY.prompt, *(n.sample.prompt for n in found)])
    cosines = [sum(a * b for a, b in zip(query, other, strict=True)) for other in others]
    assert distances == pytest.approx([1 - cosine for cosine in cosines], abs=1e-4)


async def test_a_near_example_gives_way_to_one_that_can_be_trusted(store: ExampleStore) -> None:
    first, second, *others = samples(*SPORT, *FOOD)
    assert list(store.fill([Example(first, 0.1), Example(second, 0.9), *map(Example, others)])) == [6]
    found = {neighbour.sample.id for neighbour in await store.nearest(QUERY, 2)}
    assert found == {second.id, others[0].id}


async def test_trusted_samples_come_before_others_among_twice_as_many(store: ExampleStore) -> None:
    first, second, third, *others = samples(*SPORT, *FOOD)
    vouched_for = [sample.model_copy(update={"trusted": "right"}) for sample in (third, others[2])]
    fill(store, [first, second, *others[:2]])
    assert list(store.fill(map(Example.of_trusted, vouched_for))) == [2]
    # All three on sport are among the four that two are chosen from; bread is not.
    found = await store.nearest(QUERY, 2)
    assert third.id in {neighbour.sample.id for neighbour in found}
    (shown,) = (neighbour.sample for neighbour in found if neighbour.sample.id == third.id)
    assert shown.response == "right"
    assert others[2].id not in {neighbour.sample.id for neighbour in found}
    distances = [neighbour.distance for neighbour in found]
    assert distances == sorted(distances), "the nearest still comes first"


async def test_the_response_does_not_attract(store: ExampleStore) -> None:
    lure = Sample(id="lure", prompt=FOOD[0], response=QUERY.prompt)
    fill(store, [lure, *samples(SPORT[0])])
    assert [neighbour.sample.id for neighbour in await store.nearest(QUERY, 1)] == ["s0"]


async def test_a_sample_never_retrieves_itself(store: ExampleStore) -> None:
    fill(store, [QUERY, *samples(*SPORT)])
    assert [n.sample.id for n in await store.nearest(QUERY, 9)] != []
    assert "query" not in [n.sample.id for n in await store.nearest(QUERY, 9)]


@pytest.mark.parametrize("copies", [1, 3, 10])
async def test_duplicates_of_the_query_do_not_crowd_out_the_others(store: ExampleStore, copies: int) -> None:
    fill(store, samples(*[QUERY.prompt] * copies, prefix="copy") + samples(*SPORT, *FOOD))
    found = await store.nearest(QUERY, 3)
    assert {neighbour.sample.prompt for neighbour in found} == set(SPORT)


async def test_hundreds_of_duplicates_do_not_crowd_out_the_others(store: ExampleStore) -> None:
    fill(store, samples(*[QUERY.prompt] * 300, prefix="copy") + samples(*SPORT, *FOOD))
    found = await store.nearest(QUERY, 3)
    assert {neighbour.sample.prompt for neighbour in found} == set(SPORT)


async def test_queries_asked_together_each_get_their_own_neighbours(store: ExampleStore) -> None:
    fill(store, samples(*SPORT, *FOOD))
    queries = [QUERY, Sample(id="q2", prompt="How do I cook rice?", response="")]
    together = await asyncio.gather(*(store.nearest(query, at + 1) for at, query in enumerate(queries)))
    assert [len(found) for found in together] == [1, 2]
    assert together == [await store.nearest(query, at + 1) for at, query in enumerate(queries)]
    assert together[0][0].sample.prompt in SPORT
    assert together[1][0].sample.prompt in FOOD


async def test_fewer_samples_than_asked_for_are_all_found(store: ExampleStore) -> None:
    fill(store, samples(*SPORT))
    assert len(await store.nearest(QUERY, 50)) == 3


async def test_an_empty_store_has_no_neighbours(store: ExampleStore) -> None:
    assert list(store.fill([])) == []
    assert await store.nearest(QUERY, 3) == []


@pytest.mark.parametrize("damage", ["none", "cut", "removed", "overwritten"])
async def test_a_store_begun_anew_holds_nothing_of_what_was_there(
    damage: str, tmp_path: Path, encoder: Embeddings
) -> None:
    folder = tmp_path / "chroma"
    store = ExampleStore(folder, encoder)
    fill(store, samples(*SPORT))
    store.close()
    database = folder / "chroma.sqlite3"
    if damage == "cut":
        database.write_bytes(database.read_bytes()[:5000])
    elif damage == "removed":
        database.unlink()
    elif damage == "overwritten":
        database.write_bytes(b"\xff" * 5000)
    store = ExampleStore.anew(folder, encoder)
    fill(store, samples(FOOD[0], prefix="new"))
    assert len(store) == 1
    assert [neighbour.sample.id for neighbour in await store.nearest(QUERY, 3)] == ["new0"]
    store.close()


def test_a_damaged_store_is_a_typed_error(tmp_path: Path, encoder: Embeddings) -> None:
    store = ExampleStore(tmp_path / "chroma", encoder)
    fill(store, samples(*SPORT))
    store.close()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"\xff" * 5000)
    with pytest.raises(StorageError, match="the example store failed"):
        ExampleStore(tmp_path / "chroma", encoder)


async def test_the_store_survives_being_opened_again(tmp_path: Path, encoder: Embeddings) -> None:
    fill(ExampleStore(tmp_path / "chroma", encoder), samples(*SPORT, *FOOD))
    again = ExampleStore(tmp_path / "chroma", encoder)
    assert len(again) == 6
    assert {n.sample.prompt for n in await again.nearest(QUERY, 3)} == set(SPORT)


async def test_neighbours_come_back_whole_but_for_their_gold(tmp_path: Path, encoder: Embeddings) -> None:
    sample = Sample(
        id="s", prompt=SPORT[0], response="B", options=("A", "B"), task="sport", gold="Quito-gold"
    )
    store = ExampleStore(tmp_path / "chroma", encoder)
    fill(store, [sample])
    (found,) = await store.nearest(QUERY, 1)
    assert found.sample == sample.model_copy(update={"gold": None})
    stored = b"".join(file.read_bytes() for file in (tmp_path / "chroma").rglob("*") if file.is_file())
    assert b"Quito-gold" not in stored
    assert SPORT[0].encode() in stored


def test_an_encoder_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(WeightsError, match="'/no/such/encoder': no such folder"):
        load_encoder(EncoderConfig(name="/no/such/encoder"))
