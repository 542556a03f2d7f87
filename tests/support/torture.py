"""Kills runs at random moments, beside a faulty endpoint, until they are done; then looks what came of it.

    python -m tests.support.torture [--runs 100] [--seed 0]        (make torture)

Sixty generated samples go as far as `select` in a process of their own, which is killed with SIGKILL up to
three times a run and gone on with each time. The endpoint fails, refuses, breaks off and talks nonsense, but
not for ever. Prints JSON: `sent_again` are requests that were sent although their reply was on disk at a
kill; `differing` records are compared with those of one run that nothing happened to. Exits with 1 where
either is not 0, or a sample is lost.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import multiprocessing
import random
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import web

from robustft import RunConfig, resume, run
from stores.run_directory import holds_run

_SAMPLES = 60
_KILLS = 3
_SECONDS = 120  # more than any run takes
_RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")
_CITIES = ("Avalon", "Brigadoon", "Camelot", "Dis", "Erewhon", "Faerie", "Gondor", "Hyperborea")
_FAULTS = ("500", "503", "429", "hang up", "cut short", "not JSON", "empty", "NaN")
_MOST_FAULTS = 2  # for one request: the graph asks four times


class FaultyEndpoint:
    """Answers by what it is asked, now and then not at once; remembers what arrived.

    Every reply names its request, so that a reply on disk tells which request it answers.

    Args:
        seed: decides the faults.
        rate: the share of requests that meet one, as long as they may.
        slowest: seconds until a reply, at most.
    """

    def __init__(self, seed: int, *, rate: float = 0.15, slowest: float = 0.06) -> None:
        self.arrived: list[str] = []
        self.answered: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._rate, self._slowest = rate, slowest
        self.is_faulty = True
        self._dice = random.Random(seed)  # noqa: S311
        self._failed: Counter[str] = Counter()
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._ready.wait()

    def forget(self) -> None:
        """Begin a new run: what failed before may fail again."""
        self.arrived.clear()
        self._failed.clear()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await asyncio.Event().wait()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        self.arrived.append(name)
        fault = self._draw(name)
        await asyncio.sleep(self._dice.uniform(0.0, self._slowest))
        if fault in ("500", "503"):
            return web.json_response({"error": "scripted"}, status=int(fault))
        if fault == "429":
            return web.json_response({"error": "scripted"}, status=429, headers={"Retry-After": "0.05"})
        if fault == "hang up":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        content = json.dumps(_completion(body, name, fault)).encode()
        if fault == "not JSON":
            content = content[:-20]
        if fault == "cut short":
            response = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[:20])
            assert request.transport is not None
            request.transport.abort()
            return response
        self.answered[name] += fault is None
        return web.Response(body=content, content_type="application/json")

    def _draw(self, name: str) -> str | None:
        if not self.is_faulty or self._failed[name] >= _MOST_FAULTS or self._dice.random() > self._rate:
            return None
        fault = self._dice.choice(_FAULTS)
        self._failed[name] += 1
        self.faults[fault] += 1
        return fault


def _completion(body: dict[str, Any], name: str, fault: str | None) -> dict[str, Any]:
    """Return the reply to a request: a city that its question decides, and what was asked of it."""
    text = body["messages"][-1]["content"]
    found = re.search(r"town (\d+)", text)
    town = int(found[1]) if found else 0
    city = _CITIES[town % len(_CITIES)]
    if "Verdict" in text:
        reply = f"I know it.\nVerdict: {'reliable' if town % 2 else 'noisy'}"
    elif town % 7 == 0 and "reasoning" in text.lower():
        reply = f"Answer: {_CITIES[(town + 1) % len(_CITIES)]}"
    else:
        reply = f"Answer: {city}"
    tokens = [
        {"token": token, "logprob": -((town * 37 + at) % 50 + 1) / 50}
        for at, token in enumerate(reply.split())
    ]
    if fault == "NaN":
        tokens[0]["logprob"] = float("nan")
    return {
        "model": body["model"],
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": "" if fault == "empty" else f"{reply}\n\n[{name}]",
                },
                "finish_reason": "stop",
                "logprobs": {"content": tokens} if body.get("logprobs") else None,
            }
        ],
        "usage": {"prompt_tokens": len(text), "completion_tokens": len(tokens)},
    }


def write_data(path: Path, seed: int, samples: int = _SAMPLES) -> None:
    """Write the samples; three in ten responses are wrong."""
    dice = random.Random(seed)  # noqa: S311
    rows = []
    for town in range(samples):
        label = _CITIES[(town + (dice.random() < 0.3)) % len(_CITIES)]
        prompt = f"Which realm has town {town} on its map?"
        rows.append(json.dumps({"id": f"town-{town}", "prompt": prompt, "completion": label}))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def go(config: dict[str, Any], out: str) -> None:
    """Begin or continue the run; what a child process does until it is killed."""
    logging.disable(logging.CRITICAL)
    if holds_run(Path(out)):
        resume(out, until="select")
    else:
        run(RunConfig.model_validate(config), out, until="select")


def stored(out: Path) -> set[str]:
    """Return the names of the requests whose replies are on disk."""
    path = out / ".state" / "replies.sqlite"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as connection:
        # It may have been killed before it made the table.
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'replies'").fetchone():
            return set()
        replies = connection.execute("SELECT reply FROM replies").fetchall()
    return {json.loads(reply)["text"].rpartition("[")[2].rstrip("]") for (reply,) in replies}


def records(out: Path) -> dict[str, bytes]:
    """Return what a run left, but for its times."""
    summary = json.loads((out / "summary.json").read_text())
    del summary["timing"]
    files = {name: (out / name).read_bytes() for name in _RECORDS}
    return {**files, "summary.json": json.dumps(summary).encode()}


def count_differing(found: dict[str, bytes], expected: dict[str, bytes]) -> int:
    """Count the lines that differ."""
    return sum(
        sum(one != other for one, other in zip(found[name].splitlines(), lines.splitlines(), strict=False))
        + abs(found[name].count(b"\n") - lines.count(b"\n"))
        for name, lines in expected.items()
    )


def torture(runs: int, seed: int, folder: Path) -> dict[str, Any]:
    """Kill and continue so many runs; returns the figures.

    Args:
        runs: how many.
        seed: decides the data, the faults and the moments.
        folder: an empty one.
    """
    dice = random.Random(seed)  # noqa: S311
    endpoint = FaultyEndpoint(seed)
    write_data(folder / "train.jsonl", seed)
    config = {
        "data": {"train": str(folder / "train.jsonl")},
        "models": {"default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url}},
        "run": {"concurrency": 8},
    }
    # Children are forked from a server that has imported everything, and nothing else.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.torture_imports"])

    def start(out: Path) -> Any:
        child = processes.Process(target=go, args=(config, str(out)))
        child.start()
        return child

    endpoint.is_faulty = False
    for name in ("warm", "clean"):
        began = time.monotonic()
        start(folder / name).join()
        usual = time.monotonic() - began
    expected = records(folder / "clean")
    endpoint.is_faulty = True

    figures: Counter[str] = Counter(dict.fromkeys(("kills", "sent_again", "differing", "lost"), 0))
    for number in range(runs):
        out = folder / f"run-{number}"
        endpoint.forget()
        finished: set[str] = set()
        for kills_left in reversed(range(_KILLS + 1)):
            child = start(out)
            child.join(dice.uniform(0.0, 1.2 * usual) if kills_left else _SECONDS)
            done = not child.is_alive()
            child.kill()
            child.join()
            figures["requests"] += len(endpoint.arrived)
            figures["sent_again"] += len(finished.intersection(endpoint.arrived))
            if done:
                break
            figures["kills"] += kills_left > 0
            finished = stored(out)
            figures["under_way_at_kills"] += len(set(endpoint.arrived) - finished)
            endpoint.arrived.clear()
        if not (out / "summary.json").exists():
            figures["lost"] += _SAMPLES
            continue
        found = records(out)
        figures["differing"] += count_differing(found, expected)
        figures["lost"] += _SAMPLES - found["decisions.jsonl"].count(b"\n")
    return {"runs": runs, "seed": seed, **figures, "faults": dict(endpoint.faults)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="robustft-torture-") as folder:
        figures = torture(arguments.runs, arguments.seed, Path(folder))
    sys.stdout.write(f"{json.dumps(figures, indent=2)}\n")
    sys.exit(any(figures[name] for name in ("sent_again", "differing", "lost")))


if __name__ == "__main__":
    main()
