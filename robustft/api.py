"""Running the whole method from Python."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from graph.agents import close_models
from graph.config import ConfigError, RunConfig, load_config
from graph.run_graph import run_graph
from graph.state import RunInput, Stage
from graph.workspace import Progress
from stores.run_directory import RunDirectory, ensure_free, holds_run

ProgressListener = Callable[[Progress], None]


async def arun(
    config: RunConfig | str | Path,
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    until: Stage = "evaluate",
    progress: ProgressListener | None = None,
) -> dict[str, Any]:
    """Denoise a dataset and fine-tune on it; see `run`."""
    resolved = config if isinstance(config, RunConfig) else load_config(Path(config))
    directory = Path(out) if out is not None else default_directory("run")
    await asyncio.to_thread(ensure_free, directory)
    return await _invoke(
        RunInput(config=resolved.model_dump(mode="json"), directory=str(directory), limit=limit, until=until),
        progress,
    )


def run(
    config: RunConfig | str | Path,
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    until: Stage = "evaluate",
    progress: ProgressListener | None = None,
) -> dict[str, Any]:
    """Denoise a dataset and fine-tune on it.

    Args:
        config: a `RunConfig`, or the path of a config file.
        out: the new run directory; by default one below `runs/` named by the time.
        limit: use only this many training samples.
        until: the stage to stop after.
        progress: is told how far each stage is.

    Returns:
        The content of the run's `summary.json`.

    Raises:
        InputError: the config, the data, a model or the directory is wrong; nothing was written.
        RunFailedError: the run had to stop; `resume` continues it.
    """
    return asyncio.run(arun(config, out, limit=limit, until=until, progress=progress))


def resume(
    directory: str | Path, *, until: Stage = "evaluate", progress: ProgressListener | None = None
) -> dict[str, Any]:
    """Continue an interrupted run; no finished sample is asked about again.

    Args:
        directory: the run directory.
        until: the stage to stop after.
        progress: is told how far each stage is.

    Raises:
        RunDirectoryError: there is no run in that directory.
    """
    RunDirectory(Path(directory))
    return asyncio.run(_invoke(RunInput(directory=str(directory), until=until), progress))


def check_same_config(directory: Path, config: RunConfig) -> None:
    """Check that a run directory was made with this config, before it is continued with it.

    Raises:
        ConfigError: the directory's config decides otherwise.
    """
    if holds_run(directory):
        before = load_config(RunDirectory(directory).config)
        if before.fingerprint() != config.fingerprint():
            raise ConfigError(
                f"{directory}: was run with another config; continue with its own by "
                f"`robustft resume {directory}`, or choose another --out"
            )


def default_directory(name: str) -> Path:
    """Return a new run directory's path, named by what is run and when."""
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


async def _invoke(request: RunInput, progress: ProgressListener | None) -> dict[str, Any]:
    summary: dict[str, Any] = {}
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
