from pathlib import Path

import numpy
import pytest

from stores.encoder import EncoderConfig, load_encoder
from stores.sample import Sample
from stores.vectors import question_vectors

pytestmark = pytest.mark.slow

QUESTIONS = [Sample(id=str(at), prompt=f"What is {at} plus {at}?", response=str(2 * at)) for at in range(5)]


def test_vectors_are_the_encoders_own_and_are_made_once(tmp_path: Path) -> None:
    encoded: list[int] = []
    first = question_vectors(tmp_path, QUESTIONS, 5, EncoderConfig(), encoded.append)
    again = question_vectors(tmp_path, [], 5, EncoderConfig(), encoded.append)

    assert encoded == [5]
    expected = load_encoder(EncoderConfig()).embed_documents([sample.prompt for sample in QUESTIONS])
    numpy.testing.assert_allclose(first, expected, atol=1e-6)
    numpy.testing.assert_array_equal(first, again)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]


def test_vectors_of_another_dataset_are_made_anew(tmp_path: Path) -> None:
    question_vectors(tmp_path, QUESTIONS, 5, EncoderConfig(), lambda done: None)

    assert len(question_vectors(tmp_path, QUESTIONS[:3], 3, EncoderConfig(), lambda done: None)) == 3


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        question_vectors(tmp_path, QUESTIONS, 5, EncoderConfig(), stop)
    assert list(tmp_path.iterdir()) == []
