"""Plausibility is believed as far as turned facts show, and not at all where they show nothing."""

import numpy
import pytest

from training.calibration import priors
from training.calibration.arrays import Reals
from training.calibration.facts import FactSight, Plausibility, auc, see_facts


def drawn(
    fall: float, samples: int = 200, wrong: float = 0.0, seed: int = 0
) -> tuple[Plausibility, numpy.ndarray]:
    """Two views of right and wrong responses; the longer a response, the lower both."""
    random = numpy.random.default_rng(seed)
    bad = random.random(samples) < wrong
    lengths = random.uniform(20, 500, samples)
    shared = random.normal(0, 0.7, samples)
    views = [shared + random.normal(0, 0.7, samples) - fall * bad - 2 * numpy.log(lengths) for _ in range(2)]
    return Plausibility(numpy.column_stack([*views, numpy.full(samples, numpy.nan)]), lengths), bad


def pairs(data: Plausibility, fall: float, seed: int = 1) -> tuple[Plausibility, Plausibility]:
    chosen = slice(0, 20)
    noise = numpy.random.default_rng(seed).normal(0, 0.3, (20, 3))
    original = Plausibility(data.scores[chosen], data.lengths[chosen])
    return original, Plausibility(original.scores - fall + noise, original.lengths)


def seen(data: Plausibility, fall: float, seed: int = 1) -> FactSight:
    found = see_facts(*pairs(data, fall, seed))
    assert found is not None
    return found


def weighed(sight: FactSight, data: Plausibility) -> Reals:
    facts = sight.learn(data)
    return numpy.zeros(len(data)) if facts is None else facts.weights(data)


def test_a_clear_fall_is_seen_and_ranks_wrong_responses_below_right_ones() -> None:
    data, bad = drawn(2.5, wrong=0.1)
    sight = seen(data, 2.5)
    weights = weighed(sight, data)

    assert sight.sees
    assert 0.5 < sight.low <= sight.auc <= sight.high
    assert auc(weights[~bad], weights[bad]) > 0.9


@pytest.mark.parametrize("seed", range(8))
def test_a_fall_that_chance_may_make_is_not_believed(seed: int) -> None:
    data, _ = drawn(0.0, seed=seed)
    sight = seen(data, 0.0, seed)

    assert not sight.sees or sight.auc < 0.8
    assert (weighed(sight, data) == 0).all() or numpy.abs(weighed(sight, data)).max() < 2


def test_clean_data_keep_their_verdicts() -> None:
    flagged = []
    for seed in range(20):
        data, _ = drawn(2.5, seed=seed)
        score = weighed(seen(data, 2.5, seed), data) + numpy.log(1 / priors.FACTS_WRONG - 1)
        noise = 1 / (1 + numpy.exp(score))
        flagged.append((noise >= priors.DOUBTFUL).mean())
    assert numpy.mean(flagged) < 0.02
    assert max(flagged) < 0.05


def test_length_is_not_taken_for_a_wrong_fact() -> None:
    data, _ = drawn(2.5)
    weights = weighed(seen(data, 2.5), data)
    assert abs(numpy.corrcoef(weights, numpy.log(data.lengths))[0, 1]) < 0.2


def test_a_view_that_is_silent_says_nothing() -> None:
    data, _ = drawn(2.5)
    scores = data.scores.copy()
    scores[:5] = numpy.nan
    sight = seen(data, 2.5)
    assert (weighed(sight, Plausibility(scores, data.lengths))[:5] == 0).all()
    assert sight.slopes[2] == 0


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_pairs_tell_nothing(count: int) -> None:
    data, _ = drawn(2.5)
    few = [Plausibility(part.scores[:count], part.lengths[:count]) for part in pairs(data, 2.5)]
    assert see_facts(few[0], few[1]) is None


def test_no_responses_are_no_plausibility() -> None:
    assert len(Plausibility.of([])) == 0
    assert Plausibility.of([[1.0, 2.0, 30.0]]).lengths.tolist() == [30.0]


def test_a_response_alone_weighs_what_it_weighs_among_others() -> None:
    data, _ = drawn(2.5, wrong=0.1)
    facts = seen(data, 2.5).learn(data)
    assert facts is not None
    among = facts.weights(data)
    alone = [
        facts.weights(Plausibility(data.scores[row : row + 1], data.lengths[row : row + 1]))
        for row in range(9)
    ]
    assert numpy.concatenate(alone) == pytest.approx(among[:9], abs=1e-9)
    assert len(facts.weights(Plausibility.of([]))) == 0


def test_of_no_responses_nothing_is_learned() -> None:
    data, _ = drawn(2.5)
    assert seen(data, 2.5).learn(Plausibility.of([])) is None
