"""What the stages of a run share: its directory, config and journal, and how they report."""

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from langgraph.config import get_stream_writer

from agents.cache import ReplyCache
from graph.config.run import RunConfig, load_config
from stores.atomic import write_text_atomically
from stores.database import is_damage
from stores.errors import RobustFTError, StorageError
from stores.journal import Journal
from stores.lock import RunLock
from stores.run_directory import RunDirectory
from stores.vectors import QuestionVectors

_LOG = logging.getLogger("robustft")
# How soon what is done beside a stage looks whether there is more to do.
LOOK_AGAIN_SECONDS = 0.5
# The run directories that this task holds from its first stage to its last.
_HELD: ContextVar[dict[str, RunLock]] = ContextVar("held")

SELECTED = "selected"
"""The journal's fact that the training set is of its decisions; empty where it is of former ones."""

# The stages whose outcomes are of a training set.
_AFTER_SELECTION = ("train", "evaluate")

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

    @cached_property
    def encoder(self) -> QuestionVectors:
        """What tells which questions are similar."""
        return QuestionVectors(self.files.path, self.config.encoder)

    def report(self, done: int, total: int, tokens: int = 0, note: str = "") -> None:
        """Tell whoever streams the run graph's custom events how far this stage is."""
        self._emit(Progress(self._stage, done, total, tokens, note)._asdict())

    def adopt(self, config: RunConfig) -> None:
        """Go on with another config, which takes the old one's place in the run directory."""
        if config != self.config:
            write_text_atomically(self.files.config, config.to_yaml())
            self.config = config

    def forget_outcomes(self) -> None:
        """Forget what was trained and measured, on a training set that is no longer this run's."""
        for stage in _AFTER_SELECTION:
            if outcome_of(self.journal, stage) is not None:
                self.journal.end_stage(stage, 0.0, None)


def outcome_of(journal: Journal, stage: str) -> dict[str, Any] | None:
    """Return what a finished stage reported, or None where it has not finished."""
    _, report = journal.stages().get(stage, (0.0, None))
    return json.loads(report) if report is not None else None


def standing_outcomes(journal: Journal) -> dict[str, dict[str, Any]]:
    """Return what training and evaluation reported, unless that was on decisions that no longer stand."""
    if not journal.fact(SELECTED):
        return {}
    return {stage: outcome for stage in _AFTER_SELECTION if (outcome := outcome_of(journal, stage))}


@asynccontextmanager
async def open_stage(directory: str, name: str, *, mend: bool = False) -> AsyncIterator[Workspace]:
    """Open a run for one stage, and for nobody else; its time and outcome are journalled when it ends.

    Args:
        directory: the run directory.
        name: the stage.
        mend: look whether the databases are whole; a damaged one is renamed and begun anew.

    Raises:
        RunDirectoryError: there is no run in that directory, or another process works in it.
        StorageError: its files cannot be read or written.
    """
    started = time.perf_counter()
    with storage_errors(directory):
        async with _held(directory):
            if mend:
                for path in await asyncio.to_thread(_mend, Path(directory)):
                    _LOG.warning("%s: was damaged; what only it held is made anew", path)
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
async def open_cache(work: Workspace) -> AsyncIterator[ReplyCache]:
    """Open what the models have replied to a run, and say at the end how much of it was used again."""
    store = await asyncio.to_thread(work.files.open_replies)
    cache = ReplyCache(store)
    try:
        yield cache
    finally:
        await asyncio.shield(store.settle())
        await asyncio.shield(asyncio.to_thread(store.close))
        for agent, reused in sorted(cache.reused.items()):
            if reused:
                _LOG.info("%s: %s of %s answers reused", agent, f"{reused:,}", f"{cache.asked[agent]:,}")


@contextmanager
def holding() -> Iterator[None]:
    """Hold every run directory that a stage is opened in until the block ends, and not stage by stage."""
    held: dict[str, RunLock] = {}
    token = _HELD.set(held)
    try:
        yield
    finally:
        _HELD.reset(token)
        for lock in held.values():
            lock.release()


@asynccontextmanager
async def _held(directory: str) -> AsyncIterator[None]:
    held = _HELD.get(None)
    if held is None:
        lock = await asyncio.to_thread(RunLock, Path(directory))
        try:
            yield
        finally:
            lock.release()
        return
    if directory not in held:
        held[directory] = await asyncio.to_thread(RunLock, Path(directory))
    yield


@contextmanager
def storage_errors(directory: str) -> Iterator[None]:
    """Give what breaks beneath a run's files a message that says what to do."""
    try:
        yield
    except (OSError, sqlite3.Error) as exc:
        mends = f"`robustft resume {directory}` makes the damaged file anew"
        advice = mends if is_damage(exc) else "mend the cause and try again"
        raise StorageError(
            f"{directory}: its files cannot be read or written ({_reason(exc)}); "
            f"what was finished is not lost: {advice}"
        ) from exc


def _reason(error: OSError | sqlite3.Error) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


@asynccontextmanager
async def meanwhile(work: Callable[[threading.Event, threading.Event], None]) -> AsyncIterator[None]:
    """Do something in a thread while a block runs; leaving the block waits for its end.

    Args:
        work: is given two events: the block has ended, so that nothing more is to come; and it has failed, so
            that this is to end too.
    """
    ended, failed = threading.Event(), threading.Event()
    working = asyncio.create_task(asyncio.to_thread(work, ended, failed))
    try:
        yield
    except BaseException:
        failed.set()
        raise
    finally:
        ended.set()
        # A thread cannot be cancelled: it ends by itself after the batch it is at.
        await asyncio.shield(working)


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


def _mend(path: Path) -> list[Path]:
    return RunDirectory(path).mend()


def _close(journal: Journal, stage: str, seconds: float, report: str | None) -> None:
    try:
        journal.end_stage(stage, seconds, report)
    finally:
        journal.close()
