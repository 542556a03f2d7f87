"""Config and prompts of a run are replaced together, or not at all."""

import sys
from pathlib import Path
from typing import Any

import pytest

from stores.repairing import make_whole
from stores.replacement import replace_texts
from stores.run_directory import RunDirectory
from stores.staged_run import StagedRun


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
    replace_texts(files, *NEW)
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
        replace_texts(files, *NEW)
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)

    make_whole(RunDirectory(tmp_path / "run"))
    assert content(files) in (OLD, NEW)
    replace_texts(files, *NEW)
    assert content(files) == NEW
