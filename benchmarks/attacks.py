"""What hostile rows do to the verdicts on other rows, over drawn attacks.

    python benchmarks/attacks.py [--attacks 200] [--seed 1] [--samples 90] [--workers 1]
        [--control]

The texts are RobustFT's own (`worlds/own.py`), whose prompts do not give the response away. What the agents
and the judge know is drawn as in `harm.py`, and the functions of a run decide. The judge says its verdict in
words, which a run's parser reads; one time in three it repeats the response first.

Each attack adds rows of one family (`worlds/attacks.py`) to a set with 5 to 30 % noise. It is compared with
the set alone, and with the set beside the same wrong rows without the trick, each once ("plain").

Prints JSON, over all attacks and by family and pool:

- hostile rows that are accepted (called clean, so that they are trained on as given), those of them that are
  not accepted without the trick ("beyond");
- the share of the other samples whose verdict is neither that of the set alone nor that beside the plain
  rows, and how many of those changes are for the worse.

With `--control` honest rows are added in the place of hostile ones: any rows move undecided verdicts.

Choose no setting on the seed whose figures are reported.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
from langchain_core.embeddings import Embeddings
from numpy.random import Generator
from worlds.asked import asked_in_doubt
from worlds.attacks import FAMILIES, FEW, IN_FEW, MANY, Family, Hostile, Target, honest
from worlds.draw import draw_agents, draw_world, judge, labels
from worlds.own import Memory, Pool, pools, say
from worlds.written import VIEWS

from agents.agent import Reply, Usage
from agents.base import Prediction
from agents.checker import VARIABLES, Checker, CheckerConfig
from agents.reasoner import Turn
from agents.record import SampleRecord
from prompts.template import QuestionTemplate
from stores.encoder import EncoderConfig, load_encoder
from stores.sample import Sample
from training.calibration.arrays import Bools, Numbers
from training.calibration.calibrate import calibrate, calibrated
from training.calibration.measures import Measures

NOISE = (0.05, 0.1, 0.2, 0.3)
CONTROL = {"honest rows": honest}
_REPEATS = 1 / 3
_VERDICTS = ("noisy", "reliable")


class Attacked(NamedTuple):
    """What one attack did.

    Args:
        family: of the attack.
        pool: that it was made on.
        hostile: how many rows it added.
        accepted: how many of them are called clean.
        beyond: how many of those are not, without the trick.
        others: how many other samples there are.
        changed: how many of their verdicts are neither those of the set alone nor those beside plain rows.
        worse: how many of those were right.
    """

    family: str
    pool: str
    hostile: int
    accepted: int
    beyond: int
    others: int
    changed: int
    worse: int


class Said(NamedTuple):
    """What is said of one question: by the base agent, by the reasoner and by the judge (1 reliable)."""

    base: str | None
    reasoning: str | None
    verdict: int
    repeats: bool


class _Judge:
    """Stands for the judge's model: says one verdict in words."""

    def __init__(self, verdict: str, repeated: str | None) -> None:
        self._said = (
            f"The response says:\n{repeated}\n" if repeated is not None else "I have thought of it.\n"
        )
        self._verdict = verdict

    async def ask(self, turns: object, **settings: object) -> Reply:
        """Return the reply."""
        return Reply(text=f"{self._said}\nVerdict: {self._verdict}", usage=Usage())


@cache
def _prompt() -> QuestionTemplate:
    return QuestionTemplate("check", VARIABLES)


def checked(sample: Sample, said: Said) -> SampleRecord:
    """Return a sample as detection leaves it."""
    role: Any = _Judge(_VERDICTS[said.verdict], sample.response if said.repeats else None)
    checker = Checker(role, _prompt(), CheckerConfig())
    check = asyncio.run(checker.check(sample, dict(zip(VIEWS, said[:2], strict=True))))
    turn = Turn(role="reason", reply=said.reasoning or "", answer=said.reasoning)
    base = Prediction(answer=said.base, reply=said.base or "")
    return SampleRecord(sample=sample, base=base, turns=[turn], check=check)


def decided(records: Sequence[SampleRecord], encoder: Embeddings) -> Bools:
    """Return which samples a run calls clean (n)."""
    measures = Measures(encoder)
    asked = asked_in_doubt(records, measures)
    fitted = calibrate(lambda: asked, measures, VIEWS)
    judged = calibrated(lambda: asked, measures, fitted)
    return numpy.array([record.check is not None and record.check.clean for record in judged])


def attack(
    every: dict[str, Pool],
    encoder: Embeddings,
    samples: int,
    seed: int,
    families: Mapping[str, Family] = FAMILIES,
) -> Attacked:
    """Draw a set and an attack on it, and decide the set alone, beside plain rows and attacked."""
    random = numpy.random.default_rng(seed)
    family = list(families)[seed % len(families)]
    pool = list(every)[(seed // len(families)) % len(every)]
    samples = min(samples, len(every[pool].worded.prompts) - max(MANY))
    drawn = _draw(every[pool], pool, samples, random)
    many = random.random() < 0.5 if family in IN_FEW else True
    count = int(random.choice(MANY if many else FEW))
    # Poisoned neighbours lie beside samples of the set, all others are about further questions.
    around = random.permutation(drawn.clean) if family == "neighbours" else drawn.further
    targets = [drawn.target(int(place), random) for place in around[:count]]
    rows = families[family](targets, random)
    # Beside honest rows there is no trick to take away: one of them is left.
    about = list(dict.fromkeys(row.of for row in rows))[: 1 if family in CONTROL else None]
    wrong = {target.place: target.wrong for target in targets}
    plain = [Hostile(place, drawn.prompts[place] + " ", wrong[place]) for place in about]
    own = [drawn.record(place) for place in range(samples)]
    beside = decided([*own, *drawn.hostile(plain)], encoder)
    under = decided([*own, *drawn.hostile(rows)], encoder)
    before = dict(zip(about, beside[samples:], strict=True))
    changed = under[:samples] != beside[:samples]
    if changed.any():
        # A trick may also take from the plain rows what they change.
        changed &= under[:samples] != decided(own, encoder)
    return Attacked(
        family,
        pool,
        len(rows),
        int(under[samples:].sum()),
        sum(
            bool(now and not before.get(row.of, True)) for row, now in zip(rows, under[samples:], strict=True)
        ),
        samples,
        int(changed.sum()),
        int((changed & (beside[:samples] == drawn.right[:samples])).sum()),
    )


class _Set(NamedTuple):
    """A set that was drawn: samples first, and further questions after them."""

    pool: Pool
    prompts: tuple[str, ...]
    given: Numbers
    said: tuple[Said, ...]
    size: int

    @property
    def right(self) -> Bools:
        """Which given responses are right (n)."""
        found: Bools = self.given == self.pool.worded.questions.right
        return found

    @property
    def clean(self) -> Numbers:
        """The places of the samples whose responses are right."""
        return numpy.flatnonzero(self.right[: self.size])

    @property
    def further(self) -> Numbers:
        """The places of the questions that are no samples."""
        return numpy.arange(self.size, len(self.given))

    def target(self, place: int, random: Generator) -> Target:
        words, right = self.pool.worded.words[place], int(self.pool.worded.questions.right[place])
        # The places of further questions have a wrong response already, of which the judge speaks.
        wrong = int(self.given[place])
        if wrong == right:
            wrong = (right + 1 + int(random.integers(len(words) - 1))) % len(words)
        return Target(place, self.prompts[place], words[wrong], words, words[right])

    def record(self, place: int) -> SampleRecord:
        words = self.pool.worded.words[place]
        given = int(self.given[place])
        sample = Sample(
            id=f"sample-{place}",
            prompt=self.prompts[place],
            response=words[given] if given >= 0 else "none of these at all",
            options=words if self.pool.worded.options else (),
        )
        return checked(sample, self.said[place])

    def hostile(self, rows: Sequence[Hostile]) -> list[SampleRecord]:
        found = []
        for at, row in enumerate(rows):
            options = self.pool.worded.words[row.of] if self.pool.worded.options else ()
            sample = Sample(id=f"hostile-{at}", prompt=row.prompt, response=row.response, options=options)
            said = self.said[row.of]
            # Beside a clean sample the judge finds the wrong response noisy as often as it is right there.
            verdict = 1 - said.verdict if row.of < self.size else said.verdict
            found.append(checked(sample, said._replace(verdict=verdict)))
        return found


def _draw(pool: Pool, name: str, samples: int, random: Generator) -> _Set:
    order = random.permutation(len(pool.worded.prompts))
    worded = pool.worded.take(order)
    questions, size = worded.questions, len(order)
    world = draw_world([name], float(random.choice(NOISE)), random)
    given = labels(world, questions, random)
    moved = (questions.right + 1 + random.integers(0, questions.sizes - 1)) % questions.sizes
    given[samples:] = moved[samples:]
    drawn = draw_agents(questions, world, given, random)
    base, reasoning = drawn.matrix.answers.values()
    verdicts = judge(world, given, base, questions.right, random)
    repeats = random.random(size) < _REPEATS
    ways = random.integers(0, 3, (2, size))

    def text(row: int, number: int, way: int) -> str | None:
        if number < 0:
            return None
        words = worded.words[row][number]
        return say(words, way) if pool.free else words

    said = tuple(
        Said(
            text(row, int(base[row]), int(ways[0, row])),
            text(row, int(reasoning[row]), int(ways[1, row])),
            int(verdicts[row]),
            bool(repeats[row]),
        )
        for row in range(size)
    )
    return _Set(pool._replace(worded=worded), worded.prompts, given, said, samples)


def figures(found: Sequence[Attacked]) -> dict[str, Any]:
    """Return the figures of some attacks."""
    hostile, others = sum(one.hostile for one in found), sum(one.others for one in found)
    return {
        "attacks": len(found),
        "hostile": hostile,
        "accepted": _share(sum(one.accepted for one in found), hostile),
        "accepted_beyond": _share(sum(one.beyond for one in found), hostile),
        "attacks_with_beyond": sum(one.beyond > 0 for one in found),
        "others": others,
        "others_changed": _share(sum(one.changed for one in found), others),
        "for_the_worse": _share(sum(one.worse for one in found), others),
        "most_changed": max(_share(one.changed, one.others) for one in found),
        "attacks_that_change_over_1_percent": sum(one.changed > one.others / 100 for one in found),
    }


def report(found: Iterable[Attacked]) -> dict[str, Any]:
    """Return the figures over all attacks, by family and by pool."""
    every = list(found)
    told: dict[str, Any] = {"all": figures(every), "families": {}, "pools": {}}
    for key, field in (("families", "family"), ("pools", "pool")):
        for name in sorted({getattr(one, field) for one in every}):
            told[key][name] = figures([one for one in every if getattr(one, field) == name])
    return told


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


_ready: dict[str, Any] = {}


def _begin() -> None:
    """Prepare a worker, once."""
    encoder = Memory(load_encoder(EncoderConfig()))
    _ready.update(encoder=encoder, pools=pools(encoder))


def _attack(samples: int, control: bool, seed: int) -> Attacked:
    families = CONTROL if control else FAMILIES
    return attack(_ready["pools"], _ready["encoder"], samples, seed, families)


def _all(arguments: argparse.Namespace) -> Iterator[Attacked]:
    first = arguments.seed * 1_000_000
    seeds = range(first, first + arguments.attacks)
    work = partial(_attack, arguments.samples, arguments.control)
    if arguments.workers == 1:
        _begin()
        yield from map(work, seeds)
        return
    with ProcessPoolExecutor(arguments.workers, initializer=_begin) as executor:
        yield from executor.map(work, seeds, chunksize=4)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attacks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=90)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--control", action="store_true", help="add honest rows instead")
    parser.add_argument("--each", action="store_true", help="print a line for each attack first")
    arguments = parser.parse_args()
    found = []
    for one in _all(arguments):
        found.append(one)
        if arguments.each:
            print(json.dumps(one._asdict()), flush=True)
    print(json.dumps(report(found), indent=2))


if __name__ == "__main__":
    main()
