"""The folder of one run: where each file is, and how the folder comes to be."""

import glob
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from stores.atomic import sync_folder, sync_tree, write_text_atomically
from stores.database import is_damage
from stores.errors import DamageError, RunDirectoryError, StorageError
from stores.journal import Journal
from stores.lock import RunLock
from stores.manifest import Manifest, digest_of_file, load_manifest, read_manifest, save_manifest
from stores.places import (
    STATE,
    check_run_directory,
    is_in_making,
    keep_others,
    make_folder,
    mark_making,
    remove_folder,
    unmark,
)
from stores.replies import ReplyStore

# A reader waits so long for a run at work to keep the digest of a file that it has renamed.
_TRIES, _BETWEEN = 5, 0.05


class RunDirectory:
    """The files of one run (the layout is a contract; see docs/architecture.md).

    What people read lies in the folder itself. What only RobustFT reads lies in `.state/`.

    Args:
        path: the folder of a run that `StagedRun` made.

    Raises:
        RunDirectoryError: there is no run in that folder, or one of an earlier version. Or something lies
            there in the place of one of its files: no link is followed, and no FIFO waited for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _refuse_earlier_layout(path)
        if not holds_run(path):
            raise RunDirectoryError(f"{path}: holds no run (no {STATE}/manifest.json in it)")
        check_run_directory(path)

    @property
    def config(self) -> Path:
        """The resolved config, secrets left out."""
        return self.path / "config.yaml"

    @property
    def prompts(self) -> Path:
        """The folder of every prompt template as it is used: one file a role's turn."""
        return self.path / "prompts"

    @property
    def state(self) -> Path:
        """The folder of what only RobustFT reads: databases, vectors, the lock, servers' logs."""
        return self.path / STATE

    @property
    def journal(self) -> Path:
        """The SQLite journal that the other records are exported from."""
        return self.state / "journal.sqlite"

    @property
    def own(self) -> Path:
        """The file of the run's manifest."""
        return self.state / "manifest.json"

    @property
    def replies(self) -> Path:
        """Every reply that a model gave, with what it was asked."""
        return self.state / "replies.sqlite"

    @property
    def decisions(self) -> Path:
        """One line per finished sample: every view and verdict."""
        return self.path / "decisions.jsonl"

    @property
    def training(self) -> Path:
        """What is trained on, as prompt-completion conversations."""
        return self.path / "training.jsonl"

    @property
    def dropped(self) -> Path:
        """What was left out of training, with the reason."""
        return self.path / "dropped.jsonl"

    @property
    def skipped(self) -> Path:
        """The rows of the data files that were set aside, with the reason."""
        return self.path / "skipped.jsonl"

    @property
    def summary(self) -> Path:
        """The run's figures."""
        return self.path / "summary.json"

    @property
    def evaluation(self) -> Path:
        """One line per held-out sample: what the models answered."""
        return self.path / "evaluation.jsonl"

    @property
    def adapter(self) -> Path:
        """The PEFT adapter."""
        return self.path / "adapter"

    @property
    def adapter_files(self) -> tuple[Path, Path]:
        """The files that an adapter is: its settings and its matrices."""
        return self.adapter / "adapter_config.json", self.adapter / "adapter_model.safetensors"

    @property
    def checkpoints(self) -> Path:
        """What an interrupted training goes on from; gone when it is done."""
        return self.state / "checkpoints"

    @property
    def chroma(self) -> Path:
        """The example store."""
        return self.state / "chroma"

    @property
    def calibration(self) -> Path:
        """The folder of what the calibrated checker has learned from all samples."""
        return self.state / "calibration"

    @property
    def glance(self) -> Path:
        """What was learned from the base view alone (a folder)."""
        return self.state / "glance"

    @property
    def similarities(self) -> Path:
        """How similar free-text responses are to what the agents say."""
        return self.state / "similarities.npy"

    @property
    def turned(self) -> Path:
        """How plausible some free-text responses are as given and with a fact turned."""
        return self.state / "turned.json"

    def open_journal(self, *, read_only: bool = False) -> Journal:
        """Open the journal for reading and writing, or for reading alone.

        Raises:
            RunDirectoryError: it is another run's.
        """
        manifest = load_manifest(self.own) if read_only else self.manifest()
        journal = Journal(self.journal, read_only=read_only, owner=manifest.run if manifest else "")
        if manifest is not None and journal.owner != manifest.run:
            journal.close()
            raise RunDirectoryError(
                f"{self.journal}: is another run's; `robustft resume {self.path}` puts that right, or says "
                "what is to be done"
            )
        return journal

    def open_replies(self) -> ReplyStore:
        """Open the replies for reading and writing."""
        return ReplyStore(self.replies, self.manifest().run)

    def manifest(self) -> Manifest:
        """Return what the run knows of its own files; nothing is opened for writing.

        Raises:
            RunDirectoryError: that is lost, in the journal too.
        """
        found = load_manifest(self.own)
        if found is None:
            with suppress(sqlite3.Error, StorageError, RunDirectoryError):
                journal = Journal(self.journal, read_only=True)
                try:
                    found = read_manifest(journal.validity.manifest or "")
                finally:
                    journal.close()
        if found is None:
            raise RunDirectoryError(
                f"{self.path}: what the run knows of itself is lost: neither {STATE}/manifest.json nor "
                f"{STATE}/journal.sqlite can be read; begin a new run with --reuse {self.path}, which asks "
                "nothing again that has a reply"
            )
        return found

    def keep_manifest(self, manifest: Manifest, journal: Journal) -> None:
        """Keep a manifest, and a copy of it in the journal."""
        save_manifest(self.own, manifest)
        journal.validity.keep_manifest(manifest.to_text())

    def has_own(self, manifest: Manifest) -> bool:
        """Say whether config and prompts lie there as the run has written them."""
        try:
            files = [path for path in self.prompts.rglob("*.md") if path.is_file()]
            if self.prompts.is_symlink() or self.config.is_symlink() or any(map(Path.is_symlink, files)):
                return False
            names = {path.relative_to(self.prompts).with_suffix("").as_posix(): path for path in files}
            return self.config.read_bytes() == manifest.config.encode() and manifest.prompts == {
                name: path.read_text(encoding="utf-8") for name, path in names.items()
            }
        except (OSError, ValueError):
            return False

    def name_of(self, path: Path) -> str:
        """Return the name that the manifest has for a file of the run."""
        return path.relative_to(self.path).as_posix()

    def is_whole(self, path: Path, manifest: Manifest) -> bool:
        """Say whether a file is there, and is what the run has made."""
        known = manifest.files.get(self.name_of(path))
        return known is not None and digest_of_file(path) == known

    def check_made(self, *paths: Path) -> None:
        """Check that files are what the run has made; one of which nothing is kept is none of its.

        Raises:
            DamageError: one is not.
        """
        for _ in range(_TRIES):
            manifest = self.manifest()
            known = [(path, manifest.files.get(self.name_of(path))) for path in paths]
            wrong = next((path for path, sha in known if sha and digest_of_file(path) != sha), None)
            if wrong is None:
                return
            # A run at work renames a file and then keeps its digest.
            time.sleep(_BETWEEN)
        raise DamageError(wrong or self.path, self.path)

    def replace(self, config: str, prompts: Mapping[str, str]) -> Manifest:
        """Put another config and other prompts in place: both or neither, whatever becomes of the process.

        Args:
            config: the resolved config as YAML text.
            prompts: each prompt's text by its name.

        Returns:
            What the run knows of itself now.
        """
        manifest = self.manifest().model_copy(update={"config": config, "prompts": dict(prompts)})
        part = self.state / "replacement.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        write_text_atomically(part / "config.yaml", config)
        write_prompts(part / "prompts", prompts)
        save_manifest(part / "manifest.json", manifest)
        sync_tree(part)
        # From here on it will be finished, by `stores.mending` if not by us.
        part.rename(self.state / "replacement")
        sync_folder(self.state)
        self.finish_replacing()
        return manifest

    def finish_replacing(self) -> None:
        """Finish a replacement of config and prompts that was begun."""
        replacement = self.state / "replacement"
        if (replacement / "config.yaml").is_file():
            (replacement / "config.yaml").replace(self.config)
        if (replacement / "prompts").is_dir():
            keep_others(self.prompts, replacement / "prompts")
            remove_folder(self.prompts, self.state)
            (replacement / "prompts").rename(self.prompts)
        if (replacement / "manifest.json").is_file():
            (replacement / "manifest.json").replace(self.own)
        if replacement.is_dir():
            sync_folder(self.path)
            replacement.rmdir()


def write_prompts(folder: Path, prompts: Mapping[str, str]) -> None:
    """Write each prompt's text to `NAME.md` in a new folder; `TURN/FORM` goes into a folder of the turn."""
    folder.mkdir()
    for name, text in prompts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_text_atomically(folder / f"{name}.md", text)


def holds_run(path: Path) -> bool:
    """Say whether there is a run in this folder."""
    try:
        # A journal that was set aside still tells a run's directory from others.
        state = path / STATE
        if (state / "manifest.json").is_file():
            return True
        return (path / "config.yaml").is_file() and any(state.glob("journal.sqlite*"))
    except OSError:
        return False


@contextmanager
def storage_errors(directory: str) -> Iterator[None]:
    """Give what breaks beneath a run's files a message that says what to do.

    Raises:
        StorageError: in place of an `OSError` or `sqlite3.Error`.
    """
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


def _refuse_earlier_layout(path: Path) -> None:
    """Check that a folder holds no run of an earlier RobustFT, whose databases lay in the folder itself."""
    try:
        is_earlier = (
            not holds_run(path) and (path / "config.yaml").is_file() and any(path.glob("journal.sqlite*"))
        )
    except OSError:
        return
    if is_earlier:
        raise RunDirectoryError(
            f"{path}: holds a run of an earlier RobustFT, which this version cannot read; "
            "begin a new one with its config.yaml and another --out"
        )


def ensure_free(path: Path) -> None:
    """Check that a new run may be made at this path, before anything is read or asked.

    Raises:
        RunDirectoryError: the folder holds a run or other files, or its parent cannot be written.
    """
    _refuse_earlier_layout(path)
    if holds_run(path):
        raise RunDirectoryError(
            f"{path}: holds a run already; continue it with `robustft resume {path}` "
            "(or --resume), or choose another --out"
        )
    try:
        place = path.resolve()
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise RunDirectoryError(f"{path}: exists and is not empty; choose another --out")
        with tempfile.TemporaryDirectory(prefix=".robustft-", dir=_nearest_folder(place)):
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
