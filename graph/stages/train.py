"""The stages that turn decisions into a tuned model: select and train."""

import asyncio
import gc
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage

from agents.models.chat import to_turns
from agents.role import conversation
from agents.models.config import identify
from graph.context import close_models
from graph.decision import final_response, read_state, status_of
from graph.state import RunState
from graph.stages.stage import (
    SELECTED,
    Workspace,
    open_stage,
    outcome_of,
    standing_outcomes,
    storage_errors,
)
from prompts.template import QuestionTemplate
from stores.atomic import atomic_writer, write_text_atomically
from stores.errors import InputError
from stores.journal import Journal
from stores.run_directory import RunDirectory
from stores.sample import Sample
from stores.weights import resolve_weights
from training.selection import select as select_by_entropy


async def select(state: RunState) -> dict[str, Any]:
    """Keep the relabelled samples of lowest entropy (Eq. 8) and write the training set."""
    async with open_stage(state.directory, "select") as work:
        work.outcome = await asyncio.to_thread(_select, work)
        work.report(work.outcome["size"], work.outcome["size"])
        inputs = await asyncio.to_thread(_inputs_of, work)
        if done := await asyncio.to_thread(_finished_training, work, inputs):
            await asyncio.to_thread(_leave_out, work.files.training, set(done.get("dropped", ())))
        else:
            await asyncio.to_thread(work.forget_outcomes)
        await asyncio.to_thread(work.journal.note, SELECTED, "yes")
    return {"training_inputs": inputs}


async def train(state: RunState) -> dict[str, Any]:
    """Fine-tune a LoRA adapter on the training set (Eq. 9)."""
    async with open_stage(state.directory, "train") as work:
        inputs = state.training_inputs
        if done := await asyncio.to_thread(_finished_training, work, inputs):
            work.outcome = done
            return {}
        # Training needs the memory that the agents' models hold; whoever needs one again loads it again. A
        # server that takes adapters while it runs was given its share, and stays.
        await close_models(keep_adapter_servers=True)
        stop = threading.Event()
        training = asyncio.create_task(asyncio.to_thread(_train, work, stop, inputs))
        try:
            work.outcome = {**await asyncio.shield(training), "inputs": inputs}
        finally:
            # A thread cannot be cancelled: it ends by itself after the step it is at, and writes until then.
            stop.set()
            await asyncio.gather(training, return_exceptions=True)
    return {}


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


def left_out(journal: Journal) -> set[str]:
    """Return the ids of the selected samples that training left out, as too long for it."""
    return set(standing_outcomes(journal).get("train", {}).get("dropped", ()))


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
    turns = to_turns(conversation(sample, prompt.render(sample)))
    completion = to_turns([AIMessage(response)])
    return {"id": sample.id, "prompt": turns, "completion": completion, "source": source}


def _training_rows(work: Workspace) -> Iterator[dict[str, Any]]:
    prompt = QuestionTemplate(work.config.agents.base.prompt)
    for sample, entry in work.journal.entries():
        state = read_state(sample, entry)
        response = final_response(state)
        if entry.kept and response is not None:
            source = "original" if status_of(state) == "clean" else "relabelled"
            row = training_row(sample, prompt, response, source)
            if work.config.training.weighting == "soft" and state.conclusion is not None:
                row["weight"] = state.conclusion.confidence
            yield row


def _inputs_of(work: Workspace) -> str:
    """Return a hash of all that an adapter depends on, the training set first."""
    with work.files.training.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    settings = work.config.training.model_dump_json(exclude={"model"})
    model = identify(work.config.models[work.config.training.model])
    digest.update(f"{settings}\n{model}\n{work.config.run.seed}".encode())
    return digest.hexdigest()[:16]


def _finished_training(work: Workspace, inputs: str) -> dict[str, Any] | None:
    done = outcome_of(work.journal, "train")
    if done is None or done.get("inputs") != inputs:
        return None
    weights = work.files.adapter / "adapter_model.safetensors"
    return done if "skipped" in done or weights.is_file() else None


def _train(work: Workspace, stop: threading.Event, inputs: str) -> dict[str, Any]:
    # Imported here: TRL takes seconds, and only this stage needs it.
    from training.errors import NothingToTrainError
    from training.finetune import train_adapter
    from training.progress import TrainingStep

    def report(step: TrainingStep) -> None:
        work.report(step.step, step.total, note=f"loss {step.loss:.3f}")

    config = work.config.training
    try:
        outcome = train_adapter(
            work.files.training,
            resolve_weights(work.config.models[config.model].name),
            work.files.adapter,
            config,
            seed=work.config.run.seed,
            report=report,
            stop=stop,
            checkpoints=_checkpoints_of(work.files.checkpoints, inputs),
        )
    except NothingToTrainError as exc:
        # One of an earlier training set must not pass for this one's.
        shutil.rmtree(work.files.adapter, ignore_errors=True)
        _leave_out(work.files.training, set(exc.dropped))
        return {"skipped": str(exc), "dropped": exc.dropped}
    # The trainer, its model and its optimiser refer to each other in circles; the evaluation needs the room.
    gc.collect()
    _leave_out(work.files.training, set(outcome.dropped))
    return outcome.model_dump(mode="json")


def _checkpoints_of(folder: Path, inputs: str) -> Path:
    """Return the folder of checkpoints, without those of a training on other inputs."""
    owner = folder / "inputs"
    if not owner.is_file() or owner.read_text(encoding="utf-8") != inputs:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_text_atomically(owner, inputs)
    return folder


def _leave_out(training: Path, dropped: set[str]) -> None:
    """Rewrite the training set as what was trained on, without the samples that were too long."""
    if not dropped:
        return
    with training.open(encoding="utf-8") as rows, atomic_writer(training) as lines:
        lines.writelines(row for row in rows if json.loads(row)["id"] not in dropped)
