"""The encoder: vectors of length 1 that say which texts are alike, and errors that name the config's key."""

from pathlib import Path

import numpy
import pytest
from pydantic import ValidationError

from stores.encoder import EncoderConfig, load_encoder
from stores.errors import WeightsError

TEXTS = ["What is the capital of Peru?", "Name Peru's capital.", "How do I bake bread?"]


def test_vectors_have_length_1_and_alike_texts_are_near() -> None:
    vectors = numpy.array(load_encoder(EncoderConfig()).embed_documents(TEXTS))
    assert vectors.shape == (3, 384)
    numpy.testing.assert_allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 2] + 0.3


def test_a_vector_does_not_depend_on_how_many_are_encoded_at_once() -> None:
    alone = load_encoder(EncoderConfig(batch_size=1)).embed_documents(TEXTS)
    numpy.testing.assert_allclose(load_encoder(EncoderConfig()).embed_documents(TEXTS), alone, atol=1e-5)


def test_the_same_encoder_is_loaded_once() -> None:
    assert load_encoder(EncoderConfig()) is load_encoder(EncoderConfig())


def test_an_encoder_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"^encoder\.name: model '/no/such/encoder': no such folder"):
        load_encoder(EncoderConfig(name="/no/such/encoder"))
    with pytest.raises(WeightsError, match=r"^encoder\.name: .*alias, a folder or a hub id"):
        load_encoder(EncoderConfig(name=str(tmp_path)))


@pytest.mark.parametrize("fields", [{"batch_size": 0}, {"model": "x"}])
def test_the_config_refuses_unknown_keys_and_values_out_of_bounds(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EncoderConfig.model_validate(fields)
