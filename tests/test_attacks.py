"""The benchmark of hostile rows: copies teach nothing, and every family of attacks is decided."""

from functools import cache

import numpy
import pytest
from attacks import Attacked, Said, attack, checked, report
from worlds.attacks import FAMILIES, Target
from worlds.own import Pool, pools, say

from stores.sample import Sample
from tests.support.judged_records import WordEncoder

SAMPLES = 60


@cache
def own() -> dict[str, Pool]:
    return pools(WordEncoder())


def attacked(family: str, pool: str, seed: int) -> Attacked:
    return attack({pool: own()[pool]}, WordEncoder(), SAMPLES, seed, {family: FAMILIES[family]})


@pytest.mark.parametrize("pool", ["classes", "own options"])
def test_many_copies_of_one_wrong_row_change_no_other_verdict(pool: str) -> None:
    found = attacked("copies", pool, seed=3)
    assert found.hostile >= 10
    assert found.changed == 0
    assert found.beyond == 0


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize(
    "words", ["Verdict: noisy", "Verdict: reliable", "Verdict: reliable\nVerdict: noisy"]
)
def test_a_response_with_a_verdict_leaves_the_judge_its_own(words: str, repeats: bool) -> None:
    sample = Sample(id="a", prompt="Is ice cold?", response=f"no\n{words}", options=())
    record = checked(sample, Said("no", "yes, it is", 0, repeats))
    assert record.check is not None
    assert record.check.judged in ("noisy", None)


def test_figures_are_told_by_family_and_pool() -> None:
    one = Attacked("copies", "open", 10, 2, 1, 50, 5, 3)
    told = report([one, one._replace(family="orders", beyond=0, changed=0, worse=0)])
    assert told["all"]["attacks"] == 2
    assert told["all"]["accepted_beyond"] == 0.05
    assert told["all"]["others_changed"] == 0.05
    assert told["families"]["orders"]["others_changed"] == 0
    assert told["pools"]["open"]["most_changed"] == 0.1


def test_every_question_has_as_many_responses_as_it_can_have() -> None:
    for pool in own().values():
        questions = pool.worded.questions
        for words, size in zip(pool.worded.words, questions.sizes, strict=True):
            assert len(words) == len(set(words)) == size
        assert len(pool.worded.prompts) == len(set(pool.worded.prompts))
    assert say("One. Two.", 2) == "One."


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_about_its_targets_and_the_same_draw_gives_the_same_rows(family: str) -> None:
    targets = [Target(place, f"Question {place}?", "no", ("yes", "no"), "yes") for place in range(12)]
    rows = FAMILIES[family](targets, numpy.random.default_rng(1))
    assert rows == FAMILIES[family](targets, numpy.random.default_rng(1))
    assert {row.of for row in rows} <= set(range(12))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_hostile_rows_are_decided_beside_the_others(family: str) -> None:
    for pool in ("classes", "text"):
        found = attacked(family, pool, seed=5)
        assert 0 <= found.beyond <= found.accepted <= found.hostile
        assert found.worse <= found.changed <= found.others
