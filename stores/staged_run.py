"""A new run directory in the making, and whether there is room for one."""

import glob
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from stores.atomic import sync_folder, sync_tree, write_text_atomically
from stores.errors import RunDirectoryError
from stores.journal import Journal
from stores.lock import RunLock
from stores.manifest import Manifest, save_manifest
from stores.places import STATE, is_in_making, make_folder, mark_making, unmark
from stores.replacement import write_prompts
from stores.run_directory import RunDirectory, holds_run, refuse_earlier_layout


def ensure_free(path: Path) -> None:
    """Check that a new run may be made at this path, before anything is read or asked.

    Raises:
        RunDirectoryError: the folder holds a run or other files, or its parent cannot be written.
    """
    refuse_earlier_layout(path)
    if holds_run(path):
        raise RunDirectoryError(
            f"{path}: holds a run already; continue it with `robustft resume {path}` "
            "(or --resume), or choose another --out"
        )
    try:
        place = path.resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise RunDirectoryError(f"{path}: exists and is not empty; choose another --out")
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=_nearest_folder(place)):
            pass
    except (OSError, RuntimeError) as exc:
        # A link that leads to itself is a RuntimeError.
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise RunDirectoryError(f"{path}: cannot be created ({reason}); choose another --out") from exc


def _nearest_folder(path: Path) -> Path:
    """Return the folder that exists already and that the run directory will be made below."""
    return next(folder for folder in path.absolute().parents if folder.exists())


class StagedRun:
    """A new run directory in the making: prepared beside its place and renamed into it, whole or not at all.

    Args:
        path: where the directory shall be.
        config: the resolved config as YAML text.
        prompts: each prompt's text by its name.

    Raises:
        RunDirectoryError: see `ensure_free`.
    """

    def __init__(self, path: Path, config: str, prompts: Mapping[str, str]) -> None:
        ensure_free(path)
        # Beside what a link leads to, maybe on another disk; a folder cannot take the place of a link.
        path = path.resolve()
        _remove_abandoned(path)
        self._path = path
        # Where the directory's files are until `commit`.
        self.folder = make_folder(_nearest_folder(path), f".{path.name}-")
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.state = self.folder / STATE
            self.state.mkdir()
            self._lock = RunLock(self.folder)
            undo.callback(self._lock.release)
            mark_making(self.folder)
            self.manifest = Manifest(config=config, prompts=dict(prompts))
            """What the run will know of itself."""
            write_text_atomically(self.folder / "config.yaml", config)
            write_prompts(self.folder / "prompts", prompts)
            save_manifest(self.state / "manifest.json", self.manifest)
            self.journal = Journal(self.state / "journal.sqlite", owner=self.manifest.run)
            undo.pop_all()

    def commit(self) -> None:
        """Put the directory in its place.

        Raises:
            RunDirectoryError: something was put there meanwhile, as by another run.
        """
        RunDirectory(self.folder).keep_manifest(self.manifest, self.journal)
        self.journal.close()
        sync_tree(self.folder)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # An empty folder is replaced.
            self.folder.rename(self._path)
            sync_folder(self._path.parent)
        except OSError:
            ensure_free(self._path)
            raise
        unmark(self._path)
        # Not before: who finds it unlocked takes it for abandoned, and removes it.
        self._lock.release()

    def discard(self) -> None:
        """Leave nothing behind; does nothing after `commit`."""
        self.journal.close()
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove what a process left that was killed while it made this very directory; the mark in it tells."""
    for folder in _nearest_folder(path).glob(f".{glob.escape(path.name)}-????????"):
        if is_in_making(folder):
            # Locked: it is being made now.
            with suppress(RunDirectoryError):
                lock = RunLock(folder)
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
