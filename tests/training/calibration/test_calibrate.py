import numpy
import pytest

from training.calibration.calibrate import noise_threshold


def test_as_many_are_noisy_as_there_seem_to_be() -> None:
    noise = numpy.random.default_rng(0).beta(0.3, 0.7, 1000)

    assert (noise >= noise_threshold(noise)).mean() == pytest.approx(noise.mean(), abs=0.001)


@pytest.mark.parametrize(("doubted", "expected"), [(0.3, 0.3), (0.45, 0.45), (0.7, 0.7)])
def test_those_that_are_doubted_alike_are_judged_alike(doubted: float, expected: float) -> None:
    noise = numpy.where(numpy.arange(100) < 100 * doubted, 0.8, 0.1)

    assert (noise >= noise_threshold(noise)).mean() == expected


def test_none_is_noisy_where_all_are_trusted_alike_and_all_where_none_is() -> None:
    trusted, distrusted = numpy.full(50, 0.3), numpy.full(50, 0.7)

    assert (trusted < noise_threshold(trusted)).all()
    assert (distrusted >= noise_threshold(distrusted)).all()
