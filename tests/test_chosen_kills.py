"""A few kills at chosen changes to the disk: the many are in `make torture`."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.chosen_kills import FAILURES, kill_at_chosen_moments

_CHANGES = """
import os, sqlite3, sys
from pathlib import Path
from tests.support.moments import Moments
folder, last = Path(sys.argv[1]), int(sys.argv[2])
Moments(folder, last, print).watch()
(folder / "a").mkdir()
Path("/dev/null").open("w").close()
with sqlite3.connect(folder / "b") as connection:
    connection.execute("CREATE TABLE t (x)")
(folder / "a").rename(folder / "c")
"""


def _changed(folder: Path, last: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _CHANGES, str(folder), str(last)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))


def test_a_process_dies_before_the_change_that_was_chosen(tmp_path: Path) -> None:
    whole = _changed(tmp_path, 0)
    assert (whole.returncode, whole.stdout.split()) == (0, ["1", "2", "3", "4"])
    other = tmp_path / "other"
    other.mkdir()
    killed = _changed(other, 4)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(path.name for path in other.iterdir()) == ["a", "b"]
    assert sqlite3.connect(other / "b").execute("SELECT count(*) FROM t").fetchone() == (0,)


@pytest.mark.slow
def test_runs_that_are_killed_at_chosen_changes_end_as_one_that_was_not(tmp_path: Path) -> None:
    figures = kill_at_chosen_moments(runs=3, seed=1, folder=tmp_path)
    assert not any(figures[name] for name in FAILURES), figures
    assert figures["kills"] > 0
