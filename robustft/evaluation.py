"""Evaluating a model on a file, apart from any run."""

import asyncio
from pathlib import Path

from graph.config.run import RunConfig
from graph.context import close_models, load_prompts
from graph.stages.evaluate import compare
from graph.stages.stage import Progress
from robustft.api import ProgressListener
from stores.dataset import read_samples
from stores.records import EvaluationFigures


async def evaluate_file(
    config: RunConfig, test: str, adapter: Path | None, progress: ProgressListener
) -> EvaluationFigures:
    """Return how often the model of `training.model` answers a file right, with and without an adapter.

    Args:
        config: names the model, the base agent's prompt and the concurrency.
        test: a file of held-out samples, or a Hugging Face dataset id.
        adapter: a PEFT adapter, or None for the bare model alone.
        progress: is told how many samples are done.

    Raises:
        DataError: the file cannot be used.
        PromptError: a prompt file cannot be used.
        WeightsError: the model or the adapter cannot be loaded.
    """
    samples = await asyncio.to_thread(lambda: list(read_samples(test)))
    prompts = await asyncio.to_thread(load_prompts, config)
    total = len(samples) * (1 if adapter is None else 2)
    try:
        return await compare(
            config,
            prompts.base,
            adapter,
            lambda: iter(samples),
            lambda answers: None,
            lambda done: progress(Progress("evaluate", done, total)),
        )
    finally:
        await close_models()
