"""An encoder reads texts of any length, short ones as it always did."""

import numpy
import pytest

from stores.encoder import EncoderConfig, load_encoder
from stores.sentence_encoder import SentenceEncoder

pytestmark = pytest.mark.slow

TOWNS = ("Aldermere", "Brackwell", "Corvindale", "Dunharrow", "Eastmarch", "Fennbridge")
ASKED = (
    "In which year was the stone bridge built?",
    "What do people eat at the summer feast?",
    "How deep is the lake behind the church?",
    "Who leads the town's brass band?",
    "Why did the weaving mill close?",
    "Which birds nest in the old tower?",
    "How much does a ferry ticket cost?",
    "What colour is the mayor's front door?",
)


def passage(town: str) -> str:
    things = "market inn mill tower lake church bridge ferry feast band school garden wall gate harbour"
    return " ".join(
        f"{town} lies by a river, and its {thing} was known to every traveller who came through {town}."
        for thing in (*things.split(), "orchard", "well", "bakery", "forge")
    )


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return load_encoder(EncoderConfig())


def test_questions_about_one_long_passage_are_told_apart(encoder: SentenceEncoder) -> None:
    prompts = [f"{passage(town)}\n\n{question}" for town in TOWNS for question in ASKED]
    assert encoder.count_longer(prompts) == len(prompts)
    vectors = numpy.array(encoder.embed_documents(prompts))
    numpy.testing.assert_allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    distances = 1 - vectors @ vectors.T
    same_passage = distances[: len(ASKED), : len(ASKED)]
    assert same_passage[~numpy.eye(len(ASKED), dtype=bool)].min() > 0.01
    # The same question of another passage is nearer than most others.
    numpy.fill_diagonal(distances, 9)
    asked = numpy.arange(len(prompts)) % len(ASKED)
    nearest = distances.argsort(axis=1)[:, :5]
    assert (asked[nearest] == asked[:, None]).mean() > 0.6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "What is the capital of Peru?",
        "hello " * 254,
        "\u6c34" * 250,
        "two\n\nlines",
        "\U0001f600 " * 60,
    ],
)
def test_a_text_that_fits_is_read_as_before(encoder: SentenceEncoder, text: str) -> None:
    assert encoder.count_longer([text]) == 0
    expected = encoder._encoder.embed_documents([text])
    numpy.testing.assert_allclose(encoder.embed_documents([text]), expected, atol=1e-6)
    numpy.testing.assert_allclose(encoder.embed_evenly([text]), expected, atol=1e-6)


@pytest.mark.parametrize(
    "text", ["hello " * 255, "\u6c34" * 255, "x1 " * 200, "antidisestablishmentarianism " * 60]
)
def test_a_text_that_does_not_fit_is_counted_and_read_to_its_end(encoder: SentenceEncoder, text: str) -> None:
    assert encoder.count_longer([text, "short"]) == 1
    other = text + " The volcano erupted at dawn."
    assert not numpy.allclose(encoder.embed_evenly([text]), encoder.embed_evenly([other]), atol=1e-3)


def test_every_piece_fits_the_encoder(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    embed = encoder._encoder.embed_documents

    class Reading:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            read.extend(texts)
            return embed(texts)

    monkeypatch.setattr(encoder, "_encoder", Reading())
    encoder.embed_documents([passage("Aldermere") * 3 + "supercalifragilistic" * 300, "\u6c34\u706b" * 900])
    assert len(read) > 10
    assert encoder.count_longer(read) == 0


def test_one_text_is_encoded_alone_as_among_others(encoder: SentenceEncoder) -> None:
    prompts = [f"{passage('Aldermere')}\n\n{ASKED[0]}", "Short?"]
    numpy.testing.assert_allclose(
        encoder.embed_documents(prompts)[0], encoder.embed_query(prompts[0]), atol=1e-5
    )
