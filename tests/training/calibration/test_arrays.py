import numpy

from training.calibration.arrays import normalised, one_hot, softmax


def test_a_missing_number_is_a_row_of_zeros() -> None:
    assert one_hot(numpy.array([1, -1]), 3).tolist() == [[0, 1, 0], [0, 0, 0]]


def test_rows_sum_up_to_one_however_large_their_logarithms_are() -> None:
    numpy.testing.assert_allclose(softmax(numpy.array([[1e4, 1e4], [-1e4, 0.0]])), [[0.5, 0.5], [0, 1]])
    numpy.testing.assert_allclose(normalised(numpy.array([[True, True, False]])), [[0.5, 0.5, 0]])
