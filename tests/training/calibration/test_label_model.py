from dataclasses import replace

import numpy
import pytest
from numpy.typing import NDArray

from training.calibration import priors
from training.calibration.arrays import Numbers
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import Estimate, estimate, update

SAMPLES = 400
CLASSES = 3


def drawn(
    seed: int, rate: float, skill: float, spread: float = 2.0, apart: float | None = None
) -> tuple[LabelMatrix, Numbers]:
    """Prompts in three clouds, labels wrong at a rate, and two experts of one model that err together.

    The clouds of the second and the third response lie anywhere, or so far apart.
    """
    random = numpy.random.default_rng(seed)
    right = random.choice(CLASSES, SAMPLES, p=[0.5, 0.3, 0.2])
    centres = random.normal(size=(CLASSES, 20))
    if apart is not None:
        centres[2] = centres[1] + apart * random.normal(size=20)
    prompts = centres[right] + spread * random.normal(size=(SAMPLES, 20))
    prompts /= numpy.linalg.norm(prompts, axis=1, keepdims=True)
    shift = random.integers(1, CLASSES, SAMPLES)
    given = numpy.where(random.random(SAMPLES) < rate, (right + shift) % CLASSES, right)
    guess = random.integers(0, CLASSES, SAMPLES)
    base = numpy.where(random.random(SAMPLES) < skill, right, guess)
    reasoning = numpy.where(random.random(SAMPLES) < 0.8, base, -1)
    matrix = LabelMatrix(
        given,
        {"base": base, "reasoning": reasoning},
        numpy.full(SAMPLES, -1),
        numpy.full(SAMPLES, CLASSES),
        prompts,
    )
    return matrix, right


def area(scores: NDArray[numpy.float64], wrong: NDArray[numpy.bool_]) -> float:
    """The chance that a wrong sample's score is above a right one's."""
    above = scores[wrong][:, None] - scores[~wrong][None]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def accuracy(found: Estimate, right: Numbers) -> float:
    return float((found.posterior.argmax(1) == right).mean())


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.7])
def test_the_right_responses_are_found_at_any_rate_of_noise(rate: float) -> None:
    matrix, right = drawn(0, rate, skill=0.4)
    wrong = matrix.given != right

    found = estimate(matrix)

    assert accuracy(found, right) > max(1 - rate, 0.75)
    assert area(found.noise, wrong) > 0.85
    assert found.noise.mean() == pytest.approx(wrong.mean(), abs=0.12)


def test_responses_that_prompts_tell_well_are_kept_where_agents_know_a_little() -> None:
    # Noise that follows a rule everywhere looks the same, and is kept too.
    matrix, right = drawn(0, 0.0, skill=0.4)

    found = estimate(replace(matrix, given=right))

    assert (found.noise < 0.5).mean() > 0.98


def test_a_response_that_no_agent_ever_gives_is_not_lost() -> None:
    matrix, right = drawn(0, 0.3, skill=0.5)
    answers = {name: numpy.where(said == 2, 0, said) for name, said in matrix.answers.items()}

    found = estimate(LabelMatrix(matrix.given, answers, matrix.verdicts, matrix.sizes, matrix.prompts))

    assert (found.posterior.argmax(1) == 2)[right == 2].mean() > 0.7
    assert area(found.noise, matrix.given != right) > 0.9


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_responses_to_questions_that_are_alike_are_not_taken_for_one(seed: int) -> None:
    matrix, right = drawn(seed, 0.5, skill=0.4, spread=1.0, apart=0.4)

    found = estimate(matrix).posterior.argmax(1)

    assert min((found == number)[right == number].mean() for number in range(CLASSES)) > 0.5


def test_agents_that_know_nothing_take_nothing_away() -> None:
    matrix, right = drawn(1, 0.3, skill=0.0)

    found = estimate(matrix)

    assert area(found.noise, matrix.given != right) > 0.9
    assert found.reliability["base"] == pytest.approx(1 / CLASSES, abs=0.1)


def guessing(seed: int, right: Numbers, skill: float, favourite: float) -> Numbers:
    """An agent that knows some answers, and for the rest favours the first option."""
    random = numpy.random.default_rng(seed)
    shares = numpy.full(CLASSES, (1 - favourite) / CLASSES)
    shares[0] += favourite
    return numpy.where(random.random(SAMPLES) < skill, right, random.choice(CLASSES, SAMPLES, p=shares))


def unrelated() -> NDArray[numpy.float64]:
    """Vectors of prompts that have nothing to do with the responses."""
    vectors = numpy.random.default_rng(0).normal(size=(SAMPLES, 20))
    unit: NDArray[numpy.float64] = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("favourite", [0.0, 0.8])
@pytest.mark.parametrize("prompts", [None, unrelated()], ids=["options", "labels"])
def test_agents_that_guess_leave_the_labels_as_they_are(
    rate: float, favourite: float, prompts: NDArray[numpy.float64] | None
) -> None:
    matrix, right = drawn(3, rate, skill=0.0)
    agents = {name: guessing(seed, right, 0.0, favourite) for seed, name in enumerate(("base", "reasoning"))}

    found = estimate(replace(matrix, answers=agents, prompts=prompts, placed=True))

    assert float((found.posterior.argmax(1) == matrix.given).mean()) > 0.95


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("skill", [0.0, 0.4, 0.85])
def test_no_right_response_is_lost_where_questions_tell_nothing(rate: float, skill: float) -> None:
    matrix, right = drawn(4, rate, skill=0.0)
    agents = {name: guessing(seed, right, skill, 0.0) for seed, name in enumerate(("base", "reasoning"))}

    found = estimate(replace(matrix, answers=agents, prompts=unrelated()))

    assert accuracy(found, right) > float((matrix.given == right).mean()) - 0.01


def test_two_equal_answers_of_strong_agents_doubt_a_response_but_may_be_one_error_twice() -> None:
    matrix, right = drawn(2, 0.3, skill=0.85)
    wrong = matrix.given != right

    found = estimate(replace(matrix, prompts=None, placed=True))

    assert area(found.noise, wrong) > 0.9
    least, most = found.noise_interval
    assert least < 0.05 < 0.3 < most < 0.5


def test_weights_add_up_to_the_noise_probability() -> None:
    matrix, _ = drawn(3, 0.3, skill=0.4)
    two = LabelMatrix(
        matrix.given % 2,
        {name: numpy.where(answers < 0, -1, answers % 2) for name, answers in matrix.answers.items()},
        matrix.verdicts,
        numpy.full(SAMPLES, 2),
        matrix.prompts,
    )

    found = estimate(two)

    total = sum(found.weights.values(), numpy.zeros(SAMPLES))
    numpy.testing.assert_allclose(found.noise, 1 / (1 + numpy.exp(total)), atol=1e-9)


def test_a_response_that_is_no_candidate_is_noise() -> None:
    matrix, _ = drawn(4, 0.3, skill=0.4)
    given = matrix.given.copy()
    given[7] = -1

    found = estimate(LabelMatrix(given, matrix.answers, matrix.verdicts, matrix.sizes, matrix.prompts))

    assert found.noise[7] == 1


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("prompts", [None, unrelated(), drawn(3, 0.0, 0.0)[0].prompts])
def test_responses_that_are_no_candidates_say_nothing_against_the_others(
    share: float, prompts: NDArray[numpy.float64] | None
) -> None:
    matrix, right = drawn(3, 0.0, skill=0.0)
    agents = {name: guessing(seed, right, 0.0, 0.5) for seed, name in enumerate(("base", "reasoning"))}
    none = numpy.random.default_rng(7).random(SAMPLES) < share
    given = numpy.where(none, -1, right)

    found = estimate(replace(matrix, given=given, answers=agents, prompts=prompts, placed=True))

    assert accuracy(found, right) > 0.95 * (1 - share)
    assert (found.posterior.argmax(1) == right)[~none].mean() > 0.95
    assert found.noise[~none].mean() < priors.DOUBTFUL


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_noise_that_shows_in_some_samples_is_expected_where_it_cannot(rate: float) -> None:
    matrix, right = drawn(6, rate, skill=0.0)
    agents = {name: guessing(seed, right, 0.5, 0.0) for seed, name in enumerate(("base", "reasoning"))}
    closed = numpy.arange(SAMPLES) < SAMPLES // 4
    wrong = matrix.given != right
    given = numpy.where(wrong & closed, -1, matrix.given)

    found = estimate(replace(matrix, given=given, answers=agents, prompts=None, closed=closed))

    assert found.noise[~closed].mean() == pytest.approx(wrong[~closed].mean(), abs=0.05)
    assert found.noise[closed & ~wrong].mean() < 0.15
    assert (found.weights["valid"][~closed] == 0).all()


def test_candidates_of_its_own_are_all_that_a_sample_can_have() -> None:
    matrix, right = drawn(5, 0.3, skill=0.6)
    sizes = numpy.where(right < 2, 2, 3)
    given = numpy.where(matrix.given < sizes, matrix.given, 0)
    answers = {name: numpy.where(said < sizes, said, -1) for name, said in matrix.answers.items()}

    found = estimate(LabelMatrix(given, answers, matrix.verdicts, sizes))

    assert (found.posterior[sizes == 2, 2] == 0).all()
    numpy.testing.assert_allclose(found.posterior.sum(1), 1)


def test_a_judge_that_is_right_counts() -> None:
    matrix, right = drawn(6, 0.3, skill=0.5)
    clean = matrix.given == right
    plain = LabelMatrix(matrix.given, matrix.answers, matrix.verdicts, matrix.sizes)
    judged = LabelMatrix(matrix.given, matrix.answers, clean.astype(numpy.int64), matrix.sizes)

    assert area(estimate(judged).noise, ~clean) > area(estimate(plain).noise, ~clean)


def test_where_nothing_can_be_learned_two_agents_outvote_a_label() -> None:
    given, said = numpy.array([0, 1, 0]), numpy.array([0, 0, 1])
    few = LabelMatrix(given, {"base": said, "reasoning": said}, numpy.full(3, -1), numpy.full(3, 10))

    noise = estimate(few).noise

    assert noise[0] < 0.5 < min(noise[1], noise[2])


def test_one_sample_without_views_is_judged_by_what_is_common() -> None:
    alone = LabelMatrix(numpy.array([0]), {}, numpy.array([-1]), numpy.array([4]))

    assert 0 < estimate(alone).noise[0] < 1


@pytest.mark.parametrize(("repeats", "believed"), [(True, 1), (False, 2)])
def test_a_second_look_overrules_the_agents_only_where_another_model_takes_it(
    repeats: bool, believed: int
) -> None:
    right = numpy.full((20, 10), 0.1 / 8)
    right[:, 1], right[:, 2] = 0.8, 0.1
    reviewed = numpy.array([2, 2, *[1] * 17, -1])
    unasked = numpy.full(20, -1)
    matrix = LabelMatrix(numpy.zeros(20, dtype=numpy.int64), {}, unasked, numpy.full(20, 10))

    after = update(
        matrix, Estimate(right, 1 - right[:, 0], {}, {}, (0.0, 1.0)), reviewed, numpy.full(20, repeats)
    )

    assert after[0].argmax() == believed
    assert after[5, 1] > 0.8
    numpy.testing.assert_allclose(after[19], right[19])
