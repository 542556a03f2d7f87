"""A real vLLM server, a real run on it, and the run's own requests sent again by nothing but aiohttp."""

import argparse
import asyncio
import os
import shlex
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson

from agents.models.config import VLLMModelConfig
from agents.models.connection import EndpointClient
from agents.models.vllm import VLLMServer
from robustft import RunConfig, Summary, arun

NAME = "smollm2-135m-instruct"
# The paper's settings, on a server that runs already.
_AGENTS = {
    "base": {"max_tokens": 32},
    "reasoner": {"max_tokens": 64},
    "checker": {"max_tokens": 64},
    "relabeler": {"max_tokens": 32},
    "reviewer": {"max_tokens": 32},
}


class Request(NamedTuple):
    """A request that a run sent, with the replies to its sample that it came after: those known by then."""

    body: bytes
    sample: str
    known: int


class _Sent(NamedTuple):
    body: bytes
    at: float
    replied: float


class Recording(NamedTuple):
    """One run: the requests of each stage in the order they were sent, its seconds, its summary."""

    stages: dict[str, list[Request]]
    seconds: float
    summary: Summary

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(len(requests) for requests in self.stages.values())


def parser_for(purpose: str, samples: int) -> argparse.ArgumentParser:
    """Return a parser of what all measurements on a server of their own are told.

    Args:
        purpose: the measurement in a line.
        samples: how many samples it takes by default.
    """
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--python", help="the Python that has vLLM")
    parser.add_argument("--samples", type=int, default=samples)
    parser.add_argument("--concurrency", type=int, default=64, help="run.concurrency of our run")
    parser.add_argument("--args", type=shlex.split, default=[], help="more for the server, as one text")
    return parser


@asynccontextmanager
async def server(python: str | None, arguments: list[str]) -> AsyncIterator[str]:
    """Start a vLLM server for a block, whose prefix cache can be emptied; yields its base_url."""
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"
    config = VLLMModelConfig(provider="vllm", python=python, args=tuple(arguments))
    started = VLLMServer(config, "vllm")
    await started.start()
    try:
        yield started.base_url
    finally:
        await started.stop()


async def record(
    base_url: str,
    data: str,
    samples: int,
    concurrency: int,
    out: Path,
    agents: dict[str, Any] | None = None,
    gold: str | None = None,
    name: str = NAME,
) -> Recording:
    """Detect and denoise a dataset on a server, noting every request; probing the model is left out."""
    config = RunConfig.model_validate(
        {
            "data": {"train": data, "gold": gold},
            "models": {"default": {"provider": "vllm", "name": name, "base_url": base_url}},
            "agents": {name: {**_AGENTS[name], **(agents or {}).get(name, {})} for name in _AGENTS},
            "run": {"concurrency": concurrency},
        }
    )
    sent: dict[str, list[_Sent]] = {}
    stage = "load"
    began: dict[str, float] = {}

    def follow(step: Any) -> None:
        nonlocal stage
        stage = step.stage
        began.setdefault(stage, time.perf_counter())

    send = EndpointClient.post

    async def note(self: EndpointClient, path: str, body: bytes, **options: Any) -> Any:
        at = time.perf_counter()
        reply = await send(self, path, body, **options)
        sent.setdefault(stage, []).append(_Sent(body, at, time.perf_counter()))
        return reply

    EndpointClient.post = note  # type: ignore[method-assign]
    try:
        finished = await arun(config, out, limit=samples, until="denoise", progress=follow)
    finally:
        EndpointClient.post = send  # type: ignore[method-assign]
    sent.pop("load", None)
    prompts = sorted((decision.prompt for decision in finished.decisions()), key=len, reverse=True)
    stages = {stage: _requests(replies, prompts) for stage, replies in sent.items()}
    return Recording(stages, began["report"] - began["detect"], finished.summary)


def _requests(sent: list[_Sent], prompts: list[str]) -> list[Request]:
    requests = []
    replied: dict[str, list[float]] = {}
    for body, at, done in sorted(sent, key=lambda one: one.at):
        sample = _sample_of(body, prompts)
        before = replied.setdefault(sample, [])
        requests.append(Request(body, sample, sum(reply <= at for reply in before)))
        before.append(done)
    return requests


def _sample_of(body: bytes, prompts: list[str]) -> str:
    """Return the prompt that a request is about: the last turn holds it, the turns before show others."""
    asked = orjson.loads(body)["messages"][-1]["content"]
    return next(prompt for prompt in prompts if prompt in asked)


async def replay(
    base_url: str, stages: dict[str, list[Request]], concurrency: int, *, in_order: bool = False
) -> float:
    """Send recorded requests with a bare client, so many at once, stage after stage; returns seconds.

    Args:
        base_url: the server.
        stages: what to send.
        concurrency: how many at once.
        in_order: keep what the method asks for: what a sample's request came after is answered first.
            Without, nothing waits for anything.
    """
    # The server closes a connection that is idle for five seconds.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
    headers = {"Content-Type": "application/json"}
    room = asyncio.Semaphore(concurrency)
    started = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def send(body: bytes) -> None:
            async with room, session.post(f"{base_url}/chat/completions", data=body) as response:
                response.raise_for_status()
                await response.json()

        async def follow(turns: list[list[bytes]]) -> None:
            for bodies in turns:
                await asyncio.gather(*map(send, bodies))

        for requests in stages.values():
            at_will = [[[request.body]] for request in requests]
            await asyncio.gather(*map(follow, _chains(requests) if in_order else at_will))
    return time.perf_counter() - started


def _chains(requests: list[Request]) -> list[list[list[bytes]]]:
    """Return each sample's requests as turns, all of one sent at once, and the next after their replies."""
    chains: dict[str, dict[int, list[bytes]]] = {}
    for request in requests:
        chains.setdefault(request.sample, {}).setdefault(request.known, []).append(request.body)
    return [list(turns.values()) for turns in chains.values()]


async def forget(base_url: str) -> None:
    """Empty a server's prefix cache, so that nothing is served from an earlier measurement."""
    root = base_url.removesuffix("/v1")
    async with aiohttp.ClientSession() as session, session.post(f"{root}/reset_prefix_cache") as response:
        response.raise_for_status()


async def prefix_cache(base_url: str) -> tuple[float, float]:
    """Return the server's counters of prompt tokens found in the prefix cache, and looked for."""
    found = {"hits": 0.0, "queries": 0.0}
    root = base_url.removesuffix("/v1")
    async with aiohttp.ClientSession() as session, session.get(f"{root}/metrics") as response:
        for line in (await response.text()).splitlines():
            for name in found:
                if line.startswith(f"vllm:prefix_cache_{name}_total"):
                    found[name] += float(line.rpartition(" ")[2])
    return found["hits"], found["queries"]
