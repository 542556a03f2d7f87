"""Relabels are written in the form of the data; of those that are not, one line says so."""

import pytest

from graph.stages.form import put_in_form
from graph.stages.stage import Workspace
from graph.state import SampleState
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


def test_options_are_never_written_anew(work: Workspace) -> None:
    work.journal.forget()
    put_in_form(work)
    assert states(work) == {}
