"""The stage that decides what is trained on."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.models.config import identify
from graph.stages.base_role import BaseRole
from graph.stages.form import put_in_form
from graph.stages.outcomes import forget_outcomes, hash_inputs
from graph.stages.stage import Workspace, open_stage
from graph.stages.train import leave_out, trained_before
from graph.state import RunState, SampleState
from stores.errors import InputError
from stores.journal import Entry
from stores.record_files import write_records
from stores.records import Source, TrainingRow
from stores.run_directory import RunDirectory, storage_errors
from training.selection import Candidate, Selection
from training.selection import select as select_relabelled
from training.uncertainty import uncertainty_of, with_entropy


async def select(state: RunState) -> dict[str, Any]:
    """Keep the relabelled samples that are sure enough, and write the training set."""
    async with open_stage(state.directory, "select") as work:
        return {"training_inputs": await asyncio.to_thread(_select, work)}


def training_set(directory: Path) -> Path:
    """Return the file of a run's training set; nothing is opened for writing.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: it has no training set, or one that does not follow from its decisions.
        StorageError: its files cannot be read.
    """
    files = RunDirectory(directory)
    if not files.training.is_file():
        raise InputError(f"{directory}: has no training set yet; `robustft resume {directory}` makes it")
    with storage_errors(str(directory)), closing(files.open_journal(read_only=True)) as journal:
        is_valid = journal.validity.has_selection
    if not is_valid:
        raise InputError(
            f"{directory}: its training set is invalid, since its decisions have changed; "
            f"`robustft resume {directory} --until select` makes it anew"
        )
    files.check_made(files.training)
    return files.training


def _select(work: Workspace) -> str:
    """Write the training set; returns a hash of all that an adapter is made from."""
    work.journal.validity.invalidate_selection()
    put_in_form(work)
    work.journal.record(_rated(work))
    trusted = {sample.id for sample, _ in work.journal.entries("relabelled") if sample.trusted is not None}
    work.journal.keep(choose(work).kept | trusted)
    counts: dict[Source, int] = {"original": 0, "relabelled": 0, "trusted": 0}

    def counted() -> Iterator[TrainingRow]:
        for row in _training_rows(work):
            counts[row.source] += 1
            yield row

    size = write_records(work.files.training, counted())
    work.outcome = {**{str(source): count for source, count in counts.items()}, "size": size}
    work.report(size, size)
    inputs = _training_inputs(work)
    if trained := trained_before(work, inputs):
        leave_out(work, set(trained.get("dropped", ())))
    else:
        forget_outcomes(work.journal)
        work.keep(work.files.training)
    work.journal.validity.validate_selection()
    return inputs


def choose(work: Workspace) -> Selection:
    """Return which relabelled samples the config keeps, and why it keeps no others; trusted ones left out."""

    def candidates() -> Iterator[Candidate]:
        for sample, entry in work.journal.entries("relabelled"):
            if sample.trusted is None and entry.uncertainty is not None:
                consensus = SampleState.from_entry(sample, entry).consensus
                confidence = None if consensus is None else consensus.confidence
                yield Candidate(sample.id, entry.uncertainty, confidence)

    weighted = work.config.training.weighting == "soft"
    return select_relabelled(work.config.selection, candidates(), weighted=weighted)


def _rated(work: Workspace) -> Iterator[Entry]:
    """Yield the decisions on relabelled samples with the entropy and the uncertainty of their responses."""
    for sample, entry in work.journal.entries("relabelled"):
        record = with_entropy(SampleState.from_entry(sample, entry))
        yield replace(record.to_entry(), uncertainty=uncertainty_of(record))


def _training_rows(work: Workspace) -> Iterator[TrainingRow]:
    role = BaseRole(work.config.agents.base, work.prompts.agents["base"]["prompt"])
    soft = work.config.training.weighting == "soft"
    for sample, entry in work.journal.entries():
        state = SampleState.from_entry(sample, entry)
        response = state.final
        if entry.kept and response is not None:
            source: Source = "original" if state.status == "clean" else "relabelled"
            if sample.trusted is not None:
                source = "trusted"
            weight = state.consensus.confidence if soft and state.consensus is not None else None
            yield role.row(sample, response, source, weight)


def _training_inputs(work: Workspace) -> str:
    model = identify(work.config.models[work.config.training.model])
    settings = work.config.training.model_dump_json(exclude={"model"})
    return hash_inputs(work.files.training, settings, model, str(work.config.run.seed))
