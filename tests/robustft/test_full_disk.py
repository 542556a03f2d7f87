"""A disk that is full or cannot be written: one clear message, and a directory that can be gone on with."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robustft import resume, run
from stores.errors import StorageError
from stores.run_directory import RunDirectory
from tests.support.cases import Finished, command, read_lines, script, write_run
from tests.support.endpoint import Endpoint

RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")
Resize = Callable[[str], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Resize]]:
    """A file system of its own, and a way to change its options; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system")

    def remount(options: str) -> None:
        subprocess.run(["/bin/mount", "-o", f"remount,{options}", folder], check=True, capture_output=True)

    yield folder, remount
    subprocess.run(["/bin/umount", "-l", folder], check=True)


# In kilobytes: from too small for the first file to too small for the last.
@pytest.mark.parametrize("size", range(8, 240, 24))
def test_a_full_disk_ends_the_run_and_with_more_room_it_goes_on(
    size: int,
    disk: tuple[Path, Resize],
    tmp_path: Path,
    endpoint: Endpoint,
    mixed: Finished,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, remount = disk
    config = write_run(tmp_path, script(endpoint).url)
    remount(f"size={size}k")
    code = command(monkeypatch, "run", config, "--out", folder / "run", "--until", "select")
    told = capsys.readouterr().err
    assert code in (1, 2), told
    assert "No space left on device" in told or "disk is full" in told or "disk I/O error" in told
    assert "Traceback" not in told
    assert str(folder) in told

    remount("size=64m")
    again = ["run", config, "--out", folder / "run", "--until", "select", "--resume"]
    assert command(monkeypatch, *again) == 0, capsys.readouterr().err
    for name in RECORDS:
        assert (folder / "run" / name).read_bytes() == (mixed.out / name).read_bytes()
    assert {path.name for path in folder.iterdir()} == {"run"}
    assert not list((folder / "run").rglob(".*.tmp"))


def test_a_disk_that_becomes_read_only_ends_the_run_and_later_it_goes_on(
    disk: tuple[Path, Resize], tmp_path: Path, endpoint: Endpoint, mixed: Finished
) -> None:
    folder, remount = disk
    out = folder / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    remount("ro")
    with pytest.raises(StorageError, match=r"Read-only file system|readonly database"):
        resume(out, until="select")
    remount("rw")
    resume(out, until="select")
    assert read_lines(out / "decisions.jsonl") == read_lines(mixed.out / "decisions.jsonl")


def test_a_run_directory_on_a_read_only_disk_is_refused(
    disk: tuple[Path, Resize],
    tmp_path: Path,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, remount = disk
    remount("ro")
    config = write_run(tmp_path, script(endpoint).url)
    assert command(monkeypatch, "run", config, "--out", folder / "run") == 2
    assert "Read-only file system" in capsys.readouterr().err
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("killed", "index"), [(False, True), (True, True), (True, False)], ids=["finished", "killed", "no index"]
)
def test_a_run_on_a_read_only_disk_is_traced_and_exported(
    killed: bool,
    index: bool,
    disk: tuple[Path, Resize],
    tmp_path: Path,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, remount = disk
    out = folder / "run"
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="select")
    if killed:
        # A writer that is still there leaves on disk what a killed one does: its log, and the log's index.
        writing = RunDirectory(tmp_path / "run").open_journal()
        writing.end_stage("report", 1.0, "{}")
    shutil.copytree(tmp_path / "run", out)
    assert (out / ".state" / "journal.sqlite-wal").exists() == killed
    if not index:
        (out / ".state" / "journal.sqlite-shm").unlink()
    remount("ro")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    assert command(monkeypatch, "trace", out, "k", "--prompts") == 0, capsys.readouterr().err
    assert "Which is a vehicle?" in capsys.readouterr().out
    export = ["export", out, "--format", "messages", "--out", tmp_path / "out.jsonl"]
    assert command(monkeypatch, *export) == 0, capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    if killed:
        writing.close()
