"""`run` and `resume` from a script, from a thread, and where an event loop runs already."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from robustft import aresume, arun, load_config, resume, run
from robustft.blocking import complete
from tests.support.cases import script, write_run
from tests.support.endpoint import Endpoint

ROOT = Path(__file__).parents[2]
SECONDS = 120


async def test_a_run_works_inside_a_running_event_loop(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    config = write_run(tmp_path, endpoint.url)
    assert run(config, tmp_path / "run", until="detect").summary.samples.noisy == 6
    assert resume(tmp_path / "run", until="select").summary.samples.relabelled == 6


async def test_a_run_can_be_resumed_by_awaiting(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    await arun(load_config(write_run(tmp_path, endpoint.url)), tmp_path / "run", until="detect")
    assert (await aresume(tmp_path / "run", until="select")).summary.samples.relabelled == 6


def test_a_run_works_in_a_thread(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    config = write_run(tmp_path, endpoint.url)
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(run(config, tmp_path / "run", until="detect")))
    thread.start()
    thread.join(SECONDS)
    assert found[0].summary.samples.noisy == 6


def test_progress_is_told_in_the_calling_thread_of_a_script(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    threads = set()
    run(
        write_run(tmp_path, endpoint.url),
        tmp_path / "run",
        until="detect",
        progress=lambda step: threads.add(threading.current_thread()),
    )
    assert threads == {threading.main_thread()}


def from_a_script(running: Coroutine[Any, Any, None]) -> None:
    complete(running)


def from_a_running_loop(running: Coroutine[Any, Any, None]) -> None:
    async def call() -> None:
        complete(running)

    asyncio.run(call())


CALLERS = pytest.mark.parametrize("call", [from_a_script, from_a_running_loop])
Caller = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def heard() -> Iterator[None]:
    """Hear Ctrl-C also where the tests were started in the background, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@CALLERS
@pytest.mark.usefixtures("heard")
def test_ctrl_c_cancels_once_and_waits_for_the_end(call: Caller) -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(SECONDS)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
            steps.append("ended in order")

    with pytest.raises(KeyboardInterrupt):
        call(work())
    assert steps == ["ended in order"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@CALLERS
def test_an_error_is_the_coroutines_own(call: Caller) -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        call(fail())


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[Any, BlockingKernelClient]]:
    manager, client = start_new_kernel(
        startup_timeout=SECONDS, cwd=str(tmp_path), env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def cell(client: BlockingKernelClient, code: str) -> tuple[str, str]:
    """Run a cell; return its status and all that it printed."""
    printed: list[str] = []

    def note(message: dict[str, Any]) -> None:
        content = message["content"]
        printed.append(content.get("text") or "\n".join(content.get("traceback", ())))

    reply = client.execute_interactive(code, timeout=SECONDS, output_hook=note)
    return reply["content"]["status"], "".join(printed)


@pytest.mark.slow
def test_a_run_works_in_a_notebook_cell(
    kernel: tuple[Any, BlockingKernelClient], tmp_path: Path, endpoint: Endpoint
) -> None:
    script(endpoint)
    config = write_run(tmp_path, endpoint.url)
    _, client = kernel
    started = f"run({str(config)!r}, 'run', until='detect')"
    told = cell(client, f"from robustft import aresume, resume, run\nprint({started}.summary.samples.noisy)")
    assert (told[0], told[1].splitlines()[-1]) == ("ok", "6")
    assert cell(client, "print(resume('run', until='select').summary.samples.relabelled)") == ("ok", "6\n")
    awaited = "print((await aresume('run', until='select')).summary.samples.relabelled)"
    assert cell(client, awaited) == ("ok", "6\n")


@pytest.mark.slow
def test_a_run_in_a_notebook_cell_can_be_interrupted_and_resumed(
    kernel: tuple[Any, BlockingKernelClient], tmp_path: Path, endpoint: Endpoint
) -> None:
    script(endpoint)
    config = write_run(tmp_path, endpoint.url)
    manager, client = kernel
    cell(client, "from robustft import resume, run")
    asked, ended = threading.Event(), threading.Event()
    answer = endpoint.reply

    def slowly(messages: list[dict[str, Any]]) -> str:
        if messages[-1]["content"].startswith("["):
            asked.set()
            ended.wait(SECONDS)
        return answer(messages)

    endpoint.reply = slowly

    def interrupt() -> None:
        if asked.wait(SECONDS):
            manager.interrupt_kernel()

    threading.Thread(target=interrupt, daemon=True).start()
    status, told = cell(client, f"run({str(config)!r}, 'run', until='select')")
    ended.set()
    assert (status, "KeyboardInterrupt" in told) == ("error", True)
    endpoint.reply = answer
    assert cell(client, "print(resume('run', until='select').summary.samples.relabelled)") == ("ok", "6\n")
