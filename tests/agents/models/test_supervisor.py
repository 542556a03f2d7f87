"""The supervisor: what it started ends with it, and it ends with its owner, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agents.models import supervisor
from tests.support.waiting import wait_until

SUPERVISOR = str(supervisor.__file__)
SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEP}"
)

# Starts a child that ignores SIGTERM, and says its own process id and the child's when both are ready.
PARENT = f"""
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
child.stdout.readline()
told = pathlib.Path(sys.argv[1])
told.with_suffix(".part").write_text(f"{{os.getpid()}} {{child.pid}}")
told.with_suffix(".part").rename(told)
"""

# Owns a supervisor as the pool does: by holding the other end of its standard input.
OWNER = """
import subprocess, sys, time
supervisor = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
time.sleep(60)
"""


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Path]:
    """Where a command says which processes it consists of; they are gone after the test in any case."""
    file = tmp_path / "processes"
    yield file
    for pid in processes(file) if file.exists() else []:
        if not is_gone(pid):
            os.kill(pid, signal.SIGKILL)


def supervised(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", SUPERVISOR, sys.executable, "-I", "-c", script, *arguments]


def start(script: str, told: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(supervised(script, str(told)), stdin=subprocess.PIPE)
    wait_until(told.exists)
    return process


def processes(told: Path) -> list[int]:
    return [int(pid) for pid in told.read_text().split()]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(told: Path) -> None:
    pids = processes(told)
    assert len(pids) == 2
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_closed_standard_input_ends_the_command_and_what_it_started(told: Path) -> None:
    process = start(PARENT + SLEEP, told)
    assert not any(is_gone(pid) for pid in processes(told))
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=20)
    wait_until_gone(told)


def test_a_killed_owner_takes_the_command_with_it(told: Path) -> None:
    command = supervised(PARENT + SLEEP, str(told))
    owner = subprocess.Popen([sys.executable, "-I", "-c", OWNER, *command], stdin=subprocess.DEVNULL)
    wait_until(told.exists)
    owner.send_signal(signal.SIGKILL)
    owner.wait(timeout=20)
    wait_until_gone(told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_supervisor_ends_the_command(told: Path, number: signal.Signals) -> None:
    process = start(PARENT + SLEEP, told)
    process.send_signal(number)
    process.wait(timeout=20)
    wait_until_gone(told)


def test_the_code_of_a_command_that_ends_is_passed_on_and_its_leftovers_are_killed(told: Path) -> None:
    process = start(PARENT + "sys.exit(7)", told)
    assert process.wait(timeout=20) == 7
    wait_until_gone(told)


@pytest.mark.parametrize(("ending", "code"), [("sys.exit(0)", 0), ("os.kill(os.getpid(), 9)", 128 + 9)])
def test_a_command_ends_with_a_code_as_in_a_shell(ending: str, code: int) -> None:
    process = subprocess.Popen(supervised(f"import os, sys; {ending}"), stdin=subprocess.PIPE)
    assert process.wait(timeout=20) == code


def test_the_command_reads_nothing_from_the_owner() -> None:
    script = "import sys; sys.exit(5 if sys.stdin.read() == '' else 6)"
    process = subprocess.Popen(supervised(script), stdin=subprocess.PIPE)
    assert process.wait(timeout=20) == 5
