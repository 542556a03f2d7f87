"""A run directory in the making: whole or not at all, and nothing is left of one that was not finished."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stores.errors import RunDirectoryError
from stores.run_directory import RunDirectory, holds_run
from stores.staged_run import StagedRun, ensure_free


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_is_in_its_place_once_it_is_whole(tmp_path: Path) -> None:
    staged = StagedRun(tmp_path / "run", "{}", {})
    assert not holds_run(tmp_path / "run")
    staged.commit()
    staged.discard()
    assert holds_run(tmp_path / "run")
    assert names(tmp_path) == {"run"}


def test_nothing_is_left_of_one_that_is_given_up(tmp_path: Path) -> None:
    StagedRun(tmp_path / "run", "{}", {}).discard()
    assert names(tmp_path) == set()


def test_what_a_killed_process_left_is_removed_by_the_next_that_makes_it(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from stores.staged_run import StagedRun; "
        "StagedRun(Path(sys.argv[1]), '{}', {}); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    assert subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode == 9
    (left,) = names(tmp_path)
    (tmp_path / ".run-notours").mkdir()
    staged = StagedRun(tmp_path / "run", "{}", {})
    assert left not in names(tmp_path)
    staged.commit()
    assert names(tmp_path) == {"run", ".run-notours"}


def test_a_backup_of_a_name_like_ours_stays(tmp_path: Path) -> None:
    StagedRun(tmp_path / "run", "{}", {}).commit()
    # Eight signs behind the name, as a date has; even one that was copied while it was made.
    shutil.copytree(tmp_path / "run", tmp_path / ".run-20261127")
    making = StagedRun(tmp_path / "other", "{}", {})
    shutil.copytree(making.folder, tmp_path / ".other-20261127")
    making.discard()
    (tmp_path / ".other-linked01").symlink_to(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    for name in ("run", "other"):
        StagedRun(tmp_path / name, "{}", {}).commit()
    assert names(tmp_path) == {"run", "other", ".run-20261127", ".other-20261127", ".other-linked01"}
    assert holds_run(tmp_path / ".run-20261127")
    assert names(tmp_path / "run" / ".state") == {"journal.sqlite", "manifest.json", "run.lock"}


def test_one_that_is_being_made_by_another_is_left_alone(tmp_path: Path) -> None:
    first = StagedRun(tmp_path / "run", "{}", {})
    second = StagedRun(tmp_path / "run", "{}", {})
    assert first.folder.exists()
    second.commit()
    with pytest.raises((RunDirectoryError, OSError)):
        first.commit()
    first.discard()
    assert names(tmp_path) == {"run"}


@pytest.mark.parametrize("made", ["an empty folder", "nothing", "a link to an empty folder"])
def test_a_link_is_followed_to_where_the_run_belongs(tmp_path: Path, made: str) -> None:
    disk, link = tmp_path / "disk" / "scratch", tmp_path / "run"
    if made != "nothing":
        disk.mkdir(parents=True)
    if made == "a link to an empty folder":
        between = tmp_path / "between"
        between.symlink_to(disk, target_is_directory=True)
        link.symlink_to(between, target_is_directory=True)
    else:
        disk.parent.mkdir(exist_ok=True)
        link.symlink_to(disk, target_is_directory=True)
    staged = StagedRun(link, "{}", {})
    assert staged.folder.parent == disk.parent
    staged.commit()
    assert link.is_symlink()
    assert holds_run(link)
    assert holds_run(disk)
    assert [path.name for path in disk.parent.iterdir()] == ["scratch"]
    with pytest.raises(RunDirectoryError, match="holds a run already"):
        ensure_free(link)


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match="choose another --out"):
        ensure_free(tmp_path / "run")


def test_of_two_that_are_made_at_once_the_second_is_refused_and_the_first_is_whole(tmp_path: Path) -> None:
    first, second = StagedRun(tmp_path / "run", "{}", {}), StagedRun(tmp_path / "run", "{}", {})
    first.commit()
    with pytest.raises(RunDirectoryError, match="holds a run already"):
        second.commit()
    second.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    RunDirectory(tmp_path / "run")
