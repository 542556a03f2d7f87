"""Running the whole method from Python."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from graph.config.paths import settle
from graph.config.run import RunConfig, load_config
from graph.context import close_models
from graph.run_graph import run_graph
from graph.stages import Stage
from graph.stages.select import training_set
from graph.stages.stage import Progress, holding
from graph.state import RunInput
from stores.errors import InputError
from stores.export import ExportFormat, export_training
from stores.run_directory import RunDirectory, ensure_free

ProgressListener = Callable[[Progress], None]


async def arun(
    config: RunConfig | str | Path,
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    until: Stage = "evaluate",
    reuse: str | Path | None = None,
    progress: ProgressListener | None = None,
) -> dict[str, Any]:
    """Denoise a dataset and fine-tune on it; see `run`."""
    resolved = config if isinstance(config, RunConfig) else load_config(Path(config))
    directory = Path(out) if out is not None else default_directory("run")
    await asyncio.to_thread(ensure_free, directory)
    if limit is not None:
        resolved = resolved.model_copy(update={"data": resolved.data.model_copy(update={"limit": limit})})
    if reuse is not None:
        await asyncio.to_thread(RunDirectory, Path(reuse))
    request = RunInput(
        config=await asyncio.to_thread(_settled, resolved),
        directory=str(directory),
        until=until,
        reuse=str(reuse) if reuse is not None else None,
    )
    return await _invoke(request, progress)


def run(
    config: RunConfig | str | Path,
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    until: Stage = "evaluate",
    reuse: str | Path | None = None,
    progress: ProgressListener | None = None,
) -> dict[str, Any]:
    """Denoise a dataset and fine-tune on it.

    Args:
        config: a `RunConfig`, or the path of a config file.
        out: the new run directory; by default one below `runs/` named by the time.
        limit: use only the first so many training samples; the same as `data.limit`.
        until: the stage to stop after.
        reuse: another run's directory; what its models replied is not asked again.
        progress: is told how far each stage is.

    Returns:
        The content of the run's `summary.json`.

    Raises:
        InputError: the config, the data, a model or the directory is wrong; nothing was written.
        RunFailedError: the run had to stop; `resume` continues it.
        StorageError: the run's files cannot be written; `resume` continues it.
    """
    return _drive(arun(config, out, limit=limit, until=until, reuse=reuse, progress=progress))


def resume(
    directory: str | Path,
    *,
    config: RunConfig | None = None,
    until: Stage = "evaluate",
    retry_failed: bool = False,
    reuse: str | Path | None = None,
    progress: ProgressListener | None = None,
) -> dict[str, Any]:
    """Continue an interrupted run; no reply that arrived is asked for again.

    Args:
        directory: the run directory.
        config: replaces the run's own; what no longer agrees with it is done again, and nothing else.
        until: the stage to stop after.
        retry_failed: ask again about the samples that failed.
        reuse: another run's directory; what its models replied is not asked again.
        progress: is told how far each stage is.

    Raises:
        RunDirectoryError: there is no run in one of the directories, or another process works in the first.
        InputError: the config names other data, or a prompt or model that cannot be used; the run is left as
            it was.
    """
    RunDirectory(Path(directory))
    if reuse is not None:
        RunDirectory(Path(reuse))
    request = RunInput(
        config=_settled(config) if config else {},
        directory=str(directory),
        until=until,
        retry_failed=retry_failed,
        reuse=str(reuse) if reuse is not None else None,
    )
    return _drive(_invoke(request, progress))


def default_directory(name: str) -> Path:
    """Return a new run directory's path, named by what is run and when."""
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _settled(config: RunConfig) -> dict[str, Any]:
    """Return a config as plain data that a run can be gone on with from any folder."""
    content = config.model_dump(mode="json")
    settle(content)
    return content


def _drive(running: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Run a coroutine in an event loop of its own, which the first Ctrl-C stops in order."""
    return asyncio.run(_stopped_once(running))


async def _stopped_once(running: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Let further Ctrl-Cs pass while the first one's stop is under way.

    asyncio would raise the second one wherever its loop is, and what was about to be woken there would wait
    for ever.
    """
    stop = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(stop):
        return await running
    stopping = False

    def once(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            stop(number, frame)

    signal.signal(signal.SIGINT, once)
    try:
        return await running
    finally:
        signal.signal(signal.SIGINT, stop)


async def _invoke(request: RunInput, progress: ProgressListener | None) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    with holding():
        try:
            async for mode, chunk in run_graph.astream(request, stream_mode=["custom", "updates"]):
                if not isinstance(chunk, dict):
                    continue
                if mode == "custom" and progress is not None:
                    progress(Progress(**chunk))
                elif "report" in chunk:
                    summary = chunk["report"]["summary"]
        finally:
            await close_models()
    return summary


def export(directory: str | Path, out: str | Path, format: ExportFormat) -> int:  # noqa: A002 - the flag's name
    """Write a run's training set in the shape another trainer reads.

    Args:
        directory: the run directory.
        out: the file to write; an existing one is replaced.
        format: what to write. All but `parquet` are JSON Lines.

    Returns:
        The number of samples written.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run has no valid training set, or `out` is inside the run directory.
        StorageError: the run's files cannot be read.
        DataError: a sample does not fit the format, or the file cannot be written.
    """
    training = training_set(Path(directory))
    if Path(out).resolve().is_relative_to(Path(directory).resolve()):
        raise InputError(f"{out}: is inside the run directory, whose files are the run's own; name another")
    return export_training(training, Path(out), format)
