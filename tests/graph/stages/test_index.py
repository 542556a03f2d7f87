"""The clean samples are made findable, in the dataset's order and as far as all before them are judged."""

import threading

import pytest

from graph.stages.index import index, open_examples, prepare
from graph.stages.stage import Workspace
from graph.state import RunState
from stores.sample import Sample
from tests.graph.stages.conftest import SAMPLES
from tests.support.judged_records import WordEncoder, doubted, record
from tests.support.stages import Ended, run_stage

QUERY = Sample(id="q", prompt="Capital of Norway?", response="Oslo")


def decide(work: Workspace, clean: str = "", noisy: str = "", *, noise: float | None = None) -> None:
    for sample in SAMPLES:
        known = record(sample.response, name=sample.id, prompt=sample.prompt)
        assert known.check is not None
        known = known.model_copy(update={"check": known.check.model_copy(update={"noise": noise})})
        if sample.id in clean + noisy:
            work.journal.record([(known if sample.id in clean else doubted(known)).to_entry()])


def event(*, is_set: bool) -> threading.Event:
    found = threading.Event()
    if is_set:
        found.set()
    return found


async def indexed(work: Workspace, **state: bool) -> Ended:
    return await run_stage(index, RunState(directory=str(work.files.path), **state))  # type: ignore[arg-type]


async def found(work: Workspace) -> list[str]:
    with open_examples(work) as store:
        return sorted(shown.sample.id for shown in await store.nearest(QUERY, 3))


async def test_the_clean_samples_can_be_found_and_no_others(work: Workspace, encoder: WordEncoder) -> None:
    decide(work, clean="ac", noisy="b")
    ended = await indexed(work)
    assert ended.progress[-1][:3] == ("index", 2, 2)
    assert await found(work) == ["a", "c"]


async def test_what_was_indexed_is_not_added_to_but_made_anew(work: Workspace, encoder: WordEncoder) -> None:
    decide(work, clean="ab", noisy="c")
    await indexed(work)
    decide(work, clean="b", noisy="ac")
    await indexed(work)
    assert await found(work) == ["b"]


async def test_what_detection_has_indexed_is_left_as_it_is(work: Workspace, encoder: WordEncoder) -> None:
    decide(work, clean="ac", noisy="b")
    ended = await indexed(work, indexed=True)
    assert ended.progress[-1][:3] == ("index", 2, 2)
    assert not work.files.chroma.exists()


@pytest.mark.parametrize(("clean", "noisy"), [("abc", ""), ("", "abc")])
async def test_nothing_is_indexed_that_nobody_would_be_shown(
    clean: str, noisy: str, work: Workspace, encoder: WordEncoder
) -> None:
    decide(work, clean=clean, noisy=noisy)
    await indexed(work)
    assert not work.files.chroma.exists()
    assert encoder.encoded == []


async def test_no_example_is_wanted_where_the_relabeler_is_shown_none(
    work: Workspace, encoder: WordEncoder
) -> None:
    decide(work, clean="ac", noisy="b")
    config = work.config.model_copy(deep=True)
    config.agents.relabeler.neighbours = 0
    work.adopt(config, work.prompts)
    await indexed(work)
    assert not work.files.chroma.exists()


async def test_of_near_examples_the_more_trusted_is_shown(work: Workspace, encoder: WordEncoder) -> None:
    decide(work, clean="a", noisy="b", noise=0.9)
    decide(work, clean="c", noise=0.1)
    await indexed(work)
    same = QUERY.model_copy(update={"prompt": "Capital of?"})
    with open_examples(work) as store:
        assert [shown.sample.id for shown in await store.nearest(same, 1)] == ["c"]


async def test_a_clean_sample_waits_for_the_verdict_on_every_sample_before_it(
    work: Workspace, encoder: WordEncoder
) -> None:
    decide(work, clean="ac")
    ended, failed = event(is_set=True), event(is_set=False)
    prepare(work, 3, True, ended, failed)
    assert await found(work) == ["a"]
    decide(work, noisy="b")
    prepare(work, 3, True, ended, failed)
    assert await found(work) == ["a", "c"]


def test_what_is_needed_is_prepared_while_verdicts_come_in(work: Workspace, encoder: WordEncoder) -> None:
    ended, failed = event(is_set=False), event(is_set=False)
    working = threading.Thread(target=prepare, args=(work, 3, True, ended, failed))
    working.start()
    decide(work, clean="ac", noisy="b")
    ended.set()
    working.join(60)
    assert not working.is_alive()
    with open_examples(work) as store:
        assert len(store) == 2
    assert sorted(encoder.encoded) == sorted(sample.prompt for sample in SAMPLES)


def test_nothing_is_prepared_for_what_has_failed(work: Workspace, encoder: WordEncoder) -> None:
    decide(work, clean="abc")
    prepare(work, 3, True, event(is_set=True), event(is_set=True))
    assert len(work.encoder) == 0
    assert not work.files.chroma.exists()


def test_only_free_text_is_measured(work: Workspace, encoder: WordEncoder) -> None:
    decide(work, clean="abc")
    prepare(work, 3, False, event(is_set=True), event(is_set=False))
    assert len(work.encoder) == 3
    assert not work.files.similarities.exists()
    assert not work.files.chroma.exists()
