"""A vLLM server of our own: started on loopback, watched, and stopped whatever happens."""

import asyncio
import logging
import os
import re
import socket
import subprocess
import tempfile
import time
from io import FileIO
from pathlib import Path

import aiohttp

from agents.errors import EndpointError
from agents.models.config import VLLMModelConfig
from agents.models.supervisor import start_supervised
from agents.models.vllm_command import HOST, serve_command, serve_environment

_LOG = logging.getLogger("robustft")
_SECONDS_TO_STOP = 30.0
_SAY_EVERY = 15.0
_SHOWN_LINES = 8
_LOG_TAIL = 256 * 1024
# The processes of vLLM put their name, and with ERROR the time and place, before every line.
_PREFIX = re.compile(r"^\([^)]*\) (?:ERROR \S+ \S+ \[[^]]*\] ?)?")
_CAUSE = re.compile(r"^\w[\w.]*(?:Error|Exception): \S")


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
        return f"http://{HOST}:{self.port}/v1"

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
        return start_supervised(command, self._log, serve_environment(self._config.args))

    async def _wait_until_healthy(self) -> None:
        started = said = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while not await _is_healthy(session, f"http://{HOST}:{self.port}/health"):
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
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return True
    return False
