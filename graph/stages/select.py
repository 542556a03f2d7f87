"""The stage that decides what is trained on."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from agents.agent import conversation
from agents.models.config import identify
from graph.stages.stage import (
    SELECTED,
    Workspace,
    open_stage,
    storage_errors,
)
from graph.stages.train import finished_training, leave_out
from graph.state import RunState, SampleState
from prompts.template import QuestionTemplate
from stores.errors import InputError
from stores.record_files import write_records
from stores.records import Source, TrainingRow
from stores.run_directory import RunDirectory
from stores.sample import Message, Sample
from training.selection import select as select_by_entropy


async def select(state: RunState) -> dict[str, Any]:
    """Keep the relabelled samples of lowest entropy (Eq. 8) and write the training set."""
    async with open_stage(state.directory, "select") as work:
        work.outcome = await asyncio.to_thread(_select, work)
        work.report(work.outcome["size"], work.outcome["size"])
        inputs = await asyncio.to_thread(_inputs_of, work)
        if done := await asyncio.to_thread(finished_training, work, inputs):
            await asyncio.to_thread(leave_out, work.files.training, set(done.get("dropped", ())))
        else:
            await asyncio.to_thread(work.forget_outcomes)
        await asyncio.to_thread(work.journal.note, SELECTED, "yes")
    return {"training_inputs": inputs}


def training_set(directory: Path) -> Path:
    """Return the file of a run's training set.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: it has no training set, or one of decisions that no longer stand.
        StorageError: its files cannot be read.
    """
    files = RunDirectory(directory)
    if not files.training.is_file():
        raise InputError(f"{directory}: has no training set yet; `robustft resume {directory}` makes it")
    with storage_errors(str(directory)), closing(files.open_journal()) as journal:
        stands = journal.fact(SELECTED)
    if not stands:
        raise InputError(
            f"{directory}: its training set is of decisions that no longer stand; "
            f"`robustft resume {directory} --until select` makes it anew"
        )
    return files.training


def _select(work: Workspace) -> dict[str, Any]:
    # Weighted by how likely they are right, all can be kept.
    keep = 1.0 if work.config.training.weighting == "soft" else work.config.selection.keep
    work.journal.keep(select_by_entropy(work.journal.candidates(), keep))
    counts: dict[Source, int] = {"original": 0, "relabelled": 0}

    def counted() -> Iterator[TrainingRow]:
        for row in _training_rows(work):
            counts[row.source] += 1
            yield row

    size = write_records(work.files.training, counted())
    return {"original": counts["original"], "relabelled": counts["relabelled"], "size": size}


def training_row(
    sample: Sample, prompt: QuestionTemplate, response: str, source: Source, weight: float | None = None
) -> TrainingRow:
    """Return a line of training.jsonl: the base agent's request about a sample, and a response to it.

    Args:
        sample: what is asked about.
        prompt: the base agent's template.
        response: what is trained on.
        source: whether that is the sample's own response or a new one.
        weight: how much it counts, 0 to 1; None for in full.
    """
    return TrainingRow(
        id=sample.id,
        prompt=tuple(conversation(sample, prompt.render(sample))),
        completion=(Message(role="assistant", content=response),),
        source=source,
        weight=weight,
    )


def _training_rows(work: Workspace) -> Iterator[TrainingRow]:
    prompt = QuestionTemplate(work.config.agents.base.prompt)
    soft = work.config.training.weighting == "soft"
    for sample, entry in work.journal.entries():
        state = SampleState.from_entry(sample, entry)
        response = state.final
        if entry.kept and response is not None:
            source: Source = "original" if state.status == "clean" else "relabelled"
            weight = state.consensus.confidence if soft and state.consensus is not None else None
            yield training_row(sample, prompt, response, source, weight)


def _inputs_of(work: Workspace) -> str:
    """Return a hash of all that an adapter depends on, the training set first."""
    with work.files.training.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    settings = work.config.training.model_dump_json(exclude={"model"})
    model = identify(work.config.models[work.config.training.model])
    digest.update(f"{settings}\n{model}\n{work.config.run.seed}".encode())
    return digest.hexdigest()[:16]
