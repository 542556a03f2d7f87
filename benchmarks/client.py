"""What RobustFT's client and whole pipeline carry, beside the peers, from an instant server and a slow one.

    python benchmarks/client.py [--rounds 3] [--calls 3000] [--samples 1000] [--concurrency 64]

Prints JSON. The server is a process of its own on the same cores. The subjects receive the same bytes, take
turns in one process, and are shown by the median of their rounds: a bare aiohttp session, the openai client,
LangChain's ChatOpenAI, RobustFT's client as an agent uses it (with log-probabilities like the others, and
without), and a run as far as its new labels: graphs, records and example store included.
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI

from agents.models.config import OpenAIModelConfig
from agents.models.pool import EndpointSettings, ModelPool
from agents.role import Role
from graph.config.run import RunConfig
from robustft import run
from stores.sample import Message

_DELAYS = {"instant": 0.0, "50 ms": 0.05}
_QUESTION, _ANSWER = "What is the capital of France?", "Paris"
_SAMPLING: dict[str, Any] = {"temperature": 0.0, "max_tokens": 64, "seed": 0, "logprobs": True}

Ask = Callable[[], Awaitable[object]]
Subject = Callable[[str, int], AbstractAsyncContextManager[Ask]]
Timing = tuple[dict[str, float], float]  # calls a second by part, and processor milliseconds a call


def _reply(*, log_probabilities: bool) -> bytes:
    """Return the whole HTTP response that holds a chat completion of eight tokens."""
    token = {"token": _ANSWER, "logprob": -0.1, "bytes": list(_ANSWER.encode()), "top_logprobs": []}
    rated = {"content": [token] * 8} if log_probabilities else None
    message = {"role": "assistant", "content": _ANSWER}
    choice = {"index": 0, "message": message, "logprobs": rated, "finish_reason": "stop"}
    usage = {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28}
    completion = {"id": "0", "object": "chat.completion", "created": 0, "model": "mock", "usage": usage}
    body = orjson.dumps({**completion, "choices": [choice]})
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Mock(asyncio.Protocol):
    """Answers every POST, whatever its path, with one of two prebuilt replies: HTTP at its cheapest."""

    _REPLIES = (_reply(log_probabilities=False), _reply(log_probabilities=True))

    def __init__(self, delay: float) -> None:
        self._delay, self._received = delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer on."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the request is here as a whole; no client sends the next one before."""
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if length is None or len(body) < int(length[1]):
            return
        self._received = b""
        reply = self._REPLIES[b'"logprobs":true' in body]
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, reply)
        else:
            self._transport.write(reply)


async def serve() -> None:
    """Serve each delay on a port of its own and print the ports; ends with its process."""
    loop, ports = asyncio.get_running_loop(), {}
    for name, delay in _DELAYS.items():
        server = await loop.create_server(partial(Mock, delay), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def bare_aiohttp(url: str, concurrency: int) -> AsyncIterator[Ask]:
    """Ask with nothing but an HTTP client: bytes out, JSON in."""
    request = {"model": "mock", "messages": [{"role": "user", "content": _QUESTION}], **_SAMPLING}
    body, headers = orjson.dumps(request), {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def ask() -> object:
            async with session.post(f"{url}/chat/completions", data=body) as response:
                return orjson.loads(await response.read())

        yield ask


@asynccontextmanager
async def bare_openai(url: str, concurrency: int) -> AsyncIterator[Ask]:
    """Ask with the openai client."""
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": _QUESTION}]
        yield partial(client.chat.completions.create, model="mock", messages=messages, **_SAMPLING)


@asynccontextmanager
async def chat_openai(url: str, concurrency: int) -> AsyncIterator[Ask]:
    """Ask with LangChain's own model, set up as its documentation has it."""
    model = ChatOpenAI(model="mock", base_url=url, api_key="none", max_retries=0, **_SAMPLING)
    yield lambda: model.ainvoke([HumanMessage(_QUESTION)])


@asynccontextmanager
async def ours(url: str, concurrency: int, *, log_probabilities: bool) -> AsyncIterator[Ask]:
    """Ask as every agent does: through the pool's model, its limiter and the agent's `Role`."""
    pool, config = ModelPool(), OpenAIModelConfig(provider="openai", name="mock", base_url=url)
    model = await pool.open(config, "models.mock", EndpointSettings(ceiling=concurrency))
    expert = Role(model, max_tokens=64, log_probabilities=log_probabilities)
    yield lambda: expert.ask([Message(role="user", content=_QUESTION)])
    await pool.close()


_SUBJECTS: dict[str, Subject] = {
    "aiohttp": bare_aiohttp,
    "openai": bare_openai,
    "ChatOpenAI": chat_openai,
    "ours": partial(ours, log_probabilities=True),
    "ours_without_log_probabilities": partial(ours, log_probabilities=False),
}


async def time_calls(name: str, url: str, calls: int, concurrency: int) -> Timing:
    """Return a subject's calls a second, and its processor time."""

    async def keep_asking(ask: Ask, turns: Iterator[int]) -> None:
        for _ in turns:
            await ask()

    async with _SUBJECTS[name](url, concurrency) as ask:
        for count in (4 * concurrency, calls):  # the first few open the connections
            wall, cpu, turns = time.perf_counter(), time.process_time(), iter(range(count))
            await asyncio.gather(*(keep_asking(ask, turns) for _ in range(concurrency)))
        return {name: calls / (time.perf_counter() - wall)}, 1000 * (time.process_time() - cpu) / calls


def time_pipeline(url: str, samples: int, concurrency: int) -> Timing:
    """Return a run's and its stages' calls a second, and its processor time; half the samples are noisy."""
    with tempfile.TemporaryDirectory(prefix="robustft-client-") as folder:
        data = Path(folder) / "data.jsonl"
        rows = [{"prompt": f"Name it: {n}", "completion": ("Rome", _ANSWER)[n % 2]} for n in range(samples)]
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        model = {"provider": "openai", "name": "mock", "base_url": url}
        settings = {
            "data": {"train": str(data)},
            "models": {"default": model},
            # By vote, half of the labels are wrong: a model that always says the same tells nothing else.
            "agents": {"checker": {"policy": "hybrid"}},
            "run": {"concurrency": concurrency},
        }
        config = RunConfig.model_validate(settings)
        wall, cpu = time.perf_counter(), time.process_time()
        summary = run(config, Path(folder) / "run", until="denoise")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if summary["samples"]["relabelled"] != samples // 2:
        raise RuntimeError(f"half of the samples should be relabelled: {summary['samples']}")
    asked, by_agent = summary["usage"]["requests"], summary["usage"]["by_agent"]
    denoising = by_agent["relabeler"]["requests"] + by_agent["reviewer"]["requests"]
    detect, denoise = summary["timing"]["detect"], summary["timing"]["denoise"]
    rates = {"pipeline": asked / (detect + denoise), "pipeline_whole_run": asked / wall}
    rates |= {"pipeline_detect": (asked - denoising) / detect, "pipeline_denoise": denoising / denoise}
    return rates, 1000 * cpu / asked


def compare(port: int, delay: float, options: argparse.Namespace) -> dict[str, Any]:
    """Time all subjects against one server, in turns."""
    rates, cpu, concurrency = defaultdict(list), defaultdict(list), options.concurrency
    time_pipeline(f"http://127.0.0.1:{port}/v1", 2 * concurrency, concurrency)  # loads the encoder
    for number in range(options.rounds):
        url = f"http://127.0.0.1:{port}/{number}/v1"  # by address, ChatOpenAI's connections outlive a loop
        measured = {
            name: asyncio.run(time_calls(name, url, options.calls, concurrency)) for name in _SUBJECTS
        }
        measured["pipeline"] = time_pipeline(url, options.samples, concurrency)
        for name, (parts, milliseconds) in measured.items():
            cpu[name].append(milliseconds)
            for part, rate in parts.items():
                rates[part].append(rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {f"ours/{peer}": medians["ours"] / medians[peer] for peer in ("ChatOpenAI", "openai", "aiohttp")}
    ratios["pipeline/ChatOpenAI"] = medians["pipeline"] / medians["ChatOpenAI"]
    return {
        "calls_per_second": {name: round(rate, 1) for name, rate in medians.items()},
        "ratios": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "cpu_milliseconds_per_call": {name: round(statistics.median(ms), 3) for name, ms in cpu.items()},
        "limit_calls_per_second": concurrency / delay if delay else None,
    }


def main() -> None:
    """Print the figures of each server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each subject is timed")
    parser.add_argument("--calls", type=int, default=3000, help="calls of a subject in a round")
    parser.add_argument("--samples", type=int, default=1000, help="samples of a run of the pipeline")
    parser.add_argument("--concurrency", type=int, default=64, help="requests in flight")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:  # noqa: S603
        try:
            ports = json.loads(server.stdout.readline()) if server.stdout else {}
            figures = {name: compare(port, _DELAYS[name], options) for name, port in ports.items()}
        finally:
            server.kill()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
