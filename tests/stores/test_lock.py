"""One run at a time in a directory: who holds it is named, and nobody holds it who is gone."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stores.errors import RunDirectoryError
from stores.lock import RunLock
from tests.support.odd import KINDS, Outside, plant


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Path:
    folder = tmp_path / ".state"
    folder.mkdir()
    return folder


def test_a_second_run_is_refused_and_told_who_works_there(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(RunDirectoryError) as error:
        RunLock(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: process {os.getpid()} on {socket.gethostname()} works")
    lock.release()


def test_a_refused_run_leaves_the_holder_its_lock(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    for _ in range(2):
        with pytest.raises(RunDirectoryError, match=str(os.getpid())):
            RunLock(tmp_path)
    lock.release()
    RunLock(tmp_path).release()


def test_a_lock_can_be_released_twice(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.release()
    other = RunLock(tmp_path)
    lock.release()
    with pytest.raises(RunDirectoryError):
        RunLock(tmp_path)
    other.release()


def test_a_lock_file_of_a_run_that_is_over_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / ".state" / "run.lock").write_text(json.dumps({"pid": 1, "host": "elsewhere"}) + " " * 100)
    lock = RunLock(tmp_path)
    assert json.loads((tmp_path / ".state" / "run.lock").read_text())["pid"] == os.getpid()
    lock.release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x", "host": 1}', '{"host": "h"}', "null"])
def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path, content: str) -> None:
    lock = RunLock(tmp_path)
    (tmp_path / ".state" / "run.lock").write_text(content)
    with pytest.raises(RunDirectoryError, match="another process works in it"):
        RunLock(tmp_path)
    lock.release()


def test_the_lock_does_not_outlive_a_child_that_it_was_open_beside(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        RunLock(tmp_path).release()
        child.communicate(b"\n", timeout=20)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "hard_link"])
def test_what_is_no_lock_of_ours_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    outside, file = Outside(tmp_path), tmp_path / ".state" / "run.lock"
    plant(kind, file, outside)
    before = file.lstat()
    with pytest.raises(RunDirectoryError, match="no lock of RobustFT's"):
        RunLock(tmp_path)
    assert outside.is_as_it_was()
    assert (file.lstat().st_ino, file.lstat().st_size) == (before.st_ino, before.st_size)


def test_a_lock_that_has_another_name_is_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text('{"pid": 7, "host": "x"}')
    (tmp_path / ".state" / "run.lock").hardlink_to(other)
    with pytest.raises(RunDirectoryError, match="hard links"):
        RunLock(tmp_path)
    assert other.read_text() == '{"pid": 7, "host": "x"}'


def test_a_state_folder_that_is_a_link_is_not_followed(tmp_path: Path, state: Path) -> None:
    outside = Outside(tmp_path)
    state.rmdir()
    state.symlink_to(outside.folder)
    with pytest.raises(RunDirectoryError, match="no lock of RobustFT's"):
        RunLock(tmp_path)
    assert outside.is_as_it_was()


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b'{"pid": 1', b'{"pi', b'{"pid": 1, "host": "h"}'])
def test_a_lock_that_a_power_cut_tore_is_taken(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".state" / "run.lock").write_bytes(content)
    RunLock(tmp_path).release()
    assert json.loads((tmp_path / ".state" / "run.lock").read_text())["pid"] == os.getpid()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunLock(tmp_path / "none")
