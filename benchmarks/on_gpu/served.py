"""vLLM on a GPU: how full a run keeps it, its prefix cache, its adapter, and what a killed owner leaves."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import psutil
import torch
from prefix import ROLE_FIRST

from agents.models.config import VLLMModelConfig
from agents.models.vllm import VLLMServer
from agents.models.vllm_command import ADAPTER_NAME
from on_gpu.task import Said, Task, adapter_of, samples_of
from replay import Recording, forget, prefix_cache, record, replay
from stores.export import write_samples

# The bare client's requests at once; samples of a run, and of the one before it that warms the server up.
_BARE = 256
_SAMPLES, _WARM = 300, 32
# Every n-th request is sent alone.
_EVERY = 20
_OWNER = """
import asyncio, sys
from agents.models.config import VLLMModelConfig
from agents.models.vllm import VLLMServer
server = VLLMServer(VLLMModelConfig.model_validate_json(sys.argv[1]), "m")
asyncio.run(server.start())
print(server.port, flush=True)
sys.stdin.read()
"""


def measure(task: Task, said: Said) -> None:
    """Measure all of it with one server, and one more that loses its owner."""
    asyncio.run(_measure(task, said))
    with said.errors_of("owner killed"):
        said.say("owner killed", **_kill_owner(task))


async def _measure(task: Task, said: Said) -> None:
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"
    adapter = adapter_of(task)
    server = VLLMServer(_config(task), "vllm")
    began = time.perf_counter()
    await server.start(adapter if adapter.is_dir() else None)
    said.say("server", start_seconds=round(time.perf_counter() - began, 1), adapter=adapter.is_dir())
    try:
        with TemporaryDirectory(prefix="robustft-gpu-") as folder:
            await _load(task, said, server.base_url, Path(folder))
        if adapter.is_dir():
            with said.errors_of("adapter"):
                said.say("adapter", **await _ask_both(task, server.base_url))
    finally:
        await server.stop()


async def _load(task: Task, said: Said, base_url: str, folder: Path) -> None:
    data = folder / "train.jsonl"
    samples = min(_SAMPLES, task.samples)
    write_samples(data, samples_of(task, samples))
    concurrency = min(256, max(task.in_flight))

    async def run(
        name: str, agents: dict[str, Any] | None = None, samples: int = samples
    ) -> tuple[Recording, float]:
        await forget(base_url)
        hits, queries = await prefix_cache(base_url)
        done = await record(
            base_url, str(data), samples, concurrency, folder / name, agents, name=task.weights
        )
        more_hits, more_queries = await prefix_cache(base_url)
        return done, (more_hits - hits) / max(1.0, more_queries - queries)

    await run("warm", samples=min(_WARM, samples))
    ours, cached = await run("ours")
    await forget(base_url)
    bare = await replay(base_url, ours.stages, _BARE)
    await forget(base_url)
    ordered = await replay(base_url, ours.stages, _BARE, in_order=True)
    said.say(
        "saturation",
        requests=ours.requests,
        ours_seconds=round(ours.seconds, 2),
        bare_seconds=round(bare, 2),
        bare_in_order_seconds=round(ordered, 2),
        ratio=round(bare / ours.seconds, 3),
        ratio_in_order=round(ordered / ours.seconds, 3),
    )
    with said.errors_of("sequential"):
        await forget(base_url)
        part = {stage: requests[::_EVERY] for stage, requests in ours.stages.items()}
        sent = sum(map(len, part.values()))
        seconds = await replay(base_url, part, 1) / sent * ours.requests
        said.say("sequential", seconds=round(seconds, 1), ratio=round(seconds / ours.seconds, 1))
    with said.errors_of("prefix"):
        _, role_first = await run("role-first", ROLE_FIRST)
        said.say("prefix", cached_share=round(cached, 3), cached_share_role_first=round(role_first, 3))


async def _ask_both(task: Task, base_url: str) -> dict[str, Any]:
    """Return what the model and its adapter reply to the same prompt."""
    turns = [{"role": "user", "content": samples_of(task, 1)[0].prompt}]
    replies = {}
    async with aiohttp.ClientSession() as session:
        for name in (task.weights, ADAPTER_NAME):
            body = {"model": name, "messages": turns, "max_tokens": 16, "temperature": 0}
            async with session.post(f"{base_url}/chat/completions", json=body) as response:
                response.raise_for_status()
                replies[name] = (await response.json())["choices"][0]["message"]["content"]
    return {"untuned": replies[task.weights], "tuned": replies[ADAPTER_NAME]}


def _kill_owner(task: Task) -> dict[str, Any]:
    """Kill the process that owns a server; return what is left of it, on the machine and the card."""
    before = _free_gib()
    # It starts sooner without compiling.
    config = _config(task, "--enforce-eager")
    command = [sys.executable, "-c", _OWNER, config.model_dump_json()]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
    if owner.stdout is None or not owner.stdout.readline():
        raise RuntimeError("the server did not start")
    started = psutil.Process(owner.pid).children(recursive=True)
    taken = _free_gib()
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    _, alive = psutil.wait_procs(started, timeout=30)
    left = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    return {
        "processes": len(started),
        "left": len(left),
        "free_gib_before": before,
        "free_gib_served": taken,
        "free_gib_after": _free_gib(),
    }


def _config(task: Task, *more: str) -> VLLMModelConfig:
    arguments = ["--max-model-len", "4096", *more]
    if not torch.cuda.is_available():
        arguments += ["--dtype", "bfloat16", "--enforce-eager"]
    return VLLMModelConfig(provider="vllm", name=task.weights, python=task.python, args=tuple(arguments))


def _free_gib() -> float | None:
    if not torch.cuda.is_available():
        return None
    return round(torch.cuda.mem_get_info()[0] / 2**30, 2)
