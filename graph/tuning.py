"""The stages that turn decisions into a tuned model: select, train, evaluate."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.messages import convert_to_openai_messages

from agents.base import BaseAgent
from agents.expert import Expert, conversation
from agents.models import EmbeddedModelConfig
from graph.agents import close_models
from graph.config import RunConfig
from graph.decision import final_response, read_state, status_of
from graph.state import RunState
from graph.workspace import Workspace, in_thread, open_stage
from prompts.template import QuestionTemplate
from stores.atomic import atomic_writer
from stores.sample import Sample
from stores.weights import resolve_weights
from training.evaluation import Accuracy
from training.evaluation import evaluate as evaluate_agents
from training.selection import select as select_by_entropy


async def select(state: RunState) -> dict[str, Any]:
    """Keep the relabelled samples of lowest entropy (Eq. 8) and write the training set."""
    async with open_stage(state.directory, "select") as work:
        work.outcome = await asyncio.to_thread(_select, work)
        work.report(work.outcome["size"], work.outcome["size"])
    return {}


async def train(state: RunState) -> dict[str, Any]:
    """Fine-tune a LoRA adapter on the training set (Eq. 9)."""
    async with open_stage(state.directory, "train") as work:
        if done := await asyncio.to_thread(_finished_training, work):
            work.outcome = done
            # `select` has just written the training set anew, with what training found too long.
            await asyncio.to_thread(_leave_out, work.files.training, set(done.get("dropped", ())))
            return {}
        # Training needs the memory that the agents' models hold; whoever needs one again loads it again.
        await close_models()
        stop = threading.Event()
        try:
            work.outcome = await asyncio.to_thread(_train, work, stop)
        finally:
            # A thread cannot be cancelled: it ends by itself after the step it is at.
            stop.set()
    return {}


async def evaluate(state: RunState) -> dict[str, Any]:
    """Answer the held-out samples with and without the adapter."""
    async with open_stage(state.directory, "evaluate") as work:
        if not state.test_samples:
            work.outcome = {"skipped": "no test data (--test or data.test)"}
            return {}
        if finished := await asyncio.to_thread(_finished_evaluation, work):
            work.outcome = finished
            return {}
        agents = await asyncio.to_thread(_compared, work)
        done = 0
        async with in_thread(atomic_writer(work.files.evaluation)) as lines:

            def record(answers: list[dict[str, Any]]) -> None:
                nonlocal done
                lines.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in answers)
                done += len(answers)
                work.report(done, state.test_samples)

            accuracy = await evaluate_agents(
                work.journal.samples("test"), agents, record, concurrency=work.config.run.concurrency
            )
        work.outcome = summarise(accuracy)
    return {}


def evaluated_agents(config: RunConfig, adapter: Path | None) -> dict[str, BaseAgent]:
    """Return what an evaluation compares: the model that is tuned, and the same with its adapter.

    Both answer in this process: the base agent's prompt is the one the model was trained on.

    Raises:
        WeightsError: the model or the adapter cannot be loaded.
    """
    # Imported here: torch takes seconds, and only this stage and an embedded model need it.
    from agents.embedded import load_embedded

    model = config.models[config.training.model]
    embedded = model if isinstance(model, EmbeddedModelConfig) else EmbeddedModelConfig(name=model.name)
    settings = config.agents.base
    adapters = {"vanilla": None} if adapter is None else {"vanilla": None, "tuned": adapter}
    return {
        name: BaseAgent(
            Expert(load_embedded(embedded, folder), max_tokens=settings.max_tokens),
            QuestionTemplate(settings.prompt),
        )
        for name, folder in adapters.items()
    }


def summarise(accuracy: dict[str, Accuracy]) -> dict[str, Any]:
    """Return an evaluation's figures: `n`, and the share right of each model compared."""
    first = next(iter(accuracy.values()))
    return {"n": first.n, **{name: result.share for name, result in accuracy.items()}}


def _compared(work: Workspace) -> dict[str, BaseAgent]:
    return evaluated_agents(work.config, work.files.adapter if work.files.adapter.is_dir() else None)


def _select(work: Workspace) -> dict[str, Any]:
    work.journal.keep(select_by_entropy(work.journal.candidates(), work.config.selection.keep))
    counts = {"original": 0, "relabelled": 0}
    with atomic_writer(work.files.training) as lines:
        for row in _training_rows(work):
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[row["source"]] += 1
    return {**counts, "size": sum(counts.values())}


def _training_rows(work: Workspace) -> Iterator[dict[str, Any]]:
    prompt = QuestionTemplate(work.config.agents.base.prompt)
    for sample, entry in work.journal.entries():
        state = read_state(sample, entry)
        response = final_response(state)
        if entry.kept and response is not None:
            yield {
                "id": sample.id,
                "prompt": _turns(sample, prompt),
                "completion": [{"role": "assistant", "content": response}],
                "source": "original" if status_of(state) == "clean" else "relabelled",
            }


def _turns(sample: Sample, prompt: QuestionTemplate) -> list[dict[str, Any]]:
    turns = convert_to_openai_messages(conversation(sample, prompt.render(sample)))
    return turns if isinstance(turns, list) else [turns]


def _finished_training(work: Workspace) -> dict[str, Any] | None:
    done = work.outcome_of("train")
    return done if done and ("skipped" in done or work.files.adapter.is_dir()) else None


def _finished_evaluation(work: Workspace) -> dict[str, Any] | None:
    done = work.outcome_of("evaluate")
    return done if done and work.files.evaluation.is_file() else None


def _train(work: Workspace, stop: threading.Event) -> dict[str, Any]:
    # Imported here: TRL takes seconds, and only this stage needs it.
    from training.errors import NothingToTrainError
    from training.finetune import TrainingStep, train_adapter

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
        )
    except NothingToTrainError as exc:
        return {"skipped": str(exc)}
    _leave_out(work.files.training, set(outcome.dropped))
    return outcome.model_dump(mode="json")


def _leave_out(training: Path, dropped: set[str]) -> None:
    """Rewrite the training set as what was trained on, without the samples that were too long."""
    if not dropped:
        return
    with training.open(encoding="utf-8") as rows, atomic_writer(training) as lines:
        lines.writelines(row for row in rows if json.loads(row)["id"] not in dropped)
