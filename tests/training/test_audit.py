"""Intervals of an audit: plain where nothing was predicted, narrower where something was, and honest."""

import numpy
import pytest

from training.audit import audit_figures, estimate_share
from training.calibration.arrays import Reals


def told(ones: int, zeros: int) -> Reals:
    return numpy.repeat([1.0, 0.0], [ones, zeros])


def test_without_predictions_the_interval_is_wilsons() -> None:
    # Of 4 in 40, as tables have it; the group is so large that checking it changes nothing.
    share = estimate_share(told(4, 36), numpy.zeros(40), numpy.zeros(10**7))
    assert (share.value, share.checked) == (0.1, 40)
    assert (share.low, share.high) == pytest.approx((0.0396, 0.2305), abs=1e-4)


@pytest.mark.parametrize("ones", [0, 40])
def test_an_interval_has_a_width_where_all_that_was_checked_are_alike(ones: int) -> None:
    share = estimate_share(told(ones, 40 - ones), numpy.zeros(40), numpy.zeros(400))
    assert share.value == ones / 40
    assert 0.05 < share.high - share.low < 0.12
    assert 0 <= share.low <= share.high <= 1


def test_what_is_checked_whole_is_known() -> None:
    assert estimate_share(told(3, 7), numpy.zeros(10), numpy.zeros(0))[:3] == (0.3, 0.3, 0.3)
    half = estimate_share(told(3, 7), numpy.zeros(10), numpy.zeros(10))
    far = estimate_share(told(3, 7), numpy.zeros(10), numpy.zeros(1000))
    assert half.high - half.low < far.high - far.low


def test_what_nobody_checked_is_unknown() -> None:
    assert estimate_share(told(0, 0), numpy.zeros(0), numpy.zeros(5)) == (None, 0.0, 1.0, 0)


def test_predictions_that_tell_make_the_interval_narrower() -> None:
    wrong = told(20, 60)
    good = numpy.where(wrong == 1, 0.9, 0.1)
    rest = told(200, 600) * 0.8 + 0.1
    with_them, without = estimate_share(wrong, good, rest), estimate_share(wrong, wrong * 0, rest * 0)
    assert with_them.high - with_them.low < 0.5 * (without.high - without.low)
    assert with_them.value == pytest.approx(0.25, abs=1e-9)


def test_predictions_shift_a_share_to_what_they_say_of_the_others() -> None:
    # The audit happened to draw more wrong ones than there are, and the predictions know.
    wrong = told(40, 40)
    share = estimate_share(wrong, 0.1 + 0.8 * wrong, 0.1 + 0.8 * told(200, 600))
    assert share.value == pytest.approx(240 / 880, abs=0.01)


def test_wrong_predictions_cannot_bias_a_share() -> None:
    random = numpy.random.default_rng(3)
    truth = (random.random(5000) < 0.2).astype(float)
    nonsense = random.random(5000)
    estimates = []
    for _ in range(300):
        drawn = random.permutation(5000)
        checked, rest = drawn[:100], drawn[100:]
        share = estimate_share(truth[checked], nonsense[checked], nonsense[rest])
        estimates.append(share.value or 0.0)
    assert float(numpy.mean(estimates)) == pytest.approx(truth.mean(), abs=0.01)


def test_the_figures_of_an_audit_are_those_of_the_run_where_all_is_checked() -> None:
    noisy = numpy.array([True, True, True, False, False])
    wrong = numpy.array([1.0, 1.0, 0.0, 1.0, 0.0])
    right = numpy.array([1.0, 0.0, 1.0, 0.0, 0.0])
    found = audit_figures(noisy, wrong, numpy.ones(5, dtype=bool), None, noisy, right)
    assert [figure.value for figure in found] == pytest.approx([3 / 5, 2 / 3, 2 / 3, 2 / 3])
    assert all(figure.high - figure.low < 1e-9 for figure in found)


def test_recall_is_unknown_where_only_one_verdict_was_checked() -> None:
    noisy = numpy.array([True] * 5 + [False] * 95)
    checked = numpy.array([True] * 5 + [False] * 95)
    found = audit_figures(noisy, numpy.ones(100), checked, None, noisy, numpy.ones(100))
    assert found.precision.value == 1
    assert found.recall.value is None
    assert found.recall.high - found.recall.low > 0.9
