"""The stage that tunes the model on the training set."""

import asyncio
import gc
import shutil
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from graph.context import RunContext
from graph.stages.outcomes import keep_outcome, reuse_outcome
from graph.stages.stage import Workspace, open_stage
from graph.stages.threads import ending_in_order
from graph.state import RunState
from stores.atomic import write_text_atomically
from stores.model_hub import fetchable_weights
from stores.places import remove_folder
from stores.record_files import read_records, write_records
from stores.records import TrainingRow


async def train(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Fine-tune a LoRA adapter on the training set (Eq. 9)."""
    async with open_stage(state.directory, "train") as work:
        inputs = state.training_inputs
        if done := await asyncio.to_thread(trained_before, work, inputs):
            keep_outcome(work, done, inputs)
            return {}
        # Training needs the memory that the agents' models hold; whoever needs one again loads it again. A
        # server that takes adapters while it runs was given its share, and stays.
        await runtime.context.models.close(keep_adapter_servers=True)
        stop = threading.Event()
        training = asyncio.create_task(asyncio.to_thread(_train, work, stop, inputs))
        try:
            keep_outcome(work, await asyncio.shield(training), inputs)
        finally:
            # A thread cannot be cancelled: it ends by itself after the step it is at, and writes until then.
            stop.set()
            await asyncio.gather(training, return_exceptions=True)
    return {}


def trained_before(work: Workspace, inputs: str) -> dict[str, Any] | None:
    """Return what was made of the same inputs before; None where the model has to be trained."""
    return reuse_outcome(work, "train", inputs, *work.files.adapter_files)


def _train(work: Workspace, stop: threading.Event, inputs: str) -> dict[str, Any]:
    # Imported here: TRL takes seconds, and only this stage needs it.
    from training.errors import NothingToTrainError
    from training.finetune import train_adapter
    from training.processes import process_count
    from training.progress import TrainingStep

    steps, begun = ExitStack(), False

    def report(step: TrainingStep) -> None:
        nonlocal begun
        if not begun:
            # From now on there is something to lose.
            begun = True
            steps.enter_context(ending_in_order())
        work.report(step.step, step.total, note=f"loss {step.loss:.3f}")

    config = work.config.training
    try:
        with steps:
            outcome = train_adapter(
                work.files.training,
                fetchable_weights(work.config.models[config.model].name),
                work.files.adapter,
                config,
                seed=work.config.run.seed,
                report=report,
                stop=stop,
                checkpoints=_checkpoints_of(work.files.checkpoints, inputs, process_count(config)),
            )
    except NothingToTrainError as exc:
        # One of an earlier training set must not pass for this one's.
        remove_folder(work.files.adapter, work.files.state)
        leave_out(work, set(exc.dropped))
        return {"skipped": str(exc), "dropped": exc.dropped}
    # The trainer, its model and its optimiser refer to each other in circles; the evaluation needs the room.
    gc.collect()
    leave_out(work, set(outcome.dropped))
    work.keep(*work.files.adapter_files)
    return outcome.model_dump(mode="json")


def _checkpoints_of(folder: Path, inputs: str, processes: int) -> Path:
    """Return the folder of checkpoints, without those of a training on other inputs.

    How many processes there are may be another machine's (`auto`). What is split is saved in another form.
    """
    owner = folder / "inputs"
    if processes > 1:
        inputs = f"{inputs} by {processes} processes"
    if not owner.is_file() or owner.read_text(encoding="utf-8") != inputs:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_text_atomically(owner, inputs)
    return folder


def leave_out(work: Workspace, dropped: set[str]) -> None:
    """Rewrite the training set as what was trained on, without the samples that were too long."""
    training = work.files.training
    if dropped:
        rows = read_records(training, TrainingRow)
        write_records(training, (row for row in rows if row.id not in dropped))
    work.keep(training)
