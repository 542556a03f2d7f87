"""Odd things at the place of a file or folder, and whether what lies outside was touched."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path


class Outside:
    """A file and a folder that a link may lead to, and that nobody is to change."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "outside.txt"
        self.folder = folder / "outside"
        self.missing = folder / "missing"
        self.file.write_text("nobody's but mine\n" * 100)
        (self.folder / "inner").mkdir(parents=True)
        (self.folder / "config.yaml").write_text("mine too\n")
        (self.folder / "inner" / "base.md").write_text("and this\n")
        self._before = self._look()

    def is_as_it_was(self) -> bool:
        return self._look() == self._before and not os.path.lexists(self.missing)

    def _look(self) -> dict[str, tuple[int, bytes]]:
        paths = [self.file, self.folder, *sorted(self.folder.rglob("*"))]
        return {
            str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"") for path in paths
        }


def link_to_file(path: Path, outside: Outside) -> None:
    path.symlink_to(outside.file)


def link_to_folder(path: Path, outside: Outside) -> None:
    path.symlink_to(outside.folder)


def dangling_link(path: Path, outside: Outside) -> None:
    path.symlink_to(outside.missing)


def link_to_itself(path: Path, outside: Outside) -> None:
    path.symlink_to(path.name)


def fifo(path: Path, outside: Outside) -> None:
    os.mkfifo(path)


def unix_socket(path: Path, outside: Outside) -> None:
    here = Path.cwd()
    # Its path is limited to a hundred bytes or so.
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def folder(path: Path, outside: Outside) -> None:
    path.mkdir()
    (path / "theirs.txt").write_text("theirs")


def file(path: Path, outside: Outside) -> None:
    path.write_text("theirs")


def hard_link(path: Path, outside: Outside) -> None:
    path.hardlink_to(outside.file)


Plant = Callable[[Path, Outside], None]
KINDS: dict[str, Plant] = {
    one.__name__: one
    for one in (
        link_to_file,
        link_to_folder,
        dangling_link,
        link_to_itself,
        fifo,
        unix_socket,
        folder,
        file,
        hard_link,
    )
}


def plant(kind: str, path: Path, outside: Outside) -> None:
    """Put an odd thing in the place of what lies at a path, or where nothing does."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path, outside)
