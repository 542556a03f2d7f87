"""A finished run tells of any sample, by the base view alone, whether another agent need be asked."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agents.base import Prediction
from graph.config.run import RunConfig, load_config
from graph.glance import Glance, sure_below
from graph.sample_graph import sample_graph
from graph.state import Decided
from robustft import load_run, run
from stores.errors import RecordError
from stores.run_directory import RunDirectory
from stores.sample import Sample
from stores.vectors import PromptVectors
from tests.support.endpoint import Endpoint
from tests.support.glanced import COUNT, KINDS, asked, config_of, right, row
from training.calibration import priors


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, serving: Endpoint) -> Path:
    folder = tmp_path_factory.mktemp("glanced")
    run(config_of(folder, serving), folder / "run", until="select")
    return folder / "run"


@pytest.fixture
def glance(finished: Path) -> Iterator[Glance]:
    files = RunDirectory(finished)
    config = load_config(files.config)
    with closing(Glance(files.glance, PromptVectors(files.state, config.encoder), config)) as opened:
        yield opened


def sample(number: int, **changes: str) -> Sample:
    given = row(number)
    known = Sample(response=given.pop("completion"), **{**given, "options": KINDS})
    return known.model_copy(update=changes)


async def test_a_response_that_the_base_agent_gives_too_is_sure_and_others_are_not(glance: Glance) -> None:
    same = [Prediction(answer=right(number)) for number in range(1, 20)]
    found = await asyncio.gather(
        *(glance.is_sure(sample(number), answer) for number, answer in enumerate(same, 1))
    )
    assert all(found)
    assert not await glance.is_sure(sample(1), Prediction(answer=right(2)))
    assert not await glance.is_sure(sample(1), Prediction(answer=None))
    assert not await glance.is_sure(sample(1, trusted=right(1)), Prediction(answer=right(1)))


async def test_a_sample_of_a_run_is_decided_as_there_and_nobody_is_asked_again(
    finished: Path, serving: Endpoint
) -> None:
    before = len(serving.requests)
    known = {decision.id: decision for decision in load_run(finished).decisions()}
    for number in range(0, COUNT, 7):
        found = await sample_graph.ainvoke({"sample": sample(number)}, context={"run": str(finished)})
        decided, decision = Decided.model_validate(found["decided"]), known[f"q{number:03}"]
        assert (decided.final, decided.noise_probability) == (
            decision.final,
            decision.check.noise_probability,
        )
        assert bool(found["turns"]) is ("reasoner" in decision.agents)
    assert len(serving.requests) == before


async def test_a_new_sample_is_asked_about_no_further_where_the_run_is_sure(
    finished: Path, serving: Endpoint
) -> None:
    serving.requests.clear()
    new = sample(COUNT + 1)
    await sample_graph.ainvoke({"sample": new}, context={"run": str(finished)})
    await sample_graph.ainvoke(
        {"sample": sample(COUNT + 3, response=right(1))}, context={"run": str(finished)}
    )
    assert asked(serving, "base") == [COUNT + 1, COUNT + 3]
    assert asked(serving, "reason") == [COUNT + 3]


@pytest.mark.parametrize(
    ("checker", "expected"),
    [
        ({}, priors.SURE_BELOW),
        ({"sure_below": 0.1}, 0.1),
        ({"sure_below": 0.1, "threshold": 0.02}, 0.02),
        ({"sure_below": 0}, 0.0),
        ({"policy": "hybrid"}, 0.0),
        ({"views": ["base"]}, 0.0),
        ({"views": ["reasoning"]}, 0.0),
    ],
)
def test_a_response_is_never_sure_from_where_it_is_noisy(checker: dict[str, object], expected: float) -> None:
    assert sure_below(RunConfig.model_validate({"agents": {"checker": checker}})) == expected


def test_what_was_learned_of_other_views_is_refused(finished: Path) -> None:
    files = RunDirectory(finished)
    config = load_config(files.config)
    with pytest.raises(RecordError, match="was learned of base, reasoning, not of base"):
        Glance(files.calibration, PromptVectors(files.state, config.encoder), config)
