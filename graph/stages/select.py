"""The stage that decides what is trained on."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage

from agents.agent import conversation
from agents.models.chat import to_messages, to_turns
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
from stores.atomic import atomic_writer
from stores.errors import InputError
from stores.run_directory import RunDirectory
from stores.sample import Sample
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
    # Weighed by how likely they are right, all can be kept.
    keep = 1.0 if work.config.training.weighting == "soft" else work.config.selection.keep
    work.journal.keep(select_by_entropy(work.journal.candidates(), keep))
    counts = {"original": 0, "relabelled": 0}
    with atomic_writer(work.files.training) as lines:
        for row in _training_rows(work):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[row["source"]] += 1
    return {**counts, "size": sum(counts.values())}


def training_row(sample: Sample, prompt: QuestionTemplate, response: str, source: str) -> dict[str, Any]:
    """Return a line of `training.jsonl`: the base agent's request about a sample, and a response to it."""
    turns = to_turns(to_messages(conversation(sample, prompt.render(sample))))
    completion = to_turns([AIMessage(response)])
    return {"id": sample.id, "prompt": turns, "completion": completion, "source": source}


def _training_rows(work: Workspace) -> Iterator[dict[str, Any]]:
    prompt = QuestionTemplate(work.config.agents.base.prompt)
    for sample, entry in work.journal.entries():
        state = SampleState.from_entry(sample, entry)
        response = state.final
        if entry.kept and response is not None:
            source = "original" if state.status == "clean" else "relabelled"
            row = training_row(sample, prompt, response, source)
            if work.config.training.weighting == "soft" and state.consensus is not None:
                row["weight"] = state.consensus.confidence
            yield row


def _inputs_of(work: Workspace) -> str:
    """Return a hash of all that an adapter depends on, the training set first."""
    with work.files.training.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    settings = work.config.training.model_dump_json(exclude={"model"})
    model = identify(work.config.models[work.config.training.model])
    digest.update(f"{settings}\n{model}\n{work.config.run.seed}".encode())
    return digest.hexdigest()[:16]
