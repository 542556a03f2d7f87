"""Writing a file so that readers see either the old one or the whole new one."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from stores.places import check_replaceable


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path in the same folder to write to; what lies there takes `path`'s place on success.

    On any failure, a Ctrl-C too, `path` is left as it was and the temporary file is removed.

    Args:
        path: the file to write or replace. Its folder must exist.

    Raises:
        OSError: the folder is missing, cannot be written, or is full. Or no plain file lies at `path`: a
            link, a FIFO or a device is left as it is.
    """
    check_replaceable(path)
    # Not `tempfile`: its files are readable by their owner alone, and the finished file would be too.
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check_replaceable(path)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Put on disk which files a folder has: a power cut must not undo a rename that others build on.

    Raises:
        OSError: the disk fails.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_tree(folder: Path) -> None:
    """Put a folder with all that is in it on disk, before it is renamed.

    Raises:
        OSError: the disk fails.
    """
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


@contextmanager
def atomic_writer(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file that takes `path`'s place once it is written in full; see `atomic_path`.

    Raises:
        OSError: the folder is missing, cannot be written, or is full.
    """
    with atomic_path(path) as temporary, temporary.open("x", encoding="utf-8", newline="\n") as file:
        yield file


def write_text_atomically(path: Path, text: str) -> None:
    """Write a text that takes `path`'s place once it is written in full.

    Raises:
        OSError: the folder is missing, cannot be written, or is full.
    """
    with atomic_writer(path) as file:
        file.write(text)


def write_json_atomically(path: Path, value: object) -> None:
    """Write a value as indented JSON that takes `path`'s place once it is written in full.

    Raises:
        OSError: the folder is missing, cannot be written, or is full.
        TypeError: the value is not one that JSON knows.
        ValueError: the value holds NaN or an infinity, which JSON cannot say.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    write_text_atomically(path, f"{text}\n")
