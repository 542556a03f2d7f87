"""New samples, decided by what a finished run has learned. Nothing is trained on them."""

import asyncio
from collections.abc import Callable, Sequence

from agents.concurrency import map_concurrently
from agents.errors import AgentError
from agents.models.pool import ModelPool
from agents.record import SampleRecord, to_decision
from graph.config.run import RunConfig
from graph.context import load_models, load_prompts
from graph.engine import SAMPLES_A_REQUEST
from graph.frozen_run import FrozenRun
from graph.kept import agents_of_run
from graph.readiness import check_models
from graph.sample_graph import sample_graph
from graph.state import SampleInput, SampleState
from graph.windows import tell_too_long, windows_of_agents
from prompts.template import PromptError
from stores.records import Decision
from stores.sample import Sample


async def check_samples(
    run: FrozenRun, config: RunConfig, samples: Sequence[Sample], report: Callable[[int, int], None]
) -> list[Decision]:
    """Send samples through the sample graph, with what a finished run knows.

    Args:
        run: the run. Nothing is written to its directory.
        config: its config, or one that differs in parts; see `graph.kept.agents_of_run`.
        samples: new ones, or its own. A sample that cannot be finished is `failed`, and says why.
        report: is told how many samples are decided, and how many tokens that took.

    Returns:
        The decisions, in the order of the samples.

    Raises:
        EndpointError: a model cannot be used.
        EndpointDownError: an endpoint stopped answering.
        WeightsError: an embedded model cannot be loaded.
        PromptError: a prompt cannot be used.
        StorageError: the run's files cannot be read.
    """
    decided: dict[int, Decision] = {}
    async with ModelPool() as pool:
        # First: a model that is seen to think has more room for its replies.
        await check_models(pool, config)
        agents = await agents_of_run(pool, run, config)
        await _tell_too_long(pool, run, config, samples)

        async def decide(numbered: tuple[int, Sample]) -> tuple[int, Decision]:
            place, sample = numbered
            record: SampleRecord
            try:
                ended = await sample_graph.ainvoke(SampleInput(sample=sample), context=agents)
                record = SampleState.model_validate(ended)
            except (AgentError, PromptError) as exc:
                record = SampleRecord(sample=sample, failure=f"{type(exc).__name__}: {exc}")
            return place, to_decision(record, kept=None)

        def keep(found: list[tuple[int, Decision]]) -> None:
            decided.update(found)
            report(len(decided), run.cache.tokens)

        concurrency = SAMPLES_A_REQUEST * config.run.concurrency
        await map_concurrently(iter(enumerate(samples)), decide, keep, concurrency=concurrency)
    return [decided[place] for place in range(len(samples))]


async def _tell_too_long(
    pool: ModelPool, run: FrozenRun, config: RunConfig, samples: Sequence[Sample]
) -> None:
    models = await load_models(pool, config)

    def tell() -> None:
        prompts = load_prompts(config, run.files, run.config)
        if windows := windows_of_agents(models, config, prompts):
            tell_too_long(samples, windows)

    await asyncio.to_thread(tell)
