"""A run turns facts in its own free text, and says whether its model sees that."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest

from agents.assessment import VARIABLES, Assessment, Assessor
from agents.checker import Check, Checker, CheckerConfig
from agents.role import Role
from graph.config.run import RunConfig
from graph.context import Agents, load_prompts
from graph.stages.calibrate import calibrate_run
from graph.stages.stage import Workspace
from graph.stages.turned import turn_facts, turned_of
from prompts.template import QuestionTemplate
from stores.run_directory import StagedRun
from stores.sample import Sample
from tests.agents.test_assessment import RatingModel
from tests.support.judged_records import WordEncoder, record
from training.calibration import priors

COUNT = 40
TEXT = "The old town of number {0} lies in the north of the land, and {0} people live there by the sea."


def sample_of(number: int) -> Sample:
    return Sample(id=f"{number:02}", prompt=f"Tell of town {number}.", response=TEXT.format(number + 100))


def assessed(number: int, yes: float) -> Check:
    scores = Assessment(log_probabilities=(-0.2, -0.1 - number % 7 / 10), yes=yes)
    return Check(clean=True, policy="calibrated", agreed=(), reason="a vote", assessment=scores)


@pytest.fixture
def run(tmp_path: Path, encoder: WordEncoder) -> Iterator[Workspace]:
    config = RunConfig()
    staged = StagedRun(tmp_path / "run", config.to_yaml(), load_prompts(config).texts)
    staged.journal.add_samples("train", map(sample_of, range(COUNT)))
    staged.commit()
    opened = Workspace(tmp_path / "run", "detect", lambda event: None)
    random = numpy.random.default_rng(0)
    for number in range(COUNT):
        said = f"{TEXT.format(number + 100)} Yes."
        known = record("x", said, said).model_copy(update={"sample": sample_of(number)})
        check = assessed(number, float(random.uniform(0.7, 0.9)))
        opened.journal.record([known.model_copy(update={"check": check}).to_entry()])
    yield opened
    opened.journal.close()


def agents(word: Callable[[str], float]) -> tuple[Agents, RatingModel]:
    """A checker whose model says yes to a text with this probability."""

    class Model(RatingModel):
        def _generate(self, messages, stop=None, run_manager=None, **sampling):  # type: ignore[no-untyped-def]
            yes = word(str(messages[-1].content))
            self.words = {"Yes": yes, "No": 1 - yes}
            return super()._generate(messages, stop, run_manager, **sampling)

    model = Model(script=lambda messages: "Yes", rates_replies=False)
    role = Role(model, max_tokens=16)
    asks = [QuestionTemplate(name, VARIABLES) for name in ("proofread", "facts")]
    checker = Checker(role, asks[0], CheckerConfig(), Assessor(role, asks[0], asks[1]))
    return Agents({"checker": checker}), model


async def test_a_model_that_sees_turned_facts_is_used_and_the_run_says_so(
    run: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    known = {sample_of(number).response for number in range(COUNT)}
    seeing, model = agents(lambda text: 0.8 if any(one in text for one in known) else 0.05)
    await turn_facts(run, seeing)
    with caplog.at_level(logging.INFO, "robustft"):
        calibrate_run(run)

    assert len(model.requests) == priors.TURNED
    calibration = run.journal.validity.calibration
    assert calibration is not None
    assert calibration["turned_facts"] == {"samples": 20, "auc": 1.0, "low": 1.0, "high": 1.0, "seen": True}
    assert "wrong fact" not in caplog.text


async def test_a_model_that_sees_none_is_told_of_in_one_line(
    run: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    blind, _ = agents(lambda text: 0.9)
    await turn_facts(run, blind)
    with caplog.at_level(logging.INFO, "robustft"):
        calibrate_run(run)

    calibration = run.journal.validity.calibration
    assert calibration is not None
    assert calibration["turned_facts"]["seen"] is False
    assert caplog.text.count("cannot see a wrong fact in free text of this data (AUC") == 1
    assert "of 20)" in caplog.text


async def test_the_same_facts_are_turned_again(run: Workspace) -> None:
    seeing, _ = agents(lambda text: 0.8)
    await turn_facts(run, seeing)
    first = run.files.turned.read_bytes()
    await turn_facts(run, seeing)
    assert run.files.turned.read_bytes() == first
    rows = json.loads(first)
    assert all(row["turned"] != sample_of(int(row["id"])).response for row in rows)


async def test_without_an_assessor_nothing_is_asked_or_written(run: Workspace) -> None:
    found, model = agents(lambda text: 0.8)
    checker: Checker = found.get("checker")
    checker.assessor = None
    await turn_facts(run, found)
    assert (model.requests, run.files.turned.exists(), turned_of(run)) == ([], False, None)


@pytest.mark.parametrize(
    "content", ["{", "[1]", "[]", '[{"id": "a", "turned": "b", "original": [1], "scores": [2, 3]}]']
)
def test_a_damaged_file_is_not_used(run: Workspace, content: str) -> None:
    run.files.turned.write_text(content)
    assert turned_of(run) is None
