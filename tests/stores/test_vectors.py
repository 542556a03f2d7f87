from contextlib import closing
from pathlib import Path

import numpy
import pytest

from stores.encoder import EncoderConfig, load_encoder
from stores.sample import Sample
from stores.vectors import PromptEncoder, PromptVectors

pytestmark = pytest.mark.slow

QUESTIONS = [Sample(id=str(at), prompt=f"What is {at} plus {at}?", response=str(2 * at)) for at in range(5)]
PROMPTS = [sample.prompt for sample in QUESTIONS]


def made(folder: Path) -> PromptVectors:
    known = PromptVectors(folder, EncoderConfig())
    assert list(known.make(lambda: QUESTIONS, len(QUESTIONS))) == [5]
    return known


def test_vectors_are_the_encoders_own_and_are_made_once(tmp_path: Path) -> None:
    known = made(tmp_path)

    numpy.testing.assert_allclose(
        known.all(), load_encoder(EncoderConfig()).embed_documents(PROMPTS), atol=1e-6
    )
    assert list(PromptVectors(tmp_path, EncoderConfig()).make(lambda: QUESTIONS, 5)) == []


def test_questions_are_looked_up_and_other_texts_encoded(tmp_path: Path, encoded: list[str]) -> None:
    made(tmp_path)
    known = PromptVectors(tmp_path, EncoderConfig())
    texts = [PROMPTS[3], "Is this one new?", PROMPTS[0], PROMPTS[3]]
    expected = load_encoder(EncoderConfig()).embed_documents(texts)
    encoded.clear()

    numpy.testing.assert_allclose(known.embed_documents(texts), expected, atol=1e-6)
    numpy.testing.assert_allclose(known.embed_query(PROMPTS[1]), known.all()[1])
    assert encoded == ["Is this one new?"]


def test_without_vectors_every_text_is_encoded(tmp_path: Path) -> None:
    known = PromptVectors(tmp_path, EncoderConfig())

    assert len(known) == 0
    expected = load_encoder(EncoderConfig()).embed_documents(PROMPTS)
    numpy.testing.assert_allclose(known.embed_documents(PROMPTS), expected, atol=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_vectors_of_another_dataset_are_made_anew(tmp_path: Path) -> None:
    known = made(tmp_path)
    known.embed_documents(PROMPTS)
    list(known.make(lambda: QUESTIONS[3:], 2))

    assert len(known) == 2
    numpy.testing.assert_allclose(known.embed_documents(PROMPTS[3:]), known.all())


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with closing(PromptVectors(tmp_path, EncoderConfig()).make(lambda: QUESTIONS, 5)) as progress:
        assert next(progress) == 5

    assert list(tmp_path.iterdir()) == []


def test_how_many_prompts_are_longer_than_the_encoder_reads_is_said_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    long = [
        sample.model_copy(update={"prompt": "It rains in the valley. " * 60 + sample.prompt})
        for sample in QUESTIONS[:2]
    ]
    list(PromptVectors(tmp_path, EncoderConfig()).make(lambda: [*long, *QUESTIONS[2:]], 5))
    said = [record.getMessage() for record in caplog.records if "tokens" in record.getMessage()]
    assert said == ["2 of 5 prompts are longer than the encoder's 256 tokens and were read in pieces"]


def test_vectors_that_were_made_another_way_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    monkeypatch.setattr("stores.encoder._READS", "the beginning alone")
    assert list(PromptVectors(tmp_path, EncoderConfig()).make(lambda: QUESTIONS, 5)) == [5]


def test_a_new_prompt_is_encoded_as_the_datas_own_are_however_long_it_is(
    tmp_path: Path, encoded: list[str]
) -> None:
    known = made(tmp_path)
    long = f"{'Many words stand here before it. ' * 200} What is the capital of Peru?"
    encoder = PromptEncoder(known)
    expected = load_encoder(EncoderConfig()).embed_documents([long])[0]
    encoded.clear()
    numpy.testing.assert_allclose(encoder.embed_documents([PROMPTS[2], long]), [known.all()[2], expected])
    numpy.testing.assert_allclose(encoder.embed_query(long), expected, atol=1e-6)
    # As a response is read, it is another vector.
    assert numpy.abs(numpy.array(known.embed_query(long)) - expected).max() > 0.01
