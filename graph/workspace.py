"""What the stages of a run share: its directory, config and journal, and how they report."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from langgraph.config import get_stream_writer

from graph.config import RunConfig, load_config
from stores.errors import RobustFTError
from stores.journal import Journal
from stores.run_directory import RunDirectory

Value = TypeVar("Value")


class RunFailedError(RobustFTError):
    """A run had to stop; its directory can be resumed."""


class Progress(NamedTuple):
    """How far a stage is. `total` is 0 where it is not known; `note` is for people."""

    stage: str
    done: int
    total: int
    tokens: int = 0
    note: str = ""


class Workspace:
    """An open run: its files, its config, its journal.

    Args:
        path: a run directory.
        stage: the stage it is opened for.
        emit: takes the stage's progress events.
    """

    def __init__(self, path: Path, stage: str, emit: Callable[[dict[str, Any]], None]) -> None:
        self._stage = stage
        self._emit = emit
        self.files = RunDirectory(path)
        self.config: RunConfig = load_config(self.files.config)
        self.journal: Journal = self.files.open_journal()
        self.outcome: dict[str, Any] = {}
        """What the stage at work has to report; kept in the journal."""

    def report(self, done: int, total: int, tokens: int = 0, note: str = "") -> None:
        """Tell whoever streams the run graph's custom events how far this stage is."""
        self._emit(Progress(self._stage, done, total, tokens, note)._asdict())

    def outcome_of(self, stage: str) -> dict[str, Any] | None:
        """Return what a finished stage reported, or None where it has not finished."""
        _, report = self.journal.stages().get(stage, (0.0, None))
        return json.loads(report) if report is not None else None


@asynccontextmanager
async def open_stage(directory: str, name: str) -> AsyncIterator[Workspace]:
    """Open a run for one stage; its time and outcome are journalled when it ends.

    Raises:
        RunDirectoryError: there is no run in that directory.
    """
    started = time.perf_counter()
    work = await asyncio.to_thread(Workspace, Path(directory), name, get_stream_writer())
    finished = False
    work.report(0, 0)
    try:
        yield work
        finished = True
    finally:
        report = json.dumps(work.outcome) if finished else None
        seconds = time.perf_counter() - started
        await asyncio.shield(asyncio.to_thread(_close, work.journal, name, seconds, report))


@asynccontextmanager
async def in_thread(manager: AbstractContextManager[Value]) -> AsyncIterator[Value]:
    """Enter and leave a context manager that blocks, in a thread."""
    value = await asyncio.to_thread(manager.__enter__)
    try:
        yield value
    except BaseException as exc:
        if not await asyncio.to_thread(manager.__exit__, type(exc), exc, exc.__traceback__):
            raise
    else:
        await asyncio.to_thread(manager.__exit__, None, None, None)


def _close(journal: Journal, stage: str, seconds: float, report: str | None) -> None:
    journal.end_stage(stage, seconds, report)
    journal.close()
