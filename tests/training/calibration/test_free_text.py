import numpy
import pytest

from tests.support.judged_records import WordEncoder, record
from training.calibration.free_text import SimilarityModel, cosines, fit_similarities, measure_similarities


def drawn(rate: float, samples: int = 300) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Similarities to two experts that have much in common, and to the question."""
    random = numpy.random.default_rng(0)
    wrong = random.random(samples) < rate
    shared = random.normal(0, 0.1, samples)
    experts = [numpy.where(wrong, 0.3, 0.7) + shared + random.normal(0, 0.03, samples) for _ in range(2)]
    question = numpy.where(wrong, 0.4, 0.5) + random.normal(0, 0.1, samples)
    return numpy.column_stack([*experts, question]), wrong


def fitted(similarities: numpy.ndarray) -> SimilarityModel:
    """The model where no judge was asked."""
    return fit_similarities(similarities, numpy.full(len(similarities), -1))


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.7])
def test_wrong_responses_are_told_from_right_ones_at_any_rate(rate: float) -> None:
    similarities, wrong = drawn(rate)
    noise = fitted(similarities).noise(similarities)

    assert ((noise > 0.5) == wrong).mean() > 0.95
    assert noise.mean() == pytest.approx(wrong.mean(), abs=0.05)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.14, 0.3])
def test_wrong_responses_are_found_among_right_ones_that_are_said_word_for_word(rate: float) -> None:
    random = numpy.random.default_rng(0)
    wrong = numpy.arange(300) < 300 * rate
    experts = numpy.where(wrong, random.normal(0.2, 0.1, (2, 300)), 1.0)
    similarities = numpy.column_stack([*experts, random.normal(0.5, 0.12, 300)])

    noise = fitted(similarities).noise(similarities)

    assert ((noise > 0.5) == wrong).all()


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_responses_of_one_group_are_all_alike(spread: float) -> None:
    random = numpy.random.default_rng(0)
    similarities = random.normal([0.8, 0.8, 0.5], [spread, spread, 0.1], (300, 3))

    assert len(set(fitted(similarities).noise(similarities))) == 1


def test_more_similarity_never_speaks_against_a_response() -> None:
    similarities, _ = drawn(0.3)
    model = fitted(similarities)

    assert (model.noise(similarities + 0.1) <= model.noise(similarities)).all()


def test_two_experts_with_much_in_common_count_little_more_than_one() -> None:
    similarities, _ = drawn(0.3)
    both = fitted(similarities).weights(similarities)[:, :2].sum(1)
    one = fitted(similarities[:, [0, 2]]).weights(similarities[:, [0, 2]])[:, 0]

    assert numpy.abs(both).mean() < 1.5 * numpy.abs(one).mean()


def test_weights_and_prior_add_up_to_the_noise_probability() -> None:
    similarities, _ = drawn(0.3)
    model = fitted(similarities)
    total = model.weights(similarities).sum(1) + model.prior

    numpy.testing.assert_allclose(model.noise(similarities), 1 / (1 + numpy.exp(total)))


def test_a_view_that_says_nothing_weighs_nothing() -> None:
    similarities, _ = drawn(0.3)
    model = fitted(similarities)
    silent = similarities.copy()
    silent[0, 1] = numpy.nan

    assert model.weights(silent)[0, 1] == 0
    assert not numpy.isnan(model.noise(silent)).any()


def test_too_few_responses_are_all_alike() -> None:
    similarities, _ = drawn(0.3, samples=5)

    assert len(set(fitted(similarities).noise(similarities))) == 1


@pytest.mark.parametrize("samples", [15, 300])
def test_a_judge_that_knows_is_believed_and_one_that_does_not_is_not(samples: int) -> None:
    similarities, wrong = drawn(0.3, samples)
    verdicts = (~wrong).astype(numpy.int64)
    model = fit_similarities(similarities, verdicts)

    assert model.judge[0] < -0.5 < 0.5 < model.judge[1]
    assert model.noise(similarities, verdicts)[wrong].min() > model.noise(similarities)[wrong].min()
    same = numpy.ones(samples, dtype=numpy.int64)
    assert numpy.abs(fit_similarities(similarities, same).judge[1]) < 0.01
    guesses = numpy.random.default_rng(1).integers(0, 2, 300)
    apart, _ = drawn(0.3)
    assert numpy.abs(fit_similarities(apart, guesses).judge).max() < 0.4


def test_cosines_are_of_pairs() -> None:
    assert cosines([[1, 0], [0, 1]], [[1, 0], [1, 0]]).tolist() == [1, 0]


def test_a_text_is_measured_against_each_view_and_the_prompt() -> None:
    known = [
        record("red apples grow", "red apples grow", None, prompt="What grows?"),
        record("blue whales swim", "blue whales sing", "cars drive", prompt="Who?", name="b"),
    ]
    texts = [one.sample.response for one in known]

    similarities = measure_similarities(WordEncoder(), texts, known, ("base", "reasoning"))

    assert similarities.shape == (2, 3)
    assert similarities[0, 0] == pytest.approx(1)
    assert numpy.isnan(similarities[0, 1])
    assert similarities[1, 0] > similarities[1, 1]
