"""Where the fit ends: with what begins it, and with how much it dares to learn."""

from dataclasses import replace

import numpy
import pytest

from training.calibration import priors
from training.calibration.arrays import Numbers
from training.calibration.em import fit_sources
from training.calibration.label_matrix import LabelMatrix

SAMPLES = 300
CLASSES = 3
ROWS = numpy.arange(SAMPLES)


def drawn(skill: float, rate: float, *, told: bool) -> tuple[LabelMatrix, Numbers]:
    """Prompts in three clouds, or anywhere; two agents of one skill; responses wrong at a rate."""
    random = numpy.random.default_rng(0)
    right = random.integers(0, CLASSES, SAMPLES)
    centres = 3 * numpy.eye(12)[right] if told else numpy.zeros((SAMPLES, 12))
    prompts = centres + random.normal(size=(SAMPLES, 12))
    prompts /= numpy.linalg.norm(prompts, axis=1, keepdims=True)
    answers = {
        name: numpy.where(random.random(SAMPLES) < skill, right, random.integers(0, CLASSES, SAMPLES))
        for name in ("base", "reasoning")
    }
    given = numpy.where(random.random(SAMPLES) < rate, (right + 1) % CLASSES, right)
    sizes = numpy.full(SAMPLES, CLASSES)
    return LabelMatrix(given, answers, numpy.full(SAMPLES, -1), sizes, prompts), right


def test_where_prompts_tell_agents_better_most_responses_may_be_wrong() -> None:
    matrix, right = drawn(skill=0.5, rate=0.0, told=True)
    given = numpy.random.default_rng(1).integers(0, CLASSES, SAMPLES)

    fit = fit_sources(replace(matrix, given=given), ROWS)

    assert fit.by_prompts
    assert (fit.posterior.argmax(1) == right).mean() > 0.9


def test_where_prompts_tell_the_responses_agents_that_all_err_in_one_way_change_none() -> None:
    matrix, right = drawn(skill=0.9, rate=0.0, told=True)
    swapped = {name: numpy.where(said == 2, said, 1 - said) for name, said in matrix.answers.items()}

    fit = fit_sources(replace(matrix, answers=swapped), ROWS)

    assert (fit.posterior.argmax(1) == right).mean() > 0.98


def test_prompts_that_tell_nothing_are_no_source() -> None:
    matrix, right = drawn(skill=0.8, rate=0.2, told=False)

    fit = fit_sources(matrix, ROWS)

    assert not fit.by_prompts
    assert (fit.posterior.argmax(1) == right).mean() >= (matrix.given == right).mean()


def test_prompts_that_tell_the_responses_alone_are_a_source() -> None:
    matrix, _ = drawn(skill=0.0, rate=0.1, told=True)

    fit = fit_sources(replace(matrix, answers={}), ROWS)

    assert fit.by_prompts
    assert {source.name for source in fit.sources} == {"label"}


def test_a_sample_is_never_believed_to_have_a_candidate_that_it_has_not() -> None:
    matrix, _ = drawn(skill=0.8, rate=0.2, told=False)
    sizes = numpy.where(ROWS % 2, 2, 3)
    fewer = replace(matrix, sizes=sizes, prompts=None, given=numpy.minimum(matrix.given, sizes - 1))

    posterior = fit_sources(fewer, ROWS).posterior

    assert (posterior[sizes == 2, 2] == 0).all()
    numpy.testing.assert_allclose(posterior.sum(1), 1)


@pytest.mark.parametrize("told", [True, False])
def test_only_the_rows_asked_for_are_learned_from(told: bool) -> None:
    matrix, _ = drawn(skill=0.6, rate=0.3, told=told)
    rows = numpy.arange(0, SAMPLES, 2)
    spoiled = matrix.given.copy()
    spoiled[1::2] = 0

    fits = [fit_sources(replace(matrix, given=given), rows) for given in (matrix.given, spoiled)]

    assert fits[0].posterior.shape == (len(rows), CLASSES)
    numpy.testing.assert_array_equal(fits[0].posterior, fits[1].posterior)


def test_a_rate_that_nothing_tells_is_said_to_be_anywhere() -> None:
    matrix, _ = drawn(skill=0.0, rate=0.5, told=False)
    told, _ = drawn(skill=0.6, rate=0.1, told=True)

    least, most = fit_sources(replace(matrix, prompts=None), ROWS).noise_interval

    assert least < 0.02
    assert most > 0.6
    least, most = fit_sources(told, ROWS).noise_interval
    assert least < 0.1 < most < 0.3


def test_trusted_responses_tell_what_nothing_else_can() -> None:
    """Both agents repeat one error in half of the prompts, and look better than the responses."""
    matrix, right = drawn(skill=1.0, rate=0.0, told=False)
    error = numpy.random.default_rng(2).random(SAMPLES) < 0.5
    same = numpy.where(error, (right + 1) % CLASSES, right)
    misled = replace(matrix, prompts=None, answers={"base": same, "reasoning": same})
    checked = numpy.where(ROWS < 40, right, -1)

    alone, trusting = (fit_sources(replace(misled, trusted=trust), ROWS) for trust in (None, checked))

    assert alone.noise_interval[1] > 0.4
    assert trusting.noise_interval[1] < 0.2
    assert (trusting.posterior[ROWS, right] > 0.8).mean() > 0.95
    assert (trusting.posterior[:40].argmax(1) == right[:40]).all()


def test_where_most_responses_look_wrong_it_is_learned_which_is_taken_for_which() -> None:
    matrix, _ = drawn(skill=0.5, rate=0.0, told=True)
    given = numpy.random.default_rng(1).integers(0, CLASSES, SAMPLES)

    confused = fit_sources(replace(matrix, given=given), ROWS)

    assert confused.rates is None
    assert confused.noise_interval == (0.0, 1.0)
    assert fit_sources(matrix, ROWS).rates is not None


def test_without_annotations_a_noise_rate_is_that_of_the_given_responses() -> None:
    matrix, _ = drawn(skill=0.8, rate=0.2, told=False)

    fit = fit_sources(matrix, ROWS)

    assert fit.noise_rates.tolist() == list(priors.NOISE_RATES)
    assert fit.deviation == 0
    assert "annotators" not in {source.name for source in fit.sources}


def test_where_all_are_trusted_what_is_learned_is_finite() -> None:
    matrix, right = drawn(skill=0.8, rate=0.0, told=False)
    for given in (right, (right + 1) % CLASSES):
        fit = fit_sources(replace(matrix, prompts=None, given=given, trusted=right), ROWS)
        learned = [source.fit(fit.posterior, ROWS).log_likelihood(ROWS) for source in fit.sources]
        assert all(numpy.isfinite(part).all() for part in learned)
