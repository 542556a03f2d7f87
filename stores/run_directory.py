"""The folder of one run: where each file is, and how the folder comes to be."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stores.database import is_damage
from stores.errors import DamageError, RunDirectoryError, StorageError
from stores.journal import Journal
from stores.manifest import Manifest, digest_of_file, load_manifest, read_manifest, save_manifest
from stores.places import STATE, check_run_directory
from stores.replies import ReplyStore

# A reader waits so long for a run at work to keep the digest of a file that it has renamed.
_TRIES, _BETWEEN = 5, 0.05
_LOG = logging.getLogger("robustft")
_OTHER_MOMENT = (
    "%s: is of another moment than the run's other files, and may lack samples or verdicts; put this run's "
    "own back, or let `robustft resume %s` make anew what is missing"
)


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
        refuse_earlier_layout(path)
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

        A reader is warned of a journal that is older than the run's other files: a copy of before.

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
        if read_only and not self._is_of_now(journal):
            _LOG.warning(_OTHER_MOMENT, self.journal, self.path)
        return journal

    def _is_of_now(self, journal: Journal) -> bool:
        """Say whether the journal knows of the run's files what the manifest does."""
        for _ in range(_TRIES):
            own = load_manifest(self.own)
            try:
                kept = read_manifest(journal.validity.manifest or "")
            except DamageError:
                # Whoever reads the damaged row tells of it.
                return True
            if own is None or kept is None or own == kept:
                return True
            # A run at work changes the one and then the other.
            time.sleep(_BETWEEN)
        return False

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
            own = {self.config: manifest.config}
            own |= {self.prompts / f"{name}.md": text for name, text in manifest.prompts.items()}
            if self.prompts.is_symlink() or any(map(Path.is_symlink, own)):
                return False
            return all(path.read_bytes() == text.encode() for path, text in own.items())
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


def refuse_earlier_layout(path: Path) -> None:
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
