"""Relabels are written in the form of the data; options, and data without a form, are left as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.stages.form import put_in_form
from graph.stages.stage import Workspace
from graph.state import SampleState
from stores.sample import Sample
from stores.staged_run import StagedRun
from tests.graph.stages.conftest import SAMPLES
from tests.support.judged_records import record, relabelled


def states(work: Workspace) -> dict[str, SampleState]:
    return {sample.id: SampleState.from_entry(sample, entry) for sample, entry in work.journal.entries()}


def test_where_the_responses_have_no_form_in_common_nothing_is_changed(
    work: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    for sample in SAMPLES:
        known = relabelled(record(sample.response, name=sample.id), "Answer: Lima")
        work.journal.record([known.to_entry()])
    before = [entry for _, entry in work.journal.entries()]
    put_in_form(work)
    assert [entry for _, entry in work.journal.entries()] == before
    assert not caplog.records


WORKED = [
    Sample(id=f"w{at}", prompt=f"{at} and {at}?", response=f"Twice {at}.\n#### {2 * at}") for at in range(4)
]
CHOICE = Sample(id="choice", prompt="Which?", response="oak", options=("oak", "elm"))


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Workspace]:
    config = RunConfig()
    staged = StagedRun(tmp_path / "working", config.to_yaml(), load_prompts(config).texts)
    staged.journal.add_samples("train", [*WORKED, CHOICE])
    staged.commit()
    opened = Workspace(tmp_path / "working", "select", lambda event: None)
    yield opened
    opened.journal.close()


def test_a_reply_that_has_the_form_is_taken_whole_and_options_are_left_alone(working: Workspace) -> None:
    answers = {"w0": "8", "w1": "Four and four.\n#### 8", "choice": "elm"}
    for sample in (*WORKED, CHOICE):
        known = record(sample.response, name=sample.id)
        if sample.id in answers:
            known = relabelled(known, answers[sample.id])
        if sample.id == "w0" and known.review is not None:
            said = known.review.model_copy(update={"reply": "I add four and four.\n#### 8"})
            known = known.model_copy(update={"review": said})
        working.journal.record([known.to_entry()])
    put_in_form(working)
    found = states(working)
    assert found["w0"].final == "I add four and four.\n#### 8"
    assert found["w1"].final == answers["w1"]
    assert (found["choice"].final, found["choice"].other_form) == ("elm", False)
