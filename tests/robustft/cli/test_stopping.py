"""A Ctrl-C or a SIGTERM stops a command in order."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest

from robustft import resume
from robustft.cli.stopping import leave_quietly, stoppable
from tests.support.cases import Finished, asked, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.started import STOPPED, Started
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[3]
INTERRUPTING = """
import importlib.abc, os, signal, sys

module = sys.argv.pop(1)

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)
from robustft.cli import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "rich", "yaml", "graph.config.run", "langgraph", "robustft.api"])
def test_ctrl_c_while_libraries_are_imported_ends_without_a_traceback(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTING, module, "run", "paper", "--data", "nowhere.jsonl"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert (told.returncode, told.stdout, told.stderr) == (130, "", "")


@pytest.mark.parametrize("said", ["", STOPPED], ids=["at once", "while it stops"])
def test_a_second_ctrl_c_does_no_harm(
    said: str, tmp_path: Path, endpoint: Endpoint, mixed: Finished, start: Callable[..., Started]
) -> None:
    out = tmp_path / "run"
    script(endpoint).delay = 0.1
    config = write_run(tmp_path, endpoint.url, run__concurrency=2)
    started = start("run", config, "--out", out, "--until", "select")
    started.wait_for(lambda: ("base", "v") in asked(endpoint))
    started.process.send_signal(signal.SIGINT)
    wait_until(lambda: said in started.said())
    started.process.send_signal(signal.SIGINT)
    assert started.end() == 130
    assert "Traceback" not in started.said()
    endpoint.delay = 0
    resume(out, until="select")
    assert (out / "decisions.jsonl").read_bytes() == (mixed.out / "decisions.jsonl").read_bytes()


@pytest.mark.slow
def test_more_ctrl_cs_do_no_harm_while_the_embedded_model_still_answers(
    tmp_path: Path, start: Callable[..., Started]
) -> None:
    rows = [{"prompt": f"Tell a story about the number {n}.", "completion": "No."} for n in range(64)]
    (tmp_path / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    config = tmp_path / "my.yaml"
    # One request at a time: a short one, whose reply is on disk at once, then one that takes minutes.
    config.write_text(
        "data: {train: train.jsonl}\nmodels: {default: {provider: embedded, batch_size: 1}}\n"
        "agents: {base: {max_tokens: 1}, reasoner: {max_tokens: 6000}}\n"
    )
    out = tmp_path / "run"
    started = start("run", config, "--out", out, "--until", "detect")
    started.wait_for(lambda: has_replies(out))
    started.process.send_signal(signal.SIGINT)
    wait_until(lambda: STOPPED in started.said())
    told = started.said()
    numbers = cycle((signal.SIGINT, signal.SIGTERM))

    def has_ended() -> bool:
        started.process.send_signal(next(numbers))
        return started.process.poll() is not None

    wait_until(has_ended)
    assert (started.end(), started.said()) == (130, told)


def has_replies(out: Path) -> bool:
    try:
        return bool(replies(out))
    except sqlite3.OperationalError:  # the file or its table is still to be made
        return False


def replies(out: Path) -> dict[bytes, str]:
    with closing(sqlite3.connect(out / ".state" / "replies.sqlite")) as connection:
        return dict(connection.execute("SELECT key, reply FROM replies"))


STOPPED_WITHIN = """
import contextlib, io, os, pathlib, signal, sys

from robustft.cli.stopping import stoppable
from stores.staged_run import StagedRun

directory, number, until = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
signal.signal(signal.SIGINT, signal.default_int_handler)
said = io.StringIO()
with contextlib.suppress(KeyboardInterrupt), contextlib.redirect_stderr(said), stoppable(directory / "none"):
    os.kill(os.getpid(), number)
    signal.pause()
print(f"no run: said {said.getvalue()!r}", flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
StagedRun(directory, "{}", {}).commit()
with contextlib.suppress(KeyboardInterrupt), stoppable(directory, until):
    os.kill(os.getpid(), number)
    signal.pause()
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGTERM)
print("still here", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("until", "told_of_it"), [("evaluate", ""), ("select", " --until select")])
def test_stopped_work_says_how_to_resume_the_run_that_is_there(
    number: signal.Signals, until: str, told_of_it: str, tmp_path: Path
) -> None:
    directory = tmp_path / "my run"
    directory.mkdir()
    told = subprocess.run(
        [sys.executable, "-c", STOPPED_WITHIN, str(directory), str(int(number)), until],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    # A second signal, of either kind, changes nothing once the first has come.
    assert (told.returncode, told.stdout) == (0, "no run: said ''\nstill here\n")
    assert told.stderr == f"stopped; go on with: robustft resume '{directory}'{told_of_it}\n"


def test_signals_mean_what_they_did_once_the_work_is_done() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_command_that_is_deaf_to_ctrl_c_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with leave_quietly():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
