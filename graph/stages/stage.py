"""What the stages of a run share: the open run, and how a stage is opened, reports and ends."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from langgraph.config import get_stream_writer

from agents.cache import ReplyCache
from agents.models.pool import ModelPool
from agents.room import measure
from graph.config.own import check_own_config, known_config
from graph.config.run import RunConfig
from graph.context import Agents, Prompts, build_agents, load_models, load_prompts
from graph.engine import RunFailedError
from graph.fingerprint import fingerprints
from graph.stages.hold import held
from graph.stages.threads import finish_in_thread
from prompts.template import PromptError
from stores.errors import RunDirectoryError
from stores.examples import ExampleStore
from stores.journal import Journal
from stores.manifest import DataDigest, Manifest, digest_of_file
from stores.repairing import make_whole
from stores.replacement import replace_texts
from stores.replies import ReplyStore
from stores.run_directory import RunDirectory, storage_errors
from stores.vectors import PromptVectors

_LOG = logging.getLogger("robustft")


class Progress(NamedTuple):
    """How far a stage is. `total` is 0 where it is not known; `note` is for people."""

    stage: str
    done: int
    total: int
    tokens: int = 0
    note: str = ""


class Workspace:
    """An open run: its files, its config, its prompts, its journal.

    Args:
        path: a run directory.
        stage: the stage it is opened for.
        emit: takes the stage's progress events.
    """

    def __init__(self, path: Path, stage: str, emit: Callable[[dict[str, Any]], None]) -> None:
        self._stage = stage
        self._emit = emit
        self.files = RunDirectory(path)
        self.config: RunConfig = known_config(self.files, self.manifest)
        self.journal: Journal = self.files.open_journal()
        self._keeping = threading.Lock()
        self.outcome: dict[str, Any] = {}
        """What the stage at work has to report; kept in the journal."""
        self._tokens = 0

    @property
    def manifest(self) -> Manifest:
        """What the run knows of its own files now."""
        return self.files.manifest()

    @cached_property
    def encoder(self) -> PromptVectors:
        """The encoder, which tells which prompts are similar."""
        return PromptVectors(self.files.state, self.config.encoder)

    @cached_property
    def prompts(self) -> Prompts:
        """The run's own prompts. A changed or missing file of the config does not affect them.

        Raises:
            PromptError: one is missing or cannot be used.
        """
        try:
            return load_prompts(self.config, self.files)
        except PromptError as exc:
            raise PromptError(
                f"{exc}; remove the file, and `robustft resume {self.files.path}` puts the run's own there; "
                f"`--set` with a prompt's key takes another, and `robustft run CONFIG --resume --out "
                f"{self.files.path}` the config's"
            ) from exc

    def report(self, done: int, total: int, tokens: int | None = None, note: str = "") -> None:
        """Tell whoever streams the run graph's custom events how far this stage is.

        Args:
            done: how many samples are done.
            total: of how many; 0 where that is not known.
            tokens: what the stage has cost so far; as reported before where this report is of other work.
            note: what people are told besides.
        """
        self._tokens = self._tokens if tokens is None else tokens
        self._emit(Progress(self._stage, done, total, self._tokens, note)._asdict())

    def report_no_work(self) -> None:
        """Tell that the stage has nothing to do, since the checker decides each sample by itself."""
        self.report(0, 0, note=f"no work: the policy is {self.config.agents.checker.policy}")

    def adopt(self, config: RunConfig, prompts: Prompts) -> None:
        """Go on with another config and other prompts; both take the old ones' place on disk."""
        with self._keeping:
            manifest = replace_texts(self.files, config.to_yaml(), prompts.texts)
            self.journal.validity.keep_manifest(manifest.to_text())
        self.config, self.prompts = config, prompts

    def keep(self, *paths: Path) -> None:
        """Keep the digests of files that were made, so that they are believed from now on."""
        found = {self.files.name_of(path): digest_of_file(path) for path in paths}
        with self._keeping:
            before = self.manifest
            kept = {**before.files, **{name: sha for name, sha in found.items() if sha is not None}}
            self.files.keep_manifest(before.model_copy(update={"files": kept}), self.journal)

    def keep_data(self, digests: Mapping[str, DataDigest]) -> None:
        """Keep the digests of data that were read."""
        with self._keeping:
            before = self.manifest
            if any(before.data.get(name) != digest for name, digest in digests.items()):
                data = {**before.data, **digests}
                self.files.keep_manifest(before.model_copy(update={"data": data}), self.journal)

    def has_whole(self, *paths: Path) -> bool:
        """Say whether files that the run has made are there, and are what it has made."""
        manifest = self.manifest
        return all(self.files.is_whole(path, manifest) for path in paths)


@asynccontextmanager
async def open_stage(directory: str, name: str, *, repair: bool = False) -> AsyncIterator[Workspace]:
    """Open a run for one stage, and for nobody else; its time and outcome are journalled when it ends.

    Args:
        directory: the run directory.
        name: the stage.
        repair: check the databases; a damaged one is renamed, and a new one begun. The first stage does so;
            every other one works with what the first one found.

    Raises:
        RunFailedError: the run's config or prompts were changed since its first stage.
        RunDirectoryError: there is no run in that directory, or another process works in it.
        StorageError: its files cannot be read or written.
    """
    started = time.perf_counter()
    await asyncio.to_thread(RunDirectory, Path(directory))
    with storage_errors(directory):
        async with held(directory):
            if repair:
                for note in await asyncio.to_thread(lambda: make_whole(RunDirectory(Path(directory)))):
                    _LOG.warning("%s", note)
            writer = get_stream_writer()
            work = await finish_in_thread(
                lambda: _open(Path(directory), name, writer, begins=repair),
                lambda opened: opened.journal.close(),
            )
            finished = False
            work.report(0, 0)
            try:
                yield work
                finished = True
            finally:
                report = json.dumps(work.outcome) if finished else None
                seconds = time.perf_counter() - started
                await finish_in_thread(lambda: _close(work.journal, name, seconds, report))


@asynccontextmanager
async def open_cache(work: Workspace) -> AsyncIterator[ReplyCache]:
    """Open what the models have replied to a run, and say at the end how much of it was used again."""
    store = await finish_in_thread(work.files.open_replies, ReplyStore.close)
    cache = ReplyCache(store)
    try:
        yield cache
    finally:
        await asyncio.shield(store.flush())
        await finish_in_thread(store.close)
        for agent, reused in sorted(cache.reused.items()):
            if reused:
                _LOG.info("%s: %s of %s answers reused", agent, f"{reused:,}", f"{cache.asked[agent]:,}")


def _open(path: Path, stage: str, emit: Callable[[dict[str, Any]], None], *, begins: bool) -> Workspace:
    """Open a run for a stage; one that goes on from the stage before it finds what that one worked with."""
    work = Workspace(path, stage, emit)
    try:
        if not begins:
            _check_unchanged(work)
    except BaseException:
        work.journal.close()
        raise
    return work


def _check_unchanged(work: Workspace) -> None:
    """Check that the run goes on with what its first stage found."""
    try:
        check_own_config(work.files, work.manifest)
        known = work.journal.validity.inputs
        same = not any(known) or fingerprints(work.config, work.prompts).decisions == known
    except (RunDirectoryError, PromptError) as exc:
        raise RunFailedError(f"{work.files.path}: changed while it worked: {exc}") from exc
    if not same:
        raise RunFailedError(
            f"{work.files.path}: its config.yaml or prompts were changed while it worked; "
            f"`robustft resume {work.files.path}` does again what depends on them"
        )


def _close(journal: Journal, stage: str, seconds: float, report: str | None) -> None:
    try:
        journal.end_stage(stage, seconds, report)
    finally:
        journal.close()


async def bind_agents(
    work: Workspace, pool: ModelPool, cache: ReplyCache, examples: ExampleStore | None
) -> Agents:
    """Return a run's agents, with their models opened in its pool."""
    models = await load_models(pool, work.config, work.files.state)

    def build() -> Agents:
        # All of them, not those that are left: a resumed run asks for the same room.
        lengths = measure(work.journal.samples("train"))
        return build_agents(work.config, models, work.prompts, examples, cache, lengths)

    # In a thread: the samples are measured, and the prompts may still have to be read.
    return await asyncio.to_thread(build)
