"""What it costs that every finished turn is on disk before the next: three ways to do it.

    python benchmarks/durability.py [--samples 2000] [--turns 6] [--rounds 3]

Prints JSON, medians of the rounds: milliseconds and bytes on disk a turn. `store` is ours
(`stores/replies.py`), `lines` one appended and flushed JSON line a turn, `langgraph` LangGraph's SQLite
checkpointer (`durability="sync"`) on a graph of as many nodes. Each with 256 samples under way; the time of
the same samples without any of it is taken off.
"""

import argparse
import asyncio
import json
import operator
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph

from agents.agent import Reply, Usage
from agents.concurrency import map_concurrently
from stores.replies import ReplyStore, StoredReply

_UNDER_WAY = 256
# As long as the replies and prompts of the paper's files are with SmolLM2.
_PROMPT = "What is the sentiment of this sentence? " * 8
_REPLY = Reply(
    text="The sentiment of the sentence is neutral, since it states a fact and no opinion. " * 2,
    log_probabilities=tuple(-0.123456789 * number for number in range(16)),
    usage=Usage(requests=1, prompt_tokens=120, completion_tokens=32),
)

Turn = Callable[[int, int], Awaitable[None]]


class _State(TypedDict):
    prompt: str
    replies: Annotated[list[str], operator.add]


async def timed(arguments: argparse.Namespace, work: Callable[[int], Awaitable[None]]) -> float:
    """Return the seconds that all samples take."""
    started = time.perf_counter()
    await map_concurrently(iter(range(arguments.samples)), work, lambda done: None, concurrency=_UNDER_WAY)
    return time.perf_counter() - started


async def nothing(arguments: argparse.Namespace, folder: Path) -> float:
    """Turns that only give way to others."""

    async def work(sample: int) -> None:
        for _ in range(arguments.turns):
            await asyncio.sleep(0)
            _REPLY.model_dump_json()

    return await timed(arguments, work)


async def store(arguments: argparse.Namespace, folder: Path) -> float:
    """Our store of replies."""
    replies = ReplyStore(folder / "replies.sqlite")

    async def work(sample: int) -> None:
        for turn in range(arguments.turns):
            await asyncio.sleep(0)
            key = (sample * arguments.turns + turn).to_bytes(16, "little")
            request = f"{_PROMPT}{sample} {turn}".encode()
            await replies.keep(key, StoredReply("base", 120, 32, _REPLY.model_dump_json(), request))

    seconds = await timed(arguments, work)
    replies.close()
    return seconds


async def lines(arguments: argparse.Namespace, folder: Path) -> float:
    """A JSON line appended to one file."""
    with (folder / "turns.jsonl").open("a", encoding="utf-8") as file:

        async def work(sample: int) -> None:
            for turn in range(arguments.turns):
                await asyncio.sleep(0)
                file.write(json.dumps({"id": sample, "turn": turn, "reply": _REPLY.model_dump_json()}) + "\n")
                file.flush()

        return await timed(arguments, work)


async def langgraph(arguments: argparse.Namespace, folder: Path) -> float:
    """LangGraph's checkpointer, a thread a sample; the graph's own time is taken off."""
    graph = StateGraph(_State)

    async def answer(state: _State) -> dict[str, Any]:
        return {"replies": [_REPLY.model_dump_json()]}

    names = [f"turn-{number}" for number in range(arguments.turns)]
    for before, name in zip([START, *names], names, strict=False):
        graph.add_node(name, answer)
        graph.add_edge(before, name)
    start: _State = {"prompt": _PROMPT, "replies": []}
    plain = graph.compile()

    async def without(sample: int) -> None:
        await plain.ainvoke(start)

    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite")) as saver:
        saved = graph.compile(checkpointer=saver)

        async def work(sample: int) -> None:
            await saved.ainvoke(start, {"configurable": {"thread_id": str(sample)}}, durability="sync")

        return await timed(arguments, work) - await timed(arguments, without)


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all in turns."""
    turns = arguments.samples * arguments.turns
    seconds: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for _ in range(arguments.rounds):
        for way in (nothing, store, lines, langgraph):
            with tempfile.TemporaryDirectory(prefix="robustft-durability-") as folder:
                seconds.setdefault(way.__name__, []).append(await way(arguments, Path(folder)))
                sizes[way.__name__] = _size_of(Path(folder))
    idle = statistics.median(seconds.pop("nothing"))
    return {
        "samples": arguments.samples,
        "turns_per_sample": arguments.turns,
        **{
            way: {
                "milliseconds_per_turn": round(
                    1000 * (statistics.median(taken) - (0 if way == "langgraph" else idle)) / turns, 3
                ),
                "bytes_per_turn": round(sizes[way] / turns),
            }
            for way, taken in seconds.items()
        },
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
