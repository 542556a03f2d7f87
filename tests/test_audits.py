"""The benchmark of audits: the intervals hold the truth as often as they say."""

import numpy
import pytest
from audits import NOISE, QUALITIES, audits, report, simulate


@pytest.mark.parametrize("checked", [40, 200])
def test_intervals_hold_the_truth_in_93_to_97_percent_of_audits(checked: int) -> None:
    # 100 audits in each of 16 settings; 1,600 of one coverage differ by 0.5 % (a standard deviation).
    found = report(list(audits(100, 1000, [checked], NOISE, seed=7)))["all"]
    for figure in ("noise_rate", "precision", "recall", "repairs"):
        assert 0.93 <= found[figure]["holds"] <= 0.97, figure
    assert found["noise_rate"]["width"] < found["noise_rate"]["plain_width"]


def test_a_drawn_run_has_the_noise_and_the_quality_that_it_was_drawn_with() -> None:
    random = numpy.random.default_rng(0)
    told = {name: simulate(0.3, name, 20_000, random) for name in QUALITIES}
    for run in told.values():
        assert run.wrong.mean() == pytest.approx(0.3, abs=0.02)
    gap = {
        name: run.noise[run.wrong == 1].mean() - run.noise[run.wrong == 0].mean()
        for name, run in told.items()
    }
    assert abs(gap["nothing"]) < 0.02 < gap["little"] < gap["much"]
    assert told["much, too high"].noise.mean() > told["much"].noise.mean() + 0.1
