"""New samples are decided by what a finished run has learned, and the run stays as it is."""

from collections.abc import Iterator

import pytest

from agents.errors import EndpointError
from graph.check import check_samples
from graph.frozen_run import FrozenRun
from stores.records import Decision
from stores.sample import Sample
from tests.support.endpoint import Endpoint
from tests.support.finished import OPTIONS, as_given, finish


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, serving: Endpoint) -> Iterator[FrozenRun]:
    opened = FrozenRun(finish(tmp_path_factory.mktemp("finished"), serving))
    yield opened
    opened.close()


# Answered by the script as "ape" and "rye" are: the names are in their prompts.
YAK = Sample(id="yak", prompt="Tell me: What is a ape? Or a yak.", response="animal", options=tuple(OPTIONS))
OAT = Sample(id="q1", prompt="Tell me: What is a oak? Or an oat.", response="vehicle", options=tuple(OPTIONS))


async def checked(run: FrozenRun, samples: list[Sample]) -> tuple[list[Decision], list[int]]:
    told: list[int] = []
    found = await check_samples(run, run.config, samples, lambda done, tokens: told.append(done))
    return found, told


async def test_new_samples_are_judged_and_repaired(run: FrozenRun) -> None:
    (yak, oat), told = await checked(run, [YAK, OAT])
    assert (yak.status, yak.final) == ("clean", "animal")
    assert (oat.status, oat.final) == ("relabelled", "plant")
    assert oat.noise_probability is not None
    assert oat.agents["relabeler"].neighbours
    assert (yak.kept, oat.kept) == (None, None)
    assert told[-1] == 2


async def test_what_a_sample_is_decided_as_does_not_depend_on_the_others(run: FrozenRun) -> None:
    (alone,), _ = await checked(run, [OAT])
    together, _ = await checked(run, [as_given(3), OAT, YAK])
    assert [found.id for found in together] == ["q3", "q1", "yak"]
    assert together[1] == alone


async def test_a_sample_that_cannot_be_asked_about_has_failed_and_the_others_have_not(
    run: FrozenRun, serving: Endpoint
) -> None:
    serving.refuse = lambda messages: 400 if "yak" in messages[-1]["content"] else None
    found, _ = await checked(run, [YAK, OAT])
    serving.refuse = lambda messages: None
    assert [decision.status for decision in found] == ["failed", "relabelled"]
    assert "scripted failure" in str(found[0].failure)


async def test_a_model_that_cannot_be_used_is_told_before_any_sample(
    run: FrozenRun, serving: Endpoint
) -> None:
    before = len(serving.requests)
    serving.model = "another"
    with pytest.raises(EndpointError, match=r"models\.default"):
        await checked(run, [YAK])
    serving.model = "scripted"
    assert all(text == "Say yes." for text in serving.texts()[before:])


async def test_a_sample_that_is_too_long_is_told_of(
    run: FrozenRun, serving: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    serving.listed, serving.details = ["scripted"], {"max_model_len": 1024}
    long = YAK.model_copy(update={"id": "long", "prompt": "What is a ape? " * 4000})
    await checked(run, [long])
    serving.listed, serving.details = None, {}
    assert "their requests will fail: ids long" in caplog.text
