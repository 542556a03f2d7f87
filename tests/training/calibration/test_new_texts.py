"""Noisy free text: what is replaced, and what stays because one model alone speaks against it."""

import numpy
import pytest

from agents.record import SampleRecord
from agents.reviewer import Review
from tests.support.drawn_records import recorded
from training.calibration.free_text import SimilarityModel
from training.calibration.group_model import GroupModel
from training.calibration.new_texts import new_texts

GIVEN, NEW = (
    "The town lies by the sea, as all of the old maps show.",
    "It lies in the hills, far from any sea.",
)
LIKE = numpy.array([[0.9, 0.9, 0.5]])
"""The similarities of a new text that is like both answers of the model."""


def model() -> GroupModel:
    """Return a model that takes what is like the answers for right."""
    similarity = SimilarityModel(
        slopes=numpy.array([9.0, 9.0, 9.0]),
        middle=numpy.full(3, 0.5),
        least=numpy.zeros(3),
        prior=0.0,
        judge=numpy.zeros(2),
    )
    return GroupModel(None, None, similarity, 0.3, 1 / 3)


def noisy(*, by_answers: float, by_prompt: float, response: str = GIVEN) -> SampleRecord:
    """Return a noisy sample with the nats for its response, and with a review."""
    record = recorded("town", response, [NEW, NEW])
    assert record.check is not None
    weights = {"base": by_answers, "reasoning": by_answers, "prompts": by_prompt, "prior": 0.0}
    noise = float(1 / (1 + numpy.exp(sum(weights.values()))))
    check = record.check.model_copy(update={"clean": False, "noise": noise, "weights": weights})
    return record.model_copy(update={"check": check, "review": Review(answer=NEW, reason="reviewed")})


def concluded(record: SampleRecord, *, repeats: bool) -> tuple[str, float]:
    """Return the response of the consensus and its confidence."""
    [found] = new_texts(model(), [record], LIKE, [repeats])
    assert found is not None
    return found.answer, found.confidence


def test_a_model_that_contradicts_a_response_twice_does_not_replace_it() -> None:
    response, confidence = concluded(noisy(by_answers=-3, by_prompt=0.2), repeats=True)

    assert response == GIVEN
    # Selection leaves it out.
    assert confidence == pytest.approx(1 / (1 + numpy.exp(5.8)), abs=1e-6)


def test_another_model_that_agrees_with_the_answers_replaces_it() -> None:
    response, confidence = concluded(noisy(by_answers=-3, by_prompt=0.2), repeats=False)

    assert response == NEW
    assert confidence > 0.9


@pytest.mark.parametrize("repeats", [True, False])
def test_a_response_unlike_its_prompt_is_replaced_whoever_reviews(repeats: bool) -> None:
    assert concluded(noisy(by_answers=-3, by_prompt=-4), repeats=repeats)[0] == NEW


def test_an_empty_response_is_replaced() -> None:
    assert concluded(noisy(by_answers=0, by_prompt=0, response=" "), repeats=True)[0] == NEW


def test_similarities_are_needed() -> None:
    with pytest.raises(ValueError, match="similarities of new answers"):
        list(new_texts(model(), [noisy(by_answers=-3, by_prompt=0)], None, [True]))
