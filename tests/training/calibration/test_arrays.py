import numpy
import pytest

from training.calibration.arrays import normalised, one_hot, places_of, robust_deviation, softmax


def test_a_missing_number_is_a_row_of_zeros() -> None:
    assert one_hot(numpy.array([1, -1]), 3).tolist() == [[0, 1, 0], [0, 0, 0]]


def test_rows_sum_up_to_one_however_large_their_logarithms_are() -> None:
    numpy.testing.assert_allclose(softmax(numpy.array([[1e4, 1e4], [-1e4, 0.0]])), [[0.5, 0.5], [0, 1]])
    numpy.testing.assert_allclose(normalised(numpy.array([[True, True, False]])), [[0.5, 0.5, 0]])


def test_a_number_stands_at_its_first_place_or_nowhere() -> None:
    numbers = numpy.array([[4, 7, -1], [4, 7, 7], [-2, 4, -1]])

    assert places_of(numbers, numpy.array([7, 7, 7])).tolist() == [1, 1, -1]
    assert places_of(numbers, numpy.array([-1, 5, -2])).tolist() == [-1, -1, -1]


def test_the_deviation_of_a_normal_distribution_is_found_from_its_median_deviation() -> None:
    drawn = numpy.random.default_rng(0).normal(0, 2, 100_000)

    assert float(robust_deviation(numpy.median(numpy.abs(drawn)))) == pytest.approx(2, abs=0.03)
