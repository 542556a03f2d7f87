import pytest

from stores.records import ClassShare
from training.balance import BalanceTally, off_balance


def tally_of(**classes: tuple[int, float]) -> BalanceTally:
    tally = BalanceTally()
    for name, (count, weight) in classes.items():
        for _ in range(count):
            tally.add(name, weight)
    return tally


def test_a_class_has_its_share_of_the_data_and_of_the_weight_that_is_trained_on() -> None:
    shares = tally_of(good=(60, 1.0), bad=(40, 0.5)).report()
    assert shares == {
        "bad": ClassShare(data=0.4, training=0.25),
        "good": ClassShare(data=0.6, training=0.75),
    }


def test_nothing_is_told_of_few_samples_or_before_training() -> None:
    assert tally_of(good=(60, 1.0), rare=(19, 0.0)).report().keys() == {"good"}
    assert tally_of(good=(60, 0.0)).report() == {}
    assert BalanceTally().report() == {}


@pytest.mark.parametrize(
    ("training", "told"),
    [(0.13, False), (0.19, False), (0.195, True), (0.087, False), (0.08, True), (0.0, True)],
)
def test_a_class_is_off_where_its_shares_differ_one_and_a_half_times(training: float, told: bool) -> None:
    assert bool(off_balance({"spam": ClassShare(data=0.13, training=training)})) == told


def test_classes_off_are_told_the_rarest_in_training_first() -> None:
    shares = {
        "a": ClassShare(data=0.13, training=0.22),
        "b": ClassShare(data=0.3, training=0.3),
        "c": ClassShare(data=0.2, training=0.1),
    }
    assert off_balance(shares) == [
        "c is 10 % of the training set and 20 % of the data",
        "a is 22 % of the training set and 13 % of the data",
    ]
