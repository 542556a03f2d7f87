"""Running the whole method from Python.

`run`, `resume`, `check` and `evaluate` come twice: `arun` is awaited, `run` waits. `run` works in a notebook
too.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from agents.models.pool import ModelPool
from graph.check import check_samples
from graph.config import Stage
from graph.config.own import own_config
from graph.config.paths import resolve_paths
from graph.config.run import RunConfig, load_config
from graph.frozen_run import FrozenRun
from graph.results import export_data_file, read_results
from graph.run_graph import run_graph
from graph.stages.evaluate import HeldOutSamples, check_contenders, compare
from graph.stages.hold import holding
from graph.stages.outcomes import valid_outcomes
from graph.stages.select import training_set
from graph.stages.stage import Progress
from graph.state import RunInput
from prompts.template import QuestionTemplate
from robustft.blocking import blocking
from robustft.held_out import Rows, read_held_out
from robustft.run import Run, load_run
from stores.dataset import read_rows, read_samples
from stores.errors import InputError, RunDirectoryError
from stores.export import STDOUT, ExportFormat, What, check_target, export_results, to_standard_output
from stores.records import Decision, EvaluationFigures, Skipped
from stores.run_directory import RunDirectory, holds_run
from stores.sample import Sample
from stores.staged_run import ensure_free

_LOG = logging.getLogger("robustft")
ProgressListener = Callable[[Progress], None]


async def arun(
    config: RunConfig | str | Path,
    out: str | Path | None = None,
    *,
    samples: Rows | None = None,
    test_samples: Rows | None = None,
    trusted: str | Path | None = None,
    limit: int | None = None,
    until: Stage = "evaluate",
    reuse: str | Path | None = None,
    progress: ProgressListener | None = None,
) -> Run:
    """Denoise a dataset and fine-tune on it.

    Any number of runs can share an event loop.

    Args:
        config: a `RunConfig`, or the path of a config file.
        out: the new run directory; by default one below `runs/` named by the time.
        samples: the training samples, where the config names no file (`data.train`).
        test_samples: held-out samples with right responses, where it names none (`data.test`).
        trusted: a file of responses that you vouch for; the same as `data.trusted`. Rows of `samples` may
            have a key `trusted` instead.
        limit: use only the first so many training samples; the same as `data.limit`.
        until: the stage to stop after.
        reuse: another run's directory; what its models replied is not asked again.
        progress: is told how far each stage is. In a notebook it is called from another thread.

    Returns:
        What the run has left: its figures are `.summary`, its records `.decisions()` and so on.

    Raises:
        InputError: the config, the data, a model or the directory is wrong; nothing was written.
        RunFailedError: the run had to stop; `resume` continues it.
        StorageError: the run's files cannot be written; `resume` continues it.

    Example:
        `run("my.yaml", samples=[{"prompt": "2 + 2?", "response": "5"}])`
    """
    resolved = config if isinstance(config, RunConfig) else load_config(Path(config))
    directory = Path(out) if out is not None else default_directory("run")
    await asyncio.to_thread(ensure_free, directory)
    named = {"limit": limit, "trusted": str(trusted) if trusted is not None else None}
    changes = {name: value for name, value in named.items() if value is not None}
    resolved = resolved.model_copy(update={"data": resolved.data.model_copy(update=changes)})
    request = RunInput(
        config=await asyncio.to_thread(_settled, resolved),
        samples=list(samples) if samples is not None else None,
        test_samples=list(test_samples) if test_samples is not None else None,
        directory=str(directory),
        until=until,
        reuse=str(reuse) if reuse is not None else None,
    )
    return await _invoke(request, progress)


async def aresume(
    directory: str | Path,
    *,
    config: RunConfig | None = None,
    keep_prompts: bool = False,
    until: Stage = "evaluate",
    retry_failed: bool = False,
    trusted: str | Path | None = None,
    reuse: str | Path | None = None,
    progress: ProgressListener | None = None,
) -> Run:
    """Continue an interrupted run; no reply that arrived is asked for again.

    Args:
        directory: the run directory.
        config: replaces the run's own; what no longer agrees with it is done again, and nothing else.
        keep_prompts: with a config: keep the run's own text of every prompt that it names as before. Without
            this, the files that it names are read anew.
        until: the stage to stop after.
        retry_failed: ask again about the samples that failed.
        trusted: a file of responses that you vouch for (`data.trusted`), in place of an earlier one. It is
            read even if it was read before. The verdicts are made again, without a request.
        reuse: another run's directory; what its models replied is not asked again.
        progress: is told how far each stage is. In a notebook it is called from another thread.

    Returns:
        What the run has left.

    Raises:
        RunDirectoryError: there is no run in one of the directories, or another process works in the first.
        InputError: the config names other data, or a prompt or model that cannot be used; the run is left as
            it was.
        RunFailedError: the run had to stop again.
        StorageError: the run's files cannot be read or written.
    """
    await asyncio.to_thread(RunDirectory, Path(directory))
    request = RunInput(
        config=await asyncio.to_thread(_settled, config) if config else {},
        directory=str(directory),
        until=until,
        retry_failed=retry_failed,
        trusted=_absolute(trusted) if trusted is not None else None,
        keep_prompts=keep_prompts,
        reuse=str(reuse) if reuse is not None else None,
    )
    return await _invoke(request, progress)


async def aevaluate(
    config: RunConfig | str | Path,
    test: str | Path | Rows | None = None,
    adapter: str | Path | None = None,
    *,
    guard: str | Path | Rows | None = None,
    paraphrases: str | Path | None = None,
    progress: ProgressListener | None = None,
) -> EvaluationFigures:
    """Measure how often the model of `training.model` answers right, with and without an adapter.

    Args:
        config: names the model, the base agent's prompt, the concurrency and how the held-out samples
            are read (`data.columns`, `data.on_bad_row`); or the path of a config file. Or the directory of a
            run that was trained: its own adapter and test samples are used, and its summary has the figures
            afterwards. What its models replied before is not asked again.
        test: held-out samples with right responses; or a file or Hugging Face dataset id that holds them. By
            default `data.test`, and the run's own.
        adapter: a PEFT adapter, or None for the bare model alone.
        guard: samples with right responses that the training has nothing to do with, likewise; by default
            `data.guard`. The figures say what was forgotten of them.
        paraphrases: a file of other wordings of the test samples' prompts: an `id` and a prompt a row. By
            default `data.paraphrases`, where `test` is not given.
        progress: is told how many samples are done.

    Returns:
        The number of samples, and the share that each model answered right: in all, by category, in every
        wording and of the guard set.

    Raises:
        InputError: the config, the samples, the model or the adapter cannot be used. Or the run was not
            trained, or has other test samples.
    """
    if isinstance(config, str | Path) and await asyncio.to_thread(holds_run, Path(config)):
        return await _evaluate_run(Path(config), test, adapter, guard, paraphrases, progress)
    resolved = config if isinstance(config, RunConfig) else load_config(Path(config))
    tuned = Path(adapter) if adapter is not None else None
    held_out = await asyncio.to_thread(read_held_out, resolved, test, guard, paraphrases)
    total = sum(map(len, held_out.values())) * (1 if tuned is None else 2)

    def report(done: int) -> None:
        if progress is not None:
            progress(Progress("evaluate", done, total))

    prompt = await asyncio.to_thread(QuestionTemplate, resolved.agents.base.prompt)
    first = next(iter(held_out.values()))
    await asyncio.to_thread(check_contenders, resolved, prompt, tuned, first[:8])
    samples: HeldOutSamples = {part: partial(iter, given) for part, given in held_out.items()}
    async with ModelPool() as models:
        return await compare(models, resolved, prompt, tuned, samples, lambda answers: None, report)


async def _evaluate_run(
    directory: Path,
    test: str | Path | Rows | None,
    adapter: str | Path | None,
    guard: str | Path | Rows | None,
    paraphrases: str | Path | None,
    progress: ProgressListener | None,
) -> EvaluationFigures:
    """Evaluate a run that was trained, as its stage does; its summary has the figures afterwards."""
    if adapter is not None:
        raise InputError(f"{directory}: is a run, which has its own adapter; leave --adapter out")
    for name, given in (("test", test), ("guard", guard)):
        if given is not None and not isinstance(given, str | Path):
            raise InputError(f"{name}: samples in memory cannot be added to the run {directory}; name a file")
    await asyncio.to_thread(_check_trained, directory)
    config: RunConfig | None = None
    if isinstance(test, str | Path):
        config = await asyncio.to_thread(own_config, RunDirectory(directory), test=_absolute(test))
    request = RunInput(
        config=await asyncio.to_thread(_settled, config) if config else {},
        directory=str(directory),
        guard=_absolute(guard) if isinstance(guard, str | Path) else None,
        paraphrases=_absolute(paraphrases) if paraphrases is not None else None,
        keep_prompts=True,
    )
    finished = await _invoke(request, progress)
    return finished.summary.evaluation or EvaluationFigures()


def _check_trained(directory: Path) -> None:
    with closing(RunDirectory(directory).open_journal(read_only=True)) as journal:
        if "train" not in valid_outcomes(journal):
            raise RunDirectoryError(
                f"{directory}: has not been trained; `robustft resume {directory}` goes on to training"
            )


async def acheck(
    directory: str | Path,
    samples: str | Path | Rows,
    *,
    config: RunConfig | None = None,
    limit: int | None = None,
    progress: ProgressListener | None = None,
) -> list[Decision]:
    """Decide about new samples by what a finished run has learned: which are noisy, and what would be right.

    The run's models are asked. Its prompts, examples, replies and weights are used, and stay as they are.

    Args:
        directory: the run directory.
        samples: the new samples; or a file or Hugging Face dataset id that holds them. They may have ids or
            prompts that the run has, too.
        config: the run's config with parts changed. It also says how the samples are read (`data.columns`,
            `data.on_bad_row`).
        limit: use only the first so many samples.
        progress: is told how many samples are decided.

    Returns:
        A decision a sample, in their order. One that could not be asked about is `failed`.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run is not finished; or the samples, a prompt or a model cannot be used.
        EndpointDownError: an endpoint stopped answering.
        StorageError: the run's files cannot be read.

    Example:
        `[found.id for found in check("my-run", "new.jsonl") if found.status != "clean"]`
    """
    files = await asyncio.to_thread(RunDirectory, Path(directory))
    resolved = config if config is not None else await asyncio.to_thread(own_config, files)
    given = await asyncio.to_thread(_read_new, samples, resolved, limit)
    run = await asyncio.to_thread(FrozenRun, Path(directory))

    def report(done: int, tokens: int) -> None:
        if progress is not None:
            progress(Progress("check", done, len(given), tokens))

    try:
        return await check_samples(run, resolved, given, report)
    finally:
        await asyncio.to_thread(run.close)


def _read_new(samples: str | Path | Rows, config: RunConfig, limit: int | None) -> list[Sample]:
    """Read new samples, and say in the log which rows were set aside."""
    rules, aside = config.data.rules("train"), list[Skipped]()
    if isinstance(samples, str | Path):
        given = list(read_samples(samples, limit=limit, rules=rules, skip=aside.append))
    else:
        given = list(read_rows(samples, "samples", limit=limit, rules=rules, skip=aside.append))
    for row in aside:
        _LOG.warning("%s, line %s: set aside: %s", row.file, row.line, row.reason)
    return given


run = blocking(arun)
"""Do the same as `arun`, and wait for the end."""

resume = blocking(aresume)
"""Do the same as `aresume`, and wait for the end."""

evaluate = blocking(aevaluate)
"""Do the same as `aevaluate`, and wait for the end."""

check = blocking(acheck)
"""Do the same as `acheck`, and wait for the end."""


def default_directory(name: str) -> Path:
    """Return a new run directory's path, named by what is run and when.

    A clock that was set back, or two runs in a second, give a name that is there: a number goes behind it.
    """
    directory = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    numbered = (directory.with_name(f"{directory.name}-{number}") for number in count(2))
    return next(path for path in chain([directory], numbered) if not path.exists())


def _absolute(path: str | Path) -> str:
    """Return a file's path as it is known from any folder; a hub id as it is."""
    return str(Path(path).absolute()) if Path(path).exists() else str(path)


def _settled(config: RunConfig) -> dict[str, Any]:
    """Return a config as plain data that means the same from any folder."""
    content = config.model_dump(mode="json")
    resolve_paths(content)
    return content


async def _invoke(request: RunInput, progress: ProgressListener | None) -> Run:
    if request.reuse is not None:
        await asyncio.to_thread(RunDirectory, Path(request.reuse))
    with holding():
        async for chunk in run_graph.astream(request, stream_mode="custom"):
            if isinstance(chunk, dict) and progress is not None:
                progress(Progress(**chunk))
    return await asyncio.to_thread(load_run, request.directory)


def export(
    directory: str | Path,
    out: str | Path,
    format: ExportFormat,  # noqa: A002 - the flag's name
    *,
    what: What | None = None,
    force: bool = False,
) -> int:
    """Write a run's samples in the shape another trainer reads, or in the shape of the run's own data file.

    Args:
        directory: the run directory.
        out: the file to write, or `-` for standard output.
        format: what to write. `same` is the data file as it was, with new responses for noisy ones and a
            column `robustft`. Of the others, all but `parquet` are JSON Lines.
        what: `kept`, what is trained on; `changed`, those of them with a new response; `dropped`; or `all`.
            By default `all` of `same`, and `kept` of the others.
        force: replace a file that exists.

    Returns:
        The number of samples written.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run has no valid training set, or `out` is inside the run directory. Of `same`: the
            run has read no file, or the file has changed since.
        StorageError: the run's files cannot be read.
        DataError: a sample does not fit the format, or the file exists or cannot be written.
    """
    training = training_set(Path(directory))
    chosen: What = what or ("all" if format == "same" else "kept")

    def write(target: Path) -> int:
        if format == "same":
            return export_data_file(Path(directory), target, chosen)
        return export_results(lambda: read_results(Path(directory)), training, target, format, chosen)

    if str(out) == STDOUT:
        return to_standard_output(write, ".parquet" if format == "parquet" else ".jsonl")
    check_out(directory, out, force=force)
    return write(Path(out))


def check_out(directory: str | Path, out: str | Path, *, force: bool) -> None:
    """Check that a file about a run can be written where it shall be.

    Raises:
        InputError: it is inside the run directory.
        DataError: it cannot be written; or it exists, and `force` does not say to replace it.
    """
    # Not `resolve`, which raises where a link leads to itself.
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(directory)):
        raise InputError(f"{out}: is inside the run directory, whose files are the run's own; name another")
    check_target(Path(out), force=force)
