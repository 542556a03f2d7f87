"""How unsure a new response is: by its tokens, or by the consensus on it."""

import math

import pytest

from agents.agent import Usage
from agents.record import Consensus, SampleRecord
from agents.relabeler import ContextAnswer
from stores.sample import Sample
from tests.support.judged_records import doubted, record, reviewed
from training.uncertainty import entropy_of, uncertainty_of, with_entropy


def test_entropy_is_the_mean_negative_log_probability_in_nats() -> None:
    assert entropy_of([math.log(0.5), math.log(0.25)]) == pytest.approx(1.5 * math.log(2))


def test_entropy_of_certain_tokens_is_a_positive_zero() -> None:
    value = entropy_of([-0.0, 0.0, 1e-9])
    assert value == 0
    assert math.copysign(1, value) == 1


@pytest.mark.parametrize("values", [[], [math.nan], [-0.1, math.inf], [-0.1, -math.inf], [0.5]])
def test_entropy_refuses_what_is_no_log_probability(values: list[float]) -> None:
    with pytest.raises(ValueError, match="log-probabilit"):
        entropy_of(values)


def relabelled(*log_probabilities: float, confidence: float | None = None) -> SampleRecord:
    context = ContextAnswer(
        neighbours=(), answer="wives", reply="wives", log_probabilities=log_probabilities, usage=Usage()
    )
    known = reviewed(doubted(record("dishes")), "wives").model_copy(update={"context": context})
    if confidence is not None:
        known = known.model_copy(update={"consensus": Consensus(answer="wives", confidence=confidence)})
    return with_entropy(known)


def uncertainty(*log_probabilities: float, confidence: float | None = None) -> float:
    found = uncertainty_of(relabelled(*log_probabilities, confidence=confidence))
    assert found is not None
    return found


def test_without_a_consensus_the_entropy_is_what_counts() -> None:
    assert relabelled(-0.5, -0.1).entropy == uncertainty(-0.5, -0.1) == pytest.approx(0.3)


def test_of_equal_confidences_the_lower_entropy_is_surer() -> None:
    found = [uncertainty(value, confidence=0.97) for value in (-0.01, -0.5, -20.0)]
    assert found == sorted(found)
    assert len(set(found)) == 3


def test_no_entropy_outweighs_a_confidence() -> None:
    assert uncertainty(-20.0, confidence=0.999999) < uncertainty(-0.0, confidence=0.999998)
    assert uncertainty(-20.0, confidence=1.0) < uncertainty(-0.0, confidence=0.999999)


def test_a_new_response_that_nothing_rates_comes_last() -> None:
    assert relabelled().entropy is None
    assert uncertainty(-15.0) < uncertainty()


def test_a_sample_without_a_new_response_has_no_uncertainty() -> None:
    waiting = doubted(SampleRecord(sample=Sample(id="1", prompt="Which?", response="dishes")))
    assert uncertainty_of(with_entropy(waiting)) is None
    assert uncertainty_of(relabelled(-0.1).model_copy(update={"other_form": True})) is None


def test_a_trusted_response_leaves_nothing_to_be_unsure_of() -> None:
    known = relabelled(-3.0, confidence=0.4)
    trusted = known.sample.model_copy(update={"trusted": "Paris"})
    assert uncertainty_of(known.model_copy(update={"sample": trusted})) == 0.0
