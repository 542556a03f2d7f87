from collections import Counter

from training.calibration import priors
from training.calibration.hashes import fold_of, hash_of, share_of

NAMES = [f"sample-{number}" for number in range(5000)]


def test_a_hash_is_the_same_for_ever() -> None:
    # A calibration on disk predicts its samples by the folds of these.
    assert hash_of("sentiment-005") == hash_of("sentiment-005") != hash_of("sentiment-006")
    assert 0 <= hash_of("") < 2**63
    assert hash_of("\ud800") >= 0


def test_shares_and_folds_are_even_and_have_nothing_to_do_with_each_other() -> None:
    few = [name for name in NAMES if share_of(name) < 0.2]

    assert abs(len(few) / len(NAMES) - 0.2) < 0.02
    assert set(Counter(map(fold_of, NAMES))) == set(range(priors.FOLDS))
    for names in (NAMES, few):
        assert max(Counter(map(fold_of, names)).values()) < 1.2 * len(names) / priors.FOLDS
