"""Config and prompts of a run are replaced together; one of an earlier layout is refused."""

import sys
from pathlib import Path
from typing import Any

import pytest

from stores.errors import RunDirectoryError
from stores.repairing import make_whole
from stores.run_directory import RunDirectory, holds_run
from stores.staged_run import StagedRun, ensure_free


def made(path: Path) -> RunDirectory:
    StagedRun(path, "old: config", {"base": "old", "lost": "old"}).commit()
    return RunDirectory(path)


def content(files: RunDirectory) -> tuple[str, dict[str, str]]:
    return files.config.read_text(), {path.stem: path.read_text() for path in files.prompts.iterdir()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


OLD = ("old: config", {"base": "old", "lost": "old"})
NEW = ("new: config", {"base": "new"})


def test_config_and_prompts_are_replaced_together(tmp_path: Path) -> None:
    files = made(tmp_path / "run")
    assert content(files) == OLD
    files.replace(*NEW)
    assert content(files) == NEW
    assert names(files.state) == {"journal.sqlite", "manifest.json", "run.lock"}


@pytest.mark.parametrize("call", range(1, 16))
def test_a_replacement_that_is_broken_off_is_finished_or_was_never_begun(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = made(tmp_path / "run")
    calls = 0

    def killed(frame: Any, event: str, function: Any) -> None:
        nonlocal calls
        if event == "c_call" and function.__name__ in ("rename", "replace", "mkdir", "rmdir", "unlink"):
            calls += 1
            if calls == call:
                raise KeyboardInterrupt

    sys.setprofile(killed)
    try:
        files.replace(*NEW)
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)

    make_whole(RunDirectory(tmp_path / "run"))
    assert content(files) in (OLD, NEW)
    files.replace(*NEW)
    assert content(files) == NEW


def test_a_directory_of_the_earlier_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "journal.sqlite").write_bytes(b"")
    before = names(tmp_path)
    for look in (RunDirectory, ensure_free):
        with pytest.raises(RunDirectoryError, match=r"holds a run of an earlier RobustFT.*another --out"):
            look(tmp_path)
    assert not holds_run(tmp_path)
    assert names(tmp_path) == before
