"""A run directory in the making: whole or not at all, and nothing is left of one that was not finished."""

import subprocess
import sys
from pathlib import Path

import pytest

from stores.errors import RunDirectoryError
from stores.run_directory import StagedRun, holds_run


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
        "import os, sys; from pathlib import Path; from stores.run_directory import StagedRun; "
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


def test_one_that_is_being_made_by_another_is_left_alone(tmp_path: Path) -> None:
    first = StagedRun(tmp_path / "run", "{}", {})
    second = StagedRun(tmp_path / "run", "{}", {})
    assert first.folder.exists()
    second.commit()
    with pytest.raises((RunDirectoryError, OSError)):
        first.commit()
    first.discard()
    assert names(tmp_path) == {"run"}
