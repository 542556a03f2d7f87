"""The last stage that asks a model: is the tuned one better than it was?"""

import asyncio
import gc
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.runtime import Runtime

from agents.cache import ReplyCache
from agents.errors import EndpointError, TurnsRefusedError
from agents.models.chat_template import ChatTemplate
from agents.models.config import EmbeddedModelConfig, OpenAIModelConfig, VLLMModelConfig, identify
from agents.models.pool import ModelPool
from agents.room import Lengths, measure
from graph.config.run import ConfigError, RunConfig
from graph.context import RunContext, endpoint_settings
from graph.engine import RunFailedError, commonest
from graph.stages.base_role import BaseRole
from graph.stages.outcomes import hash_inputs, keep_outcome, reuse_outcome
from graph.stages.overlap import tell_overlap
from graph.stages.stage import Workspace, open_cache, open_stage
from graph.stages.threads import in_thread
from graph.state import RunState
from prompts.template import QuestionTemplate
from stores.atomic import atomic_writer
from stores.journal import Journal
from stores.model_hub import fetchable_weights
from stores.pretrained import check_adapter, load_outline, load_tokenizer, put_adapter
from stores.records import Contender, Evaluation, EvaluationFigures, HeldOut
from stores.sample import Sample, plain_turns
from training.evaluation import Accuracy
from training.evaluation import evaluate as evaluate_agent
from training.held_out import evaluation_figures

_LOG = logging.getLogger("robustft")
# Which figures there are: an evaluation that lacks some is made again, from the replies that there are.
_FIGURES = "with categories"

HeldOutSamples = Mapping[HeldOut, Callable[[], Iterator[Sample]]]
"""What a model is evaluated on; each call starts the samples anew."""


async def evaluate(state: RunState, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Answer the held-out samples with and without the adapter."""
    async with open_stage(state.directory, "evaluate") as work:
        held_out = {part: count for part, count in _counts(state).items() if count}
        if not held_out:
            work.outcome = {"skipped": "no test data (--test or data.test)"}
            return {}
        adapter, inputs, done = await asyncio.to_thread(_prepare, work)
        if done is not None:
            keep_outcome(work, done, inputs)
            return {}
        for part in held_out:
            await asyncio.to_thread(tell_overlap, work.journal, part)
        async with in_thread(atomic_writer(work.files.evaluation)) as lines, open_cache(work) as cache:

            def record(answers: list[Evaluation]) -> None:
                lines.writelines(answer.to_line() + "\n" for answer in answers)

            figures = await compare(
                runtime.context.models,
                work.config,
                work.prompts.agents["base"]["prompt"],
                adapter,
                {part: partial(work.journal.samples, part) for part in held_out},
                record,
                lambda done: work.report(done, sum(held_out.values()) * (2 if adapter else 1)),
                work.files.state,
                cache,
            )
        await asyncio.to_thread(work.keep, work.files.evaluation)
        # What failed is asked again by the next `resume`, and nothing else.
        keep_outcome(work, figures.to_json(), "" if figures.failed else inputs)
        if figures.failed:
            _LOG.warning(
                "%d requests about held-out samples failed, and count as wrong; `robustft resume %s` asks "
                "them again",
                sum(figures.failed.values()),
                state.directory,
            )
        if figures.guard is not None and figures.guard.caution:
            _LOG.warning("%s", figures.guard.caution)
    return {}


def _counts(state: RunState) -> dict[HeldOut, int]:
    return {"test": state.test_count, "guard": state.guard_count}


async def compare(
    pool: ModelPool,
    config: RunConfig,
    prompt: QuestionTemplate,
    adapter: Path | None,
    samples: HeldOutSamples,
    record: Callable[[list[Evaluation]], None],
    report: Callable[[int], None],
    logs: Path | None = None,
    cache: ReplyCache | None = None,
) -> EvaluationFigures:
    """Evaluate the model that is tuned, then the same with its adapter.

    Both are asked what the model was trained on: the base agent's prompt. They answer on vLLM where the
    model's provider is that, else in this process.

    Args:
        pool: owns the models that a server answers for.
        config: names the model, and says how much it is asked at once.
        prompt: the base agent's.
        adapter: a PEFT adapter; None for the bare model alone.
        samples: starts the samples of each part anew.
        record: takes the records of finished samples.
        report: takes how many samples are done, over both models.
        logs: the folder for the log of a server that is started.
        cache: what the models have replied before.

    Returns:
        The share that each model answered right, by category and wording too, and what was forgotten.

    Raises:
        EndpointError: the server cannot be started or reached.
        RunFailedError: too many requests failed.
        WeightsError: the model or the adapter cannot be loaded.
    """
    # Each has its own room: a request about one does not change with the other.
    roles = {}
    for part, start in samples.items():
        lengths = await asyncio.to_thread(_lengths, start)
        roles[part] = BaseRole(config.agents.base, prompt, lengths)
    found: dict[HeldOut, dict[Contender, Accuracy]] = {part: {} for part in samples}
    done = 0
    async for name, model, identity in _contenders(pool, config, adapter, logs):
        recall = cache.of(name, identity) if cache else None

        def note(answers: list[Evaluation]) -> None:
            nonlocal done
            done += sum(not answer.wording for answer in answers)
            record(answers)
            report(done)

        for part, start in samples.items():
            found[part][name] = await evaluate_agent(
                start(),
                roles[part].agent(model, recall),
                name,
                note,
                concurrency=config.run.concurrency,
                part=part,
            )
            _check_failures(found[part][name], config, name)
        # One model in memory at a time: its modules refer to each other in circles.
        del model
        await asyncio.to_thread(gc.collect)
    return evaluation_figures(found.get("test", {}), found.get("guard", {}))


def _check_failures(accuracy: Accuracy, config: RunConfig, name: Contender) -> None:
    """Check that so many requests were answered that a share of them tells something.

    Raises:
        RunFailedError: more than `run.max_failed` of them failed.
    """
    failed, asked = accuracy.failures.total(), accuracy.n + accuracy.wordings
    if failed > config.run.max_failed * asked:
        raise RunFailedError(
            f"the {name} model: {failed:,} of {asked:,} requests about held-out samples failed, more than "
            f"{config.run.max_failed:.0%} (run.max_failed): {commonest(accuracy.failures)}. "
            "Mend the cause and try again"
        )


def _lengths(samples: Callable[[], Iterator[Sample]]) -> Lengths:
    return measure(samples())


async def _contenders(
    pool: ModelPool, config: RunConfig, adapter: Path | None, logs: Path | None
) -> AsyncIterator[tuple[Contender, BaseChatModel, str]]:
    """Yield the model without its adapter as `untuned`, with it as `tuned`; each is loaded when due.

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
                yield name, model, identify(entry) if name == "untuned" else tuned
            return
    yield "untuned", await asyncio.to_thread(load_tuned, config, None), identify(entry)
    if adapter is not None:
        yield "tuned", await asyncio.to_thread(load_tuned, config, adapter), tuned


async def _on_vllm(
    pool: ModelPool, config: RunConfig, entry: VLLMModelConfig, adapter: Path | None, logs: Path | None
) -> dict[Contender, BaseChatModel]:
    settings = endpoint_settings(config, logs)
    label = f"models.{config.training.model}"
    if adapter is None:
        return {"untuned": await pool.open(entry, label, settings)}
    untuned, tuned = await pool.open_tuned(entry, label, settings, adapter)
    return {"untuned": untuned, "tuned": tuned}


def check_contenders(
    config: RunConfig, prompt: QuestionTemplate, adapter: Path | None, samples: Sequence[Sample]
) -> None:
    """Check that a model can be evaluated, and that an adapter is its own, before anything is asked.

    Args:
        config: names the model.
        prompt: the base agent's.
        adapter: a PEFT adapter, or None.
        samples: some of those that it is to be asked about.

    Raises:
        ConfigError: the model is an endpoint's.
        WeightsError: the model or the adapter cannot be loaded, or do not belong together.
        TurnsRefusedError: the model's chat template can render none of the samples.
    """
    name = config.training.model
    entry = config.models[name]
    if isinstance(entry, OpenAIModelConfig):
        raise ConfigError(
            f"models.{name} is an endpoint, whose model cannot be loaded here; name a local model in "
            "training.model"
        )
    if adapter is not None:
        check_adapter(adapter)
    if isinstance(entry, VLLMModelConfig) and entry.base_url is not None:
        # The name is the server's own.
        return
    weights = fetchable_weights(entry.name)
    template = ChatTemplate(load_tokenizer(weights), entry.name)
    role = BaseRole(config.agents.base, prompt)
    rows = [role.row(sample, sample.response) for sample in samples]
    made = template.encode_examples([(plain_turns(row.prompt), "", row.tools) for row in rows])
    refused = [one for one in made if isinstance(one, TurnsRefusedError)]
    if rows and len(refused) == len(rows):
        raise refused[0]
    if adapter is not None:
        put_adapter(load_outline(weights), adapter)


def load_tuned(config: RunConfig, adapter: Path | None) -> BaseChatModel:
    """Load the model that is tuned into this process, with or without an adapter.

    Raises:
        WeightsError: the model or the adapter cannot be loaded.
    """
    # Imported here: torch takes seconds, and only this stage and an embedded model need it.
    from agents.models.loading import load_embedded

    model = config.models[config.training.model]
    embedded = model if isinstance(model, EmbeddedModelConfig) else EmbeddedModelConfig(name=model.name)
    return load_embedded(embedded, adapter)


def _prepare(work: Workspace) -> tuple[Path | None, str, dict[str, Any] | None]:
    """Return the adapter, a hash of what an evaluation is made from, and what was made of the same before.

    The test samples are not hashed: the journal keeps those that a run began with.
    """
    adapter = work.files.adapter if work.files.adapter.is_dir() else None
    model = identify(work.config.models[work.config.training.model])
    role = BaseRole(work.config.agents.base, work.prompts.agents["base"]["prompt"])
    told = _hash_of_what_may_change(work.journal)
    inputs = hash_inputs(_FIGURES, model, *role.inputs, _hash_of(adapter) if adapter else "", told)
    return adapter, inputs, reuse_outcome(work, "evaluate", inputs, work.files.evaluation)


def _hash_of_what_may_change(journal: Journal) -> str:
    """Return a hash of the guard set and of the other wordings, which a run can be given later."""
    digest = hashlib.sha256()
    for sample in journal.samples("guard"):
        digest.update(sample.model_dump_json().encode())
    for sample in journal.samples("test"):
        if sample.wordings:
            digest.update(json.dumps([sample.id, *sample.wordings]).encode())
    return digest.hexdigest()


def _hash_of(adapter: Path) -> str:
    """Return a hash of an adapter's weights and settings."""
    return hash_inputs(adapter / "adapter_config.json", adapter / "adapter_model.safetensors")
