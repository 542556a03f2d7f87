"""How often the intervals of an audit hold the truth, over simulated runs and audits.

    python benchmarks/audits.py [--audits 1000] [--seed 1] [--samples 1000] [--checked 40 200]

A run is drawn: which responses are wrong, how likely the run finds each wrong, its verdicts, and which of its
new responses are right. An audit checks a random part of its samples. `training.audit` tells the figures,
and an interval either holds the truth of that run or does not. Noise is 2, 10, 30 and 50 %. The verdicts know
nothing, little or much; or they know much, and the probabilities are far too high.

Prints JSON. For each figure, how often its 95 % intervals hold the truth, and how wide they are: over all
settings, for each size of an audit, and for each size, noise and quality. An audit that checked nothing that
tells a figure does not count for it; `audits` is how many did. `plain_width` is that of Wilson's interval of
the noise rate from the checked samples alone.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy
from numpy.random import Generator

from training.audit import Share, audit_figures, estimate_share
from training.calibration.arrays import Bools, Reals

NOISE = (0.02, 0.1, 0.3, 0.5)
QUALITIES = {"nothing": 0.0, "little": 1.0, "much": 3.0, "much, too high": 3.0}
"""How far apart the noise probabilities of wrong and right responses are, in logits."""
_TOO_HIGH = 2.0
_SPREAD = 1.5
_REPAIRED = 0.7


class Simulated(NamedTuple):
    """A run whose truth is known; all are of its n samples."""

    wrong: Reals
    noise: Reals
    noisy: Bools
    right: Reals

    def truth(self) -> dict[str, float | None]:
        """Return what the figures of an audit estimate; None where the run has nothing of it."""
        wrong, noisy = self.wrong.astype(bool), self.noisy
        return {
            "noise_rate": float(wrong.mean()),
            "precision": float(wrong[noisy].mean()) if noisy.any() else None,
            "recall": float(noisy[wrong].mean()) if wrong.any() else None,
            "repairs": float(self.right[noisy].mean()) if noisy.any() else None,
        }


class Audited(NamedTuple):
    """One figure of one audit."""

    setting: tuple[int, float, str]
    figure: str
    truth: float
    share: Share
    plain_width: float

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        return self.share.low - 1e-9 <= self.truth <= self.share.high + 1e-9


def simulate(noise: float, quality: str, samples: int, random: Generator) -> Simulated:
    """Draw a run of so many samples: wrong responses, noise probabilities, verdicts and new responses."""
    wrong = random.random(samples) < noise
    apart = QUALITIES[quality]
    logits = numpy.log(noise / (1 - noise)) + random.normal(0, _SPREAD, samples) * (apart > 0)
    logits = logits + apart * (wrong - 0.5) + (_TOO_HIGH if quality.endswith("too high") else 0.0)
    if apart == 0:
        logits = logits + random.normal(0, _SPREAD, samples)
    told = 1 / (1 + numpy.exp(-logits))
    # As many are called noisy as the probabilities say.
    noisy = told >= numpy.quantile(told, 1 - min(float(told.mean()), 0.9))
    right = (random.random(samples) < numpy.where(wrong, _REPAIRED, 1 - _REPAIRED)).astype(float)
    return Simulated(wrong.astype(float), told, noisy, right)


def audit(run: Simulated, checked: int, random: Generator) -> dict[str, Share]:
    """Return the figures of an audit that checks so many samples at random."""
    chosen = numpy.zeros(len(run.wrong), dtype=bool)
    chosen[random.choice(len(chosen), checked, replace=False)] = True
    figures = audit_figures(run.noisy, run.wrong, chosen, run.noise, run.noisy, run.right)
    plain = estimate_share(run.wrong[chosen], run.wrong[chosen] * 0, run.wrong[~chosen] * 0)
    return {**figures._asdict(), "plain": plain}


def audits(
    count: int, samples: int, sizes: Sequence[int], noises: Sequence[float], seed: int
) -> Iterator[Audited]:
    """Yield every figure of so many audits in each setting; each audit is of a run of its own."""
    for place, (checked, noise, quality) in enumerate(product(sizes, noises, QUALITIES)):
        random = numpy.random.default_rng([seed, place])
        for _ in range(count):
            run = simulate(noise, quality, samples, random)
            truth, shares = run.truth(), audit(run, checked, random)
            plain = shares.pop("plain")
            for figure, share in shares.items():
                known = truth[figure]
                if known is not None and share.value is not None:
                    width = plain.high - plain.low
                    yield Audited((checked, noise, quality), figure, known, share, width)


def report(found: Sequence[Audited]) -> dict[str, Any]:
    """Return how often the intervals of each figure hold the truth."""
    groups: dict[str, dict[str, list[Audited]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        checked, noise, quality = one.setting
        places = (
            "all",
            f"{checked} checked",
            f"{checked} checked, {noise:.0%} noise, verdicts know {quality}",
        )
        for place in places:
            groups[place][one.figure].append(one)
    return {
        place: {figure: _figures(ones) for figure, ones in figures.items()}
        for place, figures in groups.items()
    }


def _figures(found: Sequence[Audited]) -> dict[str, float]:
    holds = numpy.array([one.holds for one in found])
    widths = [one.share.high - one.share.low for one in found]
    plain = {"plain_width": round(float(numpy.mean([one.plain_width for one in found])), 3)}
    return {
        "holds": round(float(holds.mean()), 4),
        "width": round(float(numpy.mean(widths)), 3),
        "audits": len(found),
        **(plain if found[0].figure == "noise_rate" else {}),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checked", type=int, nargs="+", default=[40, 200])
    parser.add_argument("--noise", type=float, nargs="+", default=list(NOISE))
    given = parser.parse_args()
    found = list(audits(given.audits, given.samples, given.checked, given.noise, given.seed))
    print(json.dumps(report(found), indent=2))


if __name__ == "__main__":
    main()
