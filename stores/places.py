"""What lies at a path: whether it is what RobustFT would read there, replace or remove."""

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from stores.errors import RunDirectoryError

STATE = ".state"
"""The folder of a run directory that holds what only RobustFT reads."""

_ODD = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
# Of a run directory; what else lies in it is the user's, and is left alone.
_FILES = frozenset(
    f"{name}.jsonl" for name in ("decisions", "training", "dropped", "skipped", "evaluation")
) | {"config.yaml", "summary.json"}
_FOLDERS = frozenset({"prompts", "adapter", STATE})
_STATE_FILES = frozenset(
    {"journal.sqlite", "replies.sqlite", "manifest.json", "run.lock", "similarities.npy", "turned.json"}
)
_STATE_FOLDERS = frozenset({"checkpoints", "chroma", "calibration", "glance", "replacement"})
# Of `.state/`: these are written in place, so that another name of the same file would change with them.
_IN_PLACE = ("run.lock", "journal.sqlite*", "replies.sqlite*")
_ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
_MARK = "making.json"


def odd_kind(path: Path) -> str | None:
    """Return what lies at a path, as "a FIFO", where that is no plain file; None for a file or nothing.

    A symbolic link is what it is, wherever it leads.

    Raises:
        OSError: nobody can tell.
    """
    try:
        return _ODD.get(stat.S_IFMT(path.lstat().st_mode))
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_plain(path: Path) -> None:
    """Check before a file is opened for reading that it has an end, and that opening it waits for nobody.

    A link to a plain file is one. So is nothing at all, which opening will tell.

    Raises:
        OSError: a FIFO, a socket or a device lies there.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except OSError:
        return
    if kind in _ODD and kind != stat.S_IFDIR:
        raise OSError(errno.EINVAL, f"it is {_ODD[kind]}; write what it holds into a file", str(path))


def check_replaceable(path: Path) -> None:
    """Check that what a file would take the place of is a plain file, or nothing.

    Raises:
        OSError: it is something else.
    """
    if kind := odd_kind(path):
        raise OSError(errno.EEXIST, f"it is {kind}", str(path))


def check_run_directory(path: Path) -> None:
    """Check that all files and folders of a run are files and folders, and none is a link.

    What lies at other names in the directory itself is not looked at.

    Args:
        path: the run directory; it may be a link itself.

    Raises:
        RunDirectoryError: something else lies there.
    """
    for place, kind, wanted in _odd_places(path):
        raise RunDirectoryError(
            f"{place}: is {kind} where a run has {wanted}. RobustFT made no such thing and follows none: "
            "move it away, or put back what was there"
        )
    if _is_anothers(path / "adapter"):
        raise RunDirectoryError(
            f"{path / 'adapter'}: holds no adapter (neither {' nor '.join(_ADAPTER)}), and training would "
            "replace it: move it away"
        )


def _odd_places(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield what in a run directory is not what it should be: its path, what it is, and what it should be."""
    for names, own in ((_FILES, path), (_STATE_FILES, path / STATE)):
        for name in sorted(names):
            if (kind := odd_kind(own / name)) is not None:
                yield own / name, kind, "a file"
    for names, own in ((_FOLDERS, path), (_STATE_FOLDERS, path / STATE)):
        for name in sorted(names):
            if os.path.lexists(own / name) and (kind := odd_kind(own / name)) != "a folder":
                yield own / name, kind or "a file", "a folder"
    for name in sorted(_FOLDERS):
        yield from ((place, kind, "a file") for place, kind in _odd_below(path / name))


def _odd_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield what below a folder is neither a file nor a folder. What goes away meanwhile was ours.

    Hidden names are left out: editors and file managers make them, and no run reads one.
    """
    for parent, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            if name.startswith("."):
                continue
            kind = odd_kind(Path(parent, name))
            if kind not in (None, "a folder"):
                yield Path(parent, name), str(kind)


def _is_anothers(adapter: Path) -> bool:
    """Say whether a folder is no adapter: it holds something, but nothing that every adapter holds."""
    try:
        names = {entry.name for entry in adapter.iterdir() if not entry.name.startswith(".")}
    except OSError:
        return False
    return bool(names) and names.isdisjoint(_ADAPTER)


def check_unshared(path: Path) -> None:
    """Check that the files of a run that are written in place have no other names.

    Args:
        path: the run directory.

    Raises:
        RunDirectoryError: one has, as in a copy of the directory that is made of hard links.
    """
    for pattern in _IN_PLACE:
        for file in sorted((path / STATE).glob(pattern)):
            try:
                names = file.lstat().st_nlink
            except OSError:
                continue
            if names > 1:
                raise RunDirectoryError(
                    f"{file}: has {names} names (hard links), and writing to one changes the others; "
                    "put a copy of the file in its place"
                )


def make_folder(beside: Path, prefix: str) -> Path:
    """Make a new folder of a random name; who may read it, the umask says, unlike `tempfile`'s.

    Args:
        beside: the folder to make it in.
        prefix: what its name begins with; eight signs follow.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        folder = beside / f"{prefix}{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def remove_folder(folder: Path, state: Path) -> None:
    """Remove a folder of a run at once, whatever becomes of the process: no half of it is ever seen.

    Args:
        folder: the folder; it may be missing.
        state: the `.state` folder of the run, where it is moved to first.
    """
    if not os.path.lexists(folder):
        return
    aside = state / f"removed-{secrets.token_hex(4)}"
    folder.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


def keep_others(prompts: Path, new: Path, own: Collection[str]) -> None:
    """Move what is no prompt of ours from a folder of prompts to the one that takes its place.

    Args:
        prompts: the folder; it may be missing.
        new: the new one, which has the other prompts.
        own: the names of the prompts in the first.
    """
    for parent, _, files in os.walk(prompts):
        for name in files:
            file = Path(parent, name)
            place = new / file.relative_to(prompts)
            is_own = name.endswith(".md") and file.relative_to(prompts).with_suffix("").as_posix() in own
            if not is_own and not os.path.lexists(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)


def remove_left_over(path: Path) -> None:
    """Remove what a killed process had begun to write in a run directory: files of our names alone."""
    for folder, names in ((path, _FILES), (path / STATE, None)):
        for file in folder.glob(".*.tmp"):
            name, _, _ = file.name[1 : -len(".tmp")].rpartition(".")
            if (names is None or name in names) and odd_kind(file) is None:
                file.unlink(missing_ok=True)
    for removed in (path / STATE).glob("removed-????????"):
        shutil.rmtree(removed, ignore_errors=True)


def mark_making(folder: Path) -> None:
    """Mark a folder as a run directory in the making, so that it can be told from all others.

    The mark names the folder: a copy, or the directory in its place, has another name.
    """
    (folder / STATE / _MARK).write_text(json.dumps({"making": folder.name}), encoding="utf-8")


def unmark(folder: Path) -> None:
    """Take the mark away."""
    (folder / STATE / _MARK).unlink(missing_ok=True)


def is_in_making(folder: Path) -> bool:
    """Say whether a folder bears the mark of a run directory in the making, and it is this very folder's."""
    mark = folder / STATE / _MARK
    if odd_kind(folder) != "a folder" or odd_kind(folder / STATE) != "a folder" or odd_kind(mark):
        return False
    try:
        with mark.open("rb") as file:
            return bool(json.loads(file.read(1000)) == {"making": folder.name})
    except (OSError, ValueError):
        return False
