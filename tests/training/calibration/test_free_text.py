import numpy
import pytest

from tests.support.judged_records import WordEncoder, record
from training.calibration.free_text import (
    SimilarityModel,
    cosines,
    explain_silence,
    fit_similarities,
    measure_similarities,
)


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
    model = fit_similarities(similarities, numpy.full(len(similarities), -1))
    assert model is not None
    return model


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
def test_responses_of_one_group_tell_nothing(spread: float) -> None:
    random = numpy.random.default_rng(0)
    similarities = random.normal([0.8, 0.8, 0.5], [spread, spread, 0.1], (300, 3))

    assert fit_similarities(similarities, numpy.full(300, -1)) is None


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


def alike(samples: int, far: int = 0, sinks: float = 0.0, spread: float = 0.03) -> numpy.ndarray:
    """Similarities of which the first `far` are near none, and the next third may lie lower by `sinks`."""
    random = numpy.random.default_rng(0)
    middle = numpy.where(numpy.arange(samples) < samples // 3, 0.8 - sinks, 0.8)
    shared = random.normal(0, spread, samples)
    similarities = numpy.column_stack(
        [
            middle + shared + random.normal(0, spread / 2, samples),
            middle + shared + random.normal(0, spread / 2, samples),
            random.normal(0.5, spread, samples),
        ]
    )
    similarities[:far] = random.normal(0.02, 0.01, (far, 3))
    return similarities


def silent_view(samples: int) -> numpy.ndarray:
    similarities, _ = drawn(0.3, samples)
    similarities[5:, 1] = numpy.nan
    return similarities


@pytest.mark.parametrize(
    ("similarities", "reason"),
    [
        (drawn(0.3, samples=1)[0], "too few free-text samples (1 < 20) to calibrate"),
        (drawn(0.3, samples=5)[0], "too few free-text samples (5 < 20) to calibrate"),
        (drawn(0.3, samples=19)[0], "too few free-text samples (19 < 20) to calibrate"),
        (silent_view(40), "too few free-text samples with readable answers (5 < 20) to calibrate"),
        (numpy.full((40, 3), numpy.nan), "too few free-text samples with readable answers (0 < 20)"),
        (numpy.full((40, 3), 0.7), "how similar the 40 free-text samples are to the answers tells nothing"),
        (numpy.ones((40, 3)), "how similar the 40"),
        (alike(60), "how similar the 60"),
        (alike(60, far=1), "how similar the 60"),
        (alike(60, far=2), "how similar the 60"),
        (alike(60, far=1, sinks=0.05), "how similar the 60"),
        (alike(3000, far=2), "how similar the 3,000"),
        (alike(300, spread=0.2), "how similar the 300"),
    ],
)
def test_similarities_that_tell_nothing_give_no_model_and_a_reason(
    similarities: numpy.ndarray, reason: str
) -> None:
    verdicts = numpy.arange(len(similarities)) % 2
    assert fit_similarities(similarities, verdicts) is None
    assert explain_silence(similarities).startswith(reason)


@pytest.mark.parametrize("far", [0, 1, 2])
@pytest.mark.parametrize("sinks", [0.1, 0.3])
def test_an_outlier_does_not_get_other_wrong_responses_accepted(far: int, sinks: float) -> None:
    similarities = alike(60, far=far, sinks=sinks)
    wrong = numpy.arange(60) < 20
    verdicts = (~wrong).astype(numpy.int64)

    model = fit_similarities(similarities, verdicts)

    assert model is not None
    noise = model.noise(similarities, verdicts)
    assert (noise[wrong] > 0.5).mean() > 0.9
    assert (noise[~wrong] < 0.5).all()


def test_a_judge_that_knows_is_believed_and_one_that_does_not_is_not() -> None:
    similarities, wrong = drawn(0.3)
    verdicts = (~wrong).astype(numpy.int64)

    def judged(said: numpy.ndarray) -> SimilarityModel:
        model = fit_similarities(similarities, said)
        assert model is not None
        return model

    model = judged(verdicts)
    assert model.judge[0] < -0.5 < 0.5 < model.judge[1]
    assert model.noise(similarities, verdicts)[wrong].min() > model.noise(similarities)[wrong].min()
    assert numpy.abs(judged(numpy.ones(300, dtype=numpy.int64)).judge[1]) < 0.01
    assert numpy.abs(judged(numpy.random.default_rng(1).integers(0, 2, 300)).judge).max() < 0.4


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
