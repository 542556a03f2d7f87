"""Relabels in the form of the data: written so, or not trained on."""

import logging
from collections.abc import Iterator

from agents.record import SampleRecord
from graph.stages.stage import Workspace
from stores.journal import Entry
from training.form import DataForm, FormTally, in_form

_LOG = logging.getLogger("robustft")
_OTHER_FORM = (
    "%s of %s new responses are not trained on: the responses of the data have %s, which these lack "
    "(other_form in dropped.jsonl)"
)
_NAMES = {
    "thoughts": "thoughts before the answer",
    "json": "the form of JSON",
    "fence": "a code fence at the beginning",
    "tags": "tags around the answer",
    "list": "the form of a list",
    "hash": "a last line '####'",
    "boxed": "the answer in \\boxed{}",
    "answer": "a last line 'Answer:'",
}


def put_in_form(work: Workspace) -> None:
    """Write every relabel of a run in the form that its data's responses have, or mark it as of another."""
    form = _form_of(work)
    if not form.marks:
        return
    total, others = 0, 0

    def formed() -> Iterator[Entry]:
        nonlocal total, others
        for sample, entry in work.journal.entries("relabelled"):
            # Of options there is nothing to write.
            # A trusted response is trained on to the byte.
            if not sample.options and sample.trusted is None:
                record = in_form(SampleRecord.from_entry(sample, entry), form)
                total += record.rewritten is not None or record.other_form or record.final is not None
                others += record.other_form
                yield record.to_entry()

    work.journal.record(formed())
    if others:
        names = " and ".join(_NAMES[mark] for mark in sorted(form.marks))
        _LOG.warning(_OTHER_FORM, f"{others:,}", f"{total:,}", names)


def _form_of(work: Workspace) -> DataForm:
    tally = FormTally()
    for sample, entry in work.journal.entries():
        if not sample.options:
            tally.add(sample.response, clean=entry.status == "clean")
    return tally.form()
