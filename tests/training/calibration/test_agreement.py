"""Whether a model's answers and the labels have anything to do with each other."""

import pytest

from training.calibration.agreement import AgreementTally


def tally(agreed: int, n: int, options: int = 4) -> AgreementTally:
    counted = AgreementTally()
    for at in range(n):
        counted.add(agreed=at < agreed, options=options)
    return counted


@pytest.mark.parametrize(
    ("agreed", "n", "options", "above"),
    [
        (25, 100, 4, False),
        (33, 100, 4, False),
        (34, 100, 4, True),
        (0, 100, 4, False),
        (50, 100, 2, False),
        (61, 100, 2, True),
        (30, 30, 2, True),
        (0, 30, 0, False),
        (1, 30, 0, True),
    ],
)
def test_more_than_two_deviations_of_guessing_is_knowledge(
    agreed: int, n: int, options: int, above: bool
) -> None:
    report = tally(agreed, n, options).report()
    assert report is not None
    assert report.above_chance is above
    assert (report.n, report.agreed) == (n, agreed / n)
    assert report.by_chance == pytest.approx(1 / options if options else 0)


def test_a_few_samples_tell_nothing() -> None:
    assert tally(29, 29).report() is None


def test_open_answers_that_are_met_outweigh_options_that_are_not() -> None:
    counted = tally(15, 30, options=2)
    for at in range(60):
        counted.add(agreed=at < 40, options=0)
    report = counted.report()
    assert report is not None
    assert report.above_chance
