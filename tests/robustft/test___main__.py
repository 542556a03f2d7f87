"""The package runs as the command does."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_package_runs_as_the_command_does() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "robustft", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert told.stdout.strip() == f"robustft {version('robustft')}"
