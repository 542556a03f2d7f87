"""The folder of one run: where each file is, and how the folder comes to be."""

import glob
import shutil
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from stores.database import set_aside_if_damaged
from stores.errors import RunDirectoryError
from stores.journal import Journal
from stores.lock import RunLock
from stores.replies import ReplyStore


class RunDirectory:
    """The files of one run (the layout is a contract; see the README).

    Args:
        path: the folder of a run that `create` made.

    Raises:
        RunDirectoryError: there is no run in that folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not holds_run(path):
            raise RunDirectoryError(f"{path}: holds no run (no config.yaml or journal.sqlite in it)")

    @property
    def config(self) -> Path:
        """The resolved config, secrets left out."""
        return self.path / "config.yaml"

    @property
    def journal(self) -> Path:
        """The SQLite journal that the other records are exported from."""
        return self.path / "journal.sqlite"

    @property
    def replies(self) -> Path:
        """Every reply that a model gave, by what it was asked."""
        return self.path / "replies.sqlite"

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
    def checkpoints(self) -> Path:
        """What an interrupted training goes on from; gone when it is done."""
        return self.path / "checkpoints"

    @property
    def chroma(self) -> Path:
        """The example store."""
        return self.path / "chroma"

    @property
    def similarities(self) -> Path:
        """How similar free-text responses are to what the agents say."""
        return self.path / "similarities.npy"

    def open_journal(self) -> Journal:
        """Open the journal for reading and writing."""
        return Journal(self.journal)

    def mend(self) -> list[Path]:
        """Rename the databases that are damaged, and remove half-written files; returns the new paths."""
        for path in self.path.glob(".*.tmp"):
            path.unlink()
        renamed = (set_aside_if_damaged(path) for path in (self.journal, self.replies))
        return [path for path in renamed if path is not None]

    def open_replies(self) -> ReplyStore:
        """Open the replies for reading and writing."""
        return ReplyStore(self.replies)


def holds_run(path: Path) -> bool:
    """Say whether there is a run in this folder."""
    try:
        # A journal that was set aside still tells a run's directory from others.
        return (path / "config.yaml").is_file() and any(path.glob("journal.sqlite*"))
    except OSError:
        return False


def ensure_free(path: Path) -> None:
    """Check that a new run may be made at this path, before anything is read or asked.

    Raises:
        RunDirectoryError: the folder holds a run or other files, or its parent cannot be written.
    """
    if holds_run(path):
        raise RunDirectoryError(
            f"{path}: holds a run already; continue it with `robustft resume {path}` "
            "(or --resume), or choose another --out"
        )
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunDirectoryError(f"{path}: exists and is not empty; choose another --out")
        with tempfile.TemporaryDirectory(prefix=".robustft-", dir=_nearest_folder(path)):
            pass
    except OSError as exc:
        raise RunDirectoryError(f"{path}: cannot be created ({exc.strerror}); choose another --out") from exc


def _nearest_folder(path: Path) -> Path:
    """Return the folder that exists already and that the run directory will be made below."""
    return next(folder for folder in path.absolute().parents if folder.exists())


class StagedRun:
    """A new run directory in the making: prepared beside its place and renamed into it, whole or not at all.

    Args:
        path: where the directory shall be.
        config: the resolved config as YAML text.

    Raises:
        RunDirectoryError: see `ensure_free`.
    """

    def __init__(self, path: Path, config: str) -> None:
        ensure_free(path)
        _remove_abandoned(path)
        self._path = path
        # Where the directory's files are until `commit`.
        self.folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=_nearest_folder(path)))
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._lock = RunLock(self.folder)
            undo.callback(self._lock.release)
            self.folder.chmod(0o755)
            (self.folder / "config.yaml").write_text(config, encoding="utf-8")
            self.journal = Journal(self.folder / "journal.sqlite")
            undo.pop_all()

    def commit(self) -> None:
        """Put the directory in its place."""
        self.journal.close()
        self._lock.release()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._path.rmdir()
        self.folder.rename(self._path)

    def discard(self) -> None:
        """Leave nothing behind; does nothing after `commit`."""
        self.journal.close()
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove what a process left that was killed while it made this very directory."""
    for folder in _nearest_folder(path).glob(f".{glob.escape(path.name)}-????????"):
        if (folder / "run.lock").is_file():
            # Locked: it is being made now.
            with suppress(RunDirectoryError):
                lock = RunLock(folder)
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
