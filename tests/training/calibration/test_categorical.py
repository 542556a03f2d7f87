import numpy

from training.calibration.categorical import CategoricalSource

# A response is given (0) or not (1); what is right is candidate 0 or 1.
GIVEN = numpy.array([[0, 1], [0, 1], [1, 0], [0, 1]])
RIGHT = numpy.array([[1.0, 0], [1, 0], [1, 0], [1, 0]])
ROWS = numpy.arange(4)


def test_a_patterns_probability_is_its_share_of_its_group_with_the_prior_as_samples() -> None:
    source = CategoricalSource("s", GIVEN, numpy.array([0, 0]), numpy.array([1.0, 1.0]))

    fitted = source.fit(RIGHT, ROWS)

    numpy.testing.assert_allclose(numpy.exp(fitted.logarithms), [4 / 6, 2 / 6])
    numpy.testing.assert_allclose(fitted.log_likelihood(ROWS), fitted.logarithms[GIVEN])


def test_patterns_of_different_groups_do_not_share_a_probability() -> None:
    source = CategoricalSource("s", GIVEN, numpy.array([0, 1]), numpy.array([1.0, 1.0]))

    assert source.fit(RIGHT, ROWS).log_likelihood(ROWS).tolist() == [[0, 0]] * 4


def test_a_pattern_that_stands_for_several_observations_is_that_much_less_likely() -> None:
    plain = CategoricalSource("s", GIVEN, numpy.array([0, 0]), numpy.array([1.0, 1.0]))
    three = CategoricalSource(
        "s", GIVEN, numpy.array([0, 0]), numpy.array([1.0, 1.0]), alternatives=numpy.log(3) * GIVEN
    )

    difference = plain.fit(RIGHT, ROWS).log_likelihood(ROWS) - three.fit(RIGHT, ROWS).log_likelihood(ROWS)

    numpy.testing.assert_allclose(difference, numpy.log(3) * GIVEN)


def test_the_log_prior_is_greatest_where_what_was_learned_is_what_was_believed() -> None:
    source = CategoricalSource("s", GIVEN, numpy.array([0, 0]), numpy.array([3.0, 1.0]))

    as_believed, otherwise = (source.fit(right, ROWS) for right in (RIGHT, 1 - RIGHT))

    assert as_believed.log_prior > otherwise.log_prior


def test_a_fixed_source_learns_nothing_and_its_belief_costs_nothing() -> None:
    source = CategoricalSource("s", GIVEN, numpy.array([0, 0]), numpy.array([0.9, 0.1]), fixed=True)

    for right in (RIGHT, 1 - RIGHT):
        fitted = source.fit(right, ROWS)
        numpy.testing.assert_allclose(numpy.exp(fitted.logarithms), [0.9, 0.1])
        assert fitted.log_prior == 0
