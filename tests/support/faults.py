"""Whole runs beside an endpoint that sends whatever a grammar of faults can say, over real sockets.

    python -m tests.support.faults [--faults 400] [--seed 0]

A faulty sample gets one fault for each of its requests; a tenth of the samples are well. Prints JSON:
`harmed` are well samples that did not end as they should, `unexplained` failed ones without a reason,
`keys` the files that hold the key, and `differing` the records that a resume changes. Exits with 1 where any
of them is not 0.
"""

import argparse
import asyncio
import json
import math
import os
import random
import re
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from pydantic import SecretStr

from agents.agent import Reply
from agents.answers.kind import KINDS
from agents.errors import ModelBusyError
from agents.models.completion import read_completion
from agents.models.refusal import RequestError, read_body
from agents.models.secrets import Hider
from agents.reply import read_letters, read_reply
from robustft import RunConfig, resume, run
from tests.support.fault_grammar import KEY, Fault, draw
from training.uncertainty import entropy_of

_BATCH = 100
# Seconds, and pieces of 64 KiB: more than any reply may have.
_SILENCE, _PAUSE, _ENDLESS = 3, 0.1, 10_000
_WELL = 9
_RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")


def examine(fault: Fault) -> str:
    """Read a response as a run does, up to what is stored of it; returns how that ended.

    Raises:
        Exception: something other than the typed errors; the run would have ended.
    """
    hide = Hider(SecretStr(KEY)).hide
    try:
        message = (
            read_completion(read_body(fault.status, dict(fault.headers), fault.plain, hide), hide)
            .generations[0]
            .message
        )
        assert isinstance(message, AIMessage)
        reply = read_reply(message, ["Capital of Germany?"])
        read_letters(message, "AB")
    except (RequestError, ModelBusyError) as error:
        return _check_error(error)
    stored = reply.model_dump_json()
    assert Reply.model_validate_json(stored) == reply
    assert KEY not in stored
    if reply.log_probabilities:
        assert math.isfinite(entropy_of(reply.log_probabilities))
    for kind in KINDS:
        kind.extract(reply.text, ["Berlin", "Rome"] if kind.name == "choice" else [])
    return reply.outcome or "reply"


def _check_error(error: RequestError | ModelBusyError) -> str:
    assert str(error).isprintable()
    assert KEY not in str(error)
    if isinstance(error, ModelBusyError):
        return "unusable"
    assert error.retry_after is None or error.retry_after >= 0
    return error.failure.name


class FaultServer:
    """Answers each request about a faulty sample with its fault, and every other one as it should."""

    def __init__(self, faults: dict[str, Fault]) -> None:
        self._faults = faults
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True).start()
        self._ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._stopped.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"(?i)content-length: (\d+)", head)
            body = await reader.readexactly(int(found[1])) if found else b""
            name = re.search(r"<(fault-\d+)>", body.decode())
            fault = self._faults.get(name[1]) if name else None
            await _send(writer, fault or _proper(body if found else None))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def _proper(body: bytes | None) -> Fault:
    """Return the right reply to a request, or a list without models."""
    text = json.loads(body)["messages"][-1]["content"] if body else ""
    said = "Verdict: noisy" if "Verdict" in text else "Berlin"
    choice = {
        "message": {"role": "assistant", "content": said},
        "finish_reason": "stop",
        "logprobs": {"content": [{"token": said, "logprob": -0.1, "top_logprobs": []}]},
    }
    content = json.dumps({"model": "scripted", "choices": [choice], "data": []}).encode()
    return Fault(200, (), content, content, "whole")


async def _send(writer: asyncio.StreamWriter, fault: Fault) -> None:
    length = len(fault.body) * 2 if fault.timing == "cut" else len(fault.body)
    lines = [f"HTTP/1.1 {fault.status} X", *(f"{name}: {value}" for name, value in fault.headers)]
    chunked = fault.timing in ("chunks", "endless")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {length // 2 if fault.timing == 'short length' else length}")
    head = ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("utf-8", "replace")
    if fault.timing == "abort":
        writer.transport.abort()
        return
    if fault.timing == "silent":
        await asyncio.sleep(_SILENCE)
        return
    writer.write(head)
    if chunked:
        for piece in [fault.body[at : at + 1000] for at in range(0, len(fault.body), 1000)]:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        for _ in range(_ENDLESS if fault.timing == "endless" else 0):
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    elif fault.timing == "slow":
        for at in range(min(len(fault.body), 40)):
            writer.write(fault.body[at : at + 1])
            await writer.drain()
            await asyncio.sleep(_PAUSE)
    else:
        writer.write(fault.body)
    await writer.drain()


def run_beside(faults: dict[str, Fault], folder: Path) -> Counter[str]:
    """Run once beside so many faults, and resume; returns the figures."""
    server = FaultServer(faults)
    os.environ["ROBUSTFT_FAULTS_KEY"] = KEY
    names = [*faults, *(f"well-{number}" for number in range(1 + len(faults) // _WELL))]
    random.Random(0).shuffle(names)  # noqa: S311
    rows = [{"id": name, "prompt": f"Capital of <{name}>?", "completion": "Rome"} for name in names]
    (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    model = {
        "provider": "openai", "name": "scripted", "base_url": server.url, "timeout": 2,
        "api_key_env": "ROBUSTFT_FAULTS_KEY",
    }  # fmt: skip
    config = {
        "data": {"train": str(folder / "train.jsonl")},
        "models": {"default": model},
        "agents": {"checker": {"policy": "hybrid"}, "relabeler": {"neighbours": 0}},
        "run": {"max_failed": 1.0, "patience": 0.1},
    }
    out = folder / "run"
    run(RunConfig.model_validate(config), out, until="select")
    before = [(out / name).read_bytes() for name in _RECORDS]
    resume(out, until="select")
    server.stop()
    figures = Counter(
        {
            "differing": sum(
                (out / name).read_bytes() != was for name, was in zip(_RECORDS, before, strict=True)
            )
        }
    )
    for line in before[0].splitlines():
        row = json.loads(line)
        well = row["id"].startswith("well")
        figures["well" if well else "faults"] += 1
        figures["harmed"] += well and (row["status"], row["final"]) != ("relabelled", "Berlin")
        figures["unexplained"] += row["status"] == "failed" and not row.get("failure")
        figures[f"ended as {row['status']}"] += not well
    files = [path for path in out.rglob("*") if path.is_file()]
    figures["keys"] = sum(KEY.encode() in path.read_bytes() for path in files)
    return figures


def torture(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Draw so many faults and run beside them, a hundred a run; returns the figures."""
    dice = random.Random(seed)  # noqa: S311
    wanted = ("faults", "well", "harmed", "unexplained", "keys", "differing")
    figures: Counter[str] = Counter(dict.fromkeys(wanted, 0))
    timings: Counter[str] = Counter()
    for first in range(0, count, _BATCH):
        faults = {f"fault-{number}": draw(dice) for number in range(first, min(count, first + _BATCH))}
        timings.update(fault.timing for fault in faults.values())
        place = folder / f"batch-{first}"
        place.mkdir()
        figures.update(run_beside(faults, place))
    return {"seed": seed, **figures, "timings": dict(timings)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="robustft-faults-") as folder:
        figures = torture(arguments.faults, arguments.seed, Path(folder))
    sys.stdout.write(f"{json.dumps(figures, indent=2)}\n")
    sys.exit(any(figures[name] for name in ("harmed", "unexplained", "keys", "differing")))


if __name__ == "__main__":
    main()
