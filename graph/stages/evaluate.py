"""The last stage that asks a model: is the tuned one better than it was?"""

import asyncio
import gc
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents.base import BaseAgent
from agents.cache import ReplyCache
from agents.errors import EndpointError
from agents.models.config import EmbeddedModelConfig, VLLMModelConfig, identify
from agents.models.pool import ModelPool
from agents.role import Recall, Role
from graph.config.run import RunConfig
from graph.context import RunContext, endpoint_settings
from graph.stages.stage import Workspace, in_thread, open_cache, open_stage, outcome_of
from graph.state import RunState
from prompts.template import QuestionTemplate
from stores.atomic import atomic_writer
from stores.sample import Sample
from training.evaluation import evaluate as evaluate_agent

_LOG = logging.getLogger("robustft")


async def evaluate(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Answer the held-out samples with and without the adapter."""
    async with open_stage(state.directory, "evaluate") as work:
        if not state.test_count:
            work.outcome = {"skipped": "no test data (--test or data.test)"}
            return {}
        adapter = await asyncio.to_thread(_adapter_of, work)
        inputs = await asyncio.to_thread(_inputs_of, work.config, adapter)
        if finished := await asyncio.to_thread(_finished_evaluation, work, inputs):
            work.outcome = finished
            return {}
        async with in_thread(atomic_writer(work.files.evaluation)) as lines, open_cache(work) as cache:

            def record(answers: list[dict[str, Any]]) -> None:
                lines.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in answers)

            figures = await compare(
                runtime.context.models,
                work.config,
                adapter,
                lambda: work.journal.samples("test"),
                record,
                lambda done: work.report(done, state.test_count * (2 if adapter else 1)),
                work.files.path,
                cache,
            )
            work.outcome = {**figures, "inputs": inputs}
    return {}


async def compare(
    pool: ModelPool,
    config: RunConfig,
    adapter: Path | None,
    samples: Callable[[], Iterator[Sample]],
    record: Callable[[list[dict[str, Any]]], None],
    report: Callable[[int], None],
    logs: Path | None = None,
    cache: ReplyCache | None = None,
) -> dict[str, Any]:
    """Evaluate the model that is tuned, then the same with its adapter.

    Both are asked what the model was trained on: the base agent's prompt. They answer on vLLM where the
    model's provider is that, else in this process.

    Args:
        pool: owns the models that a server answers for.
        config: names the model, the prompt and the concurrency.
        adapter: a PEFT adapter; None for the bare model alone.
        samples: starts the held-out samples anew.
        record: takes finished samples, one plain record each and model.
        report: takes how many samples are done, over both models.
        logs: the folder for the log of a server that is started.
        cache: what the models have replied before.

    Returns:
        `n`, and the share that each model answered right.

    Raises:
        EndpointError: the server cannot be started or reached.
        WeightsError: the model or the adapter cannot be loaded.
    """
    figures: dict[str, Any] = {}
    done = 0
    async for name, model, identity in _contenders(pool, config, adapter, logs):
        recall = cache.of(name, identity) if cache else None
        agent = in_base_role(config, model, recall)
        del model

        def note(answers: list[dict[str, Any]], name: str = name) -> None:
            nonlocal done
            done += len(answers)
            record([{"model": name, **answer} for answer in answers])
            report(done)

        accuracy = await evaluate_agent(samples(), agent, note, concurrency=config.run.concurrency)
        figures |= {"n": accuracy.n, name: accuracy.share}
        # One model in memory at a time: its modules refer to each other in circles.
        del agent
        await asyncio.to_thread(gc.collect)
    return figures


async def _contenders(
    pool: ModelPool, config: RunConfig, adapter: Path | None, logs: Path | None
) -> AsyncIterator[tuple[str, BaseChatModel, str]]:
    """Yield the model without its adapter as `vanilla`, with it as `tuned`; each is loaded when due.

    Each comes with what tells it from all others.
    """
    entry = config.models[config.training.model]
    tuned = identify(entry) + (await asyncio.to_thread(_hash_of, adapter) if adapter else "")
    if isinstance(entry, VLLMModelConfig):
        try:
            served = await _on_vllm(pool, config, entry, adapter, logs)
        except EndpointError as exc:
            if entry.base_url is None:
                raise
            _LOG.warning("%s; evaluating in this process instead", exc)
        else:
            for name, model in served.items():
                yield name, model, identify(entry) if name == "vanilla" else tuned
            return
    yield "vanilla", await asyncio.to_thread(load_tuned, config, None), identify(entry)
    if adapter is not None:
        yield "tuned", await asyncio.to_thread(load_tuned, config, adapter), tuned


async def _on_vllm(
    pool: ModelPool, config: RunConfig, entry: VLLMModelConfig, adapter: Path | None, logs: Path | None
) -> dict[str, BaseChatModel]:
    settings = endpoint_settings(config, logs)
    label = f"models.{config.training.model}"
    if adapter is None:
        return {"vanilla": await pool.open(entry, label, settings)}
    vanilla, tuned = await pool.open_tuned(entry, label, settings, adapter)
    return {"vanilla": vanilla, "tuned": tuned}


def load_tuned(config: RunConfig, adapter: Path | None) -> BaseChatModel:
    """Load the model that is tuned into this process, with or without an adapter.

    Raises:
        WeightsError: the model or the adapter cannot be loaded.
    """
    # Imported here: torch takes seconds, and only this stage and an embedded model need it.
    from agents.models.embedded import load_embedded

    model = config.models[config.training.model]
    embedded = model if isinstance(model, EmbeddedModelConfig) else EmbeddedModelConfig(name=model.name)
    return load_embedded(embedded, adapter)


def in_base_role(config: RunConfig, model: BaseChatModel, recall: Recall | None = None) -> BaseAgent:
    """Return a model as the base agent, which is what a tuned model is trained and evaluated as."""
    settings = config.agents.base
    expert = Role(model, max_tokens=settings.max_tokens, recall=recall)
    return BaseAgent(expert, QuestionTemplate(settings.prompt))


def _inputs_of(config: RunConfig, adapter: Path | None) -> str:
    """Return a hash of all that an evaluation depends on but the samples, which the journal keeps."""
    asked = config.agents.base
    entry = identify(config.models[config.training.model])
    parts = [entry, QuestionTemplate(asked.prompt).source, str(asked.max_tokens)]
    parts.append(_hash_of(adapter) if adapter else "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _hash_of(adapter: Path) -> str:
    """Return a hash of an adapter's weights and settings."""
    digest = hashlib.sha256()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        with (adapter / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _adapter_of(work: Workspace) -> Path | None:
    return work.files.adapter if work.files.adapter.is_dir() else None


def _finished_evaluation(work: Workspace, inputs: str) -> dict[str, Any] | None:
    done = outcome_of(work.journal, "evaluate")
    is_same = done is not None and done.get("inputs") == inputs
    return done if is_same and work.files.evaluation.is_file() else None
