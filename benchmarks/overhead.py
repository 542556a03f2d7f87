"""What RobustFT itself costs, beside a model that answers at once.

    python benchmarks/overhead.py [--samples 100000] [--rounds 5]

Prints JSON. Compares, in the same process and alternating, the sample graph with a raw LangGraph graph of
eight trivial async nodes; then sends a generated dataset through the run graph's detect stage and reports
its peak memory against that of a dataset a tenth the size.
"""

import argparse
import asyncio
import json
import operator
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END, START, StateGraph

from agents.models.chat import DirectChatModel
from graph.config.run import RunConfig
from graph.context import build_agents, load_prompts
from graph.sample_graph import sample_graph
from graph.state import SampleInput
from stores.sample import Sample

_BATCH = 200


class InstantModel(DirectChatModel):
    """Answers every request at once with the same word."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        token = {"token": "Paris", "logprob": -0.1, "bytes": None, "top_logprobs": []}
        message = AIMessage(
            content="Paris",
            usage_metadata={"input_tokens": 20, "output_tokens": 1, "total_tokens": 21},
            response_metadata={"logprobs": {"content": [token]}},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return self._generate(messages)


class _Trivial(TypedDict):
    steps: Annotated[list[int], operator.add]


def raw_graph() -> Any:
    """Build a chain of eight nodes that do nothing: LangGraph's own cost."""
    graph = StateGraph(_Trivial)

    async def step(state: _Trivial) -> dict[str, list[int]]:
        return {"steps": [1]}

    names = [f"step{number}" for number in range(8)]
    for name in names:
        graph.add_node(name, step)
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile()


async def compare(rounds: int) -> dict[str, Any]:
    """Time both graphs in turns, a batch of samples each, 64 at once."""
    raw = raw_graph()
    config = RunConfig()
    agents = build_agents(config, {"default": InstantModel()}, load_prompts(config))

    async def through_raw(number: int) -> None:
        await raw.ainvoke({"steps": []})

    async def through_clean(number: int) -> None:
        await sample_graph.ainvoke(SampleInput(sample=_sample(number, "Paris")), context=agents)

    async def through_noisy(number: int) -> None:
        await sample_graph.ainvoke(SampleInput(sample=_sample(number, "Rome")), context=agents)

    subjects = {"raw_8_nodes": through_raw, "clean_sample": through_clean, "noisy_sample": through_noisy}
    timings: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            timings[name].append(await _milliseconds(subject))
    medians = {name: statistics.median(values) for name, values in timings.items()}
    return {
        "milliseconds_per_sample": {name: round(value, 3) for name, value in medians.items()},
        "samples_per_second": {name: round(1000 / value, 1) for name, value in medians.items()},
        "noisy_over_raw": round(medians["noisy_sample"] / medians["raw_8_nodes"], 2),
        "clean_over_raw": round(medians["clean_sample"] / medians["raw_8_nodes"], 2),
    }


async def _milliseconds(subject: Callable[[int], Awaitable[None]]) -> float:
    limit = asyncio.Semaphore(64)

    async def bounded(number: int) -> None:
        async with limit:
            await subject(number)

    started = time.perf_counter()
    await asyncio.gather(*(bounded(number) for number in range(_BATCH)))
    return (time.perf_counter() - started) * 1000 / _BATCH


def detect(samples: int) -> dict[str, Any]:
    """Send a generated dataset through the detect stage in this process; report its speed and peak memory."""
    from agents.models.pool import ModelPool
    from robustft import run

    async def instant(*_: Any, **__: Any) -> InstantModel:
        return InstantModel()

    ModelPool.open = instant  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory(prefix="robustft-overhead-") as folder:
        data = Path(folder) / "data.jsonl"
        with data.open("w") as lines:
            lines.writelines(_rows(samples))
        # By vote: the calibrated checker's encoder would be most of what is measured.
        checker = {"policy": "hybrid"}
        config = RunConfig.model_validate({"data": {"train": str(data)}, "agents": {"checker": checker}})
        started = time.perf_counter()
        summary = run(config, Path(folder) / "run", until="detect").summary
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in (Path(folder) / "run").rglob("*") if path.is_file())
    return {
        "samples": samples,
        "samples_per_second": round(samples / seconds, 1),
        "detect_samples_per_second": round(samples / summary.timing["detect"], 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bytes_on_disk_per_sample": round(size / samples),
    }


def _rows(samples: int) -> Iterator[str]:
    for number in range(samples):
        completion = "Paris" if number % 2 else "Rome"
        row = {"prompt": f"What is the capital of country {number}?", "completion": completion}
        yield json.dumps(row) + "\n"


def _sample(number: int, response: str) -> Sample:
    return Sample(id=str(number), prompt=f"What is the capital of country {number}?", response=response)


def main() -> None:
    """Print the figures; each dataset size runs in a process of its own, so that its peak is its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000, help="size of the larger dataset")
    parser.add_argument("--rounds", type=int, default=5, help="how often each graph is timed")
    parser.add_argument("--detect", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.detect:
        print(json.dumps(detect(arguments.detect)))
        return
    figures: dict[str, Any] = asyncio.run(compare(arguments.rounds))
    figures["detect"] = []
    for size in (arguments.samples // 10, arguments.samples):
        command = [sys.executable, __file__, "--detect", str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        figures["detect"].append(json.loads(done.stdout.splitlines()[-1]))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
