"""A run turns facts in its own free text before it judges any, and says whether its model sees that."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.assessment import VARIABLES, Assessor
from agents.checker import Checker, CheckerConfig
from agents.errors import ModelBusyError
from agents.role import Role
from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.stages.calibrate import calibrate_run
from graph.stages.stage import Workspace
from graph.stages.turned import figures_of, sees_facts, sight_of
from prompts.template import QuestionTemplate
from stores.sample import Sample
from stores.staged_run import StagedRun
from stores.validity import DecisionInputs
from tests.agents.test_assessment import RatingModel
from tests.support.judged_records import WordEncoder, record
from training.calibration import priors

COUNT = 40
TEXT = "The old town of number {0} lies in the north of the land, and {0} people live there by the sea."


def sample_of(number: int) -> Sample:
    return Sample(id=f"{number:02}", prompt=f"Tell of town {number}.", response=TEXT.format(number + 100))


@pytest.fixture
def run(tmp_path: Path, encoder: WordEncoder) -> Iterator[Workspace]:
    """A run that has judged nothing yet."""
    opened = begun(tmp_path / "run", COUNT)
    yield opened
    opened.journal.close()


def begun(folder: Path, count: int, text: str = TEXT) -> Workspace:
    config = RunConfig()
    staged = StagedRun(folder, config.to_yaml(), load_prompts(config).texts)
    texts = (sample_of(number) for number in range(count))
    given = (one.model_copy(update={"response": text.format(int(one.id) + 100)}) for one in texts)
    staged.journal.add_samples("train", given)
    staged.commit()
    return Workspace(folder, "detect", lambda event: None)


def judge_all(run: Workspace) -> None:
    for number in range(COUNT):
        said = f"{TEXT.format(number + 100)} Yes."
        known = record("x", said, said).model_copy(update={"sample": sample_of(number)})
        run.journal.record([known.to_entry()])


def checker_of(word: Callable[[str], float], **more: Any) -> tuple[Checker, RatingModel]:
    """A checker whose model says yes to a text with this probability."""

    class Model(RatingModel):
        def _generate(self, messages, stop=None, run_manager=None, **sampling):  # type: ignore[no-untyped-def]
            yes = word(str(messages[-1].content))
            self.words = {"Yes": yes, "No": 1 - yes}
            return super()._generate(messages, stop, run_manager, **sampling)

    model = Model(script=lambda messages: "Yes", **{"rates_replies": False, **more})
    role = Role(model, max_tokens=16)
    asks = [QuestionTemplate(name, VARIABLES) for name in ("proofread", "facts")]
    return Checker(role, asks[0], CheckerConfig(), Assessor(role, asks[0], asks[1])), model


def knowing(text: str) -> float:
    """Of a model that knows the towns: a turned text is none of theirs."""
    return 0.8 if any(sample_of(number).response in text for number in range(COUNT)) else 0.05


async def test_a_model_that_sees_turned_facts_is_used_and_the_run_says_so(
    run: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    checker, model = checker_of(knowing)
    with caplog.at_level(logging.INFO, "robustft"):
        assert await sees_facts(run, checker)
        judge_all(run)
        calibrate_run(run)

    assert len(model.requests) == 2 * priors.TURNED
    calibration = run.journal.validity.calibration
    assert calibration is not None
    assert calibration["turned_facts"] == {"samples": 20, "auc": 1.0, "low": 1.0, "high": 1.0, "seen": True}
    assert calibration["noise"] is None, "how common wrong facts are is believed, not estimated"
    assert "wrong fact" not in caplog.text


async def test_it_takes_four_requests_a_response_where_the_model_gives_all_views(run: Workspace) -> None:
    checker, model = checker_of(knowing, rates_replies=True)
    await sees_facts(run, checker)
    assert len(model.requests) == 4 * priors.TURNED


async def test_a_model_that_sees_none_is_told_of_in_one_line(
    run: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    blind, _ = checker_of(lambda text: 0.9)
    with caplog.at_level(logging.INFO, "robustft"):
        assert not await sees_facts(run, blind)
        assert not await sees_facts(run, blind)
        judge_all(run)
        calibrate_run(run)

    calibration = run.journal.validity.calibration
    assert calibration is not None
    assert calibration["turned_facts"]["seen"] is False
    assert caplog.text.count("cannot see a wrong fact in free text of this data (AUC") == 1
    assert "of 20)" in caplog.text


async def test_what_is_kept_decides_and_nothing_is_asked_again(run: Workspace) -> None:
    checker, _ = checker_of(knowing)
    await sees_facts(run, checker)
    first = run.files.turned.read_bytes()
    blind, model = checker_of(lambda text: 0.9)
    assert await sees_facts(run, blind)
    assert (model.requests, run.files.turned.read_bytes()) == ([], first)
    rows = json.loads(first)["pairs"]
    assert all(row["turned"] != sample_of(int(row["id"])).response for row in rows)


async def test_another_checker_is_tried_anew_on_the_same_responses(run: Workspace) -> None:
    await sees_facts(run, checker_of(knowing)[0])
    first = json.loads(run.files.turned.read_bytes())["pairs"]
    run.journal.validity.keep_inputs(DecisionInputs("another", "another"))
    assert sight_of(run) is None
    blind, model = checker_of(lambda text: 0.9)
    assert not await sees_facts(run, blind)
    assert len(model.requests) == 2 * priors.TURNED
    again = json.loads(run.files.turned.read_bytes())["pairs"]
    assert [(row["id"], row["turned"]) for row in again] == [(row["id"], row["turned"]) for row in first]


async def test_without_views_nothing_is_asked_or_written(run: Workspace) -> None:
    checker, model = checker_of(knowing, rates_letters=False)
    assert not await sees_facts(run, checker)
    checker, other = checker_of(knowing)
    checker.assessor = None
    assert not await sees_facts(run, checker)
    assert (model.requests, other.requests, run.files.turned.exists(), sight_of(run)) == ([], [], False, None)


@pytest.mark.parametrize(
    ("count", "text"),
    [(priors.FEWEST_TEXTS - 1, TEXT), (COUNT, "Yes; I do think so, every one of us likes it a lot.")],
)
async def test_too_little_text_or_nothing_to_turn_costs_nothing(
    tmp_path: Path, count: int, text: str
) -> None:
    run = begun(tmp_path / "run", count, text)
    checker, model = checker_of(knowing)
    assert not await sees_facts(run, checker)
    assert (model.requests, run.files.turned.exists()) == ([], False)
    run.journal.close()


async def test_a_busy_endpoint_leaves_the_question_open(run: Workspace) -> None:
    checker, _ = checker_of(knowing, fails=lambda sampling: ModelBusyError("busy"))
    assert not await sees_facts(run, checker)
    assert not run.files.turned.exists()
    assert await sees_facts(run, checker_of(knowing)[0])


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        '{"verdicts": "", "pairs": [], "more": 1}',
        '{"verdicts": "", "pairs": [{"id": "a", "turned": "b", "original": [1], "scores": [2, 3]}]}',
        '{"verdicts": "", "pairs": [{"id": "a", "turned": "", "original": [1,1,1,1], "scores": [NaN,1,1]}]}',
    ],
)
async def test_a_damaged_file_is_not_used_and_is_made_anew(run: Workspace, content: str) -> None:
    run.files.turned.write_text(content)
    assert sight_of(run) is None
    assert await sees_facts(run, checker_of(knowing)[0])
    assert sight_of(run) is not None


def test_nothing_tried_has_no_figures() -> None:
    assert figures_of(None) is None
