"""How a run grows with its data: memory, time and disk at 10 thousand, 100 thousand and a million samples.

    python benchmarks/scale.py [--sizes 10000 100000 1000000] [--slice 5000]

Each size in a process of its own: samples generated on the fly are loaded, a slice of them goes through
detection with a model that answers at once, the rest get their verdicts without being asked (one in two
clean), then all clean ones are indexed (with an encoder that hashes instead of computing: the encoder's own
speed is its own affair), neighbours are looked up, and the relabelled ones are selected. Prints a JSON line a
size: seconds and samples a second by stage, peak memory, bytes on disk a sample.
"""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy
from langchain_core.embeddings import Embeddings
from overhead import InstantModel

from agents.agent import Usage
from agents.base import Prediction
from agents.cache import ReplyCache
from agents.checker import Check
from agents.concurrency import map_concurrently
from agents.reasoner import Turn
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from graph.config.run import RunConfig
from graph.context import build_agents, load_prompts
from graph.sample_graph import detect_graph
from graph.state import SampleInput, SampleState
from stores.examples import Example, ExampleStore
from stores.journal import Entry, Journal
from stores.replies import ReplyStore
from stores.sample import Sample
from training.selection import Candidate, SelectionConfig, select
from training.uncertainty import uncertainty_of, with_entropy

_UNDER_WAY = 256
_DIMENSIONS = 384
_QUERIES = 2000
_USAGE = Usage(requests=1, prompt_tokens=40, completion_tokens=20)


class HashEncoder(Embeddings):
    """Vectors of the real encoder's size, from a hash of the text."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a unit vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return a unit vector."""
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
        vector = numpy.random.default_rng(seed).standard_normal(_DIMENSIONS, dtype=numpy.float32)
        unit: list[float] = (vector / numpy.linalg.norm(vector)).tolist()
        return unit


def samples_of(size: int) -> Iterator[Sample]:
    """Generate samples."""
    for number in range(size):
        yield Sample(
            id=f"sample-{number}",
            prompt=f"A shop sells {number} apples and half as many pears. In which town is shop {number}?",
            response=f"Town {number % 977}",
        )


def decided(sample: Sample, number: int) -> Entry:
    """Return a decision as a run would have made it: one sample in two is clean."""
    reply = f"The shop is in the town of {sample.response}, as far as I can tell from what it sells."
    clean = number % 2 == 0
    state = SampleState(
        sample=sample,
        base=Prediction(answer=sample.response, reply=reply, usage=_USAGE),
        turns=[Turn(role="reason", reply=reply, answer=sample.response, usage=_USAGE)] * 2,
        check=Check(clean=clean, policy="hybrid", agreed=(), reason="generated", usage=_USAGE),
    )
    if not clean:
        rated = tuple(-((number * 7919 + at) % 1000 + 1) / 1000 for at in range(8))
        context = ContextAnswer(
            neighbours=(), answer=sample.response, reply=reply, log_probabilities=rated, usage=_USAGE
        )
        review = Review(answer=sample.response, reply=reply, reason="reviewed", usage=_USAGE)
        state = state.model_copy(update={"context": context, "review": review})
    return state.to_entry()


async def detect(journal: Journal, replies: ReplyStore, count: int) -> None:
    """Send the first samples through detection."""
    config = RunConfig()
    agents = build_agents(
        config, {"default": InstantModel()}, load_prompts(config), cache=ReplyCache(replies)
    )

    async def judge(sample: Sample) -> SampleState:
        found = await detect_graph.ainvoke(SampleInput(sample=sample), context=agents)
        return SampleState(sample=sample).model_copy(update=found)

    def record(states: list[SampleState]) -> None:
        journal.record(state.to_entry() for state in states)

    await map_concurrently(islice(journal.samples("train"), count), judge, record, concurrency=_UNDER_WAY)


async def look_up(store: ExampleStore, journal: Journal) -> None:
    """Find the neighbours of some samples, as many at once as a run does."""
    noisy = (sample for sample, _ in journal.entries("relabelled"))

    async def find(sample: Sample) -> None:
        await store.nearest(sample, 3)

    await map_concurrently(islice(noisy, _QUERIES), find, lambda done: None, concurrency=_UNDER_WAY)


def measure(size: int, detected: int, out: str) -> None:
    """Take a dataset of one size through the stages, in this process; writes the figures as JSON."""
    seconds: dict[str, float] = {}
    memory: dict[str, int] = {}
    began = time.perf_counter()

    def end(stage: str) -> None:
        nonlocal began
        now = time.perf_counter()
        seconds[stage] = now - began
        memory[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        began = now

    with tempfile.TemporaryDirectory(prefix="robustft-scale-") as name:
        folder = Path(name)
        with (
            closing(Journal(folder / "journal.sqlite")) as journal,
            closing(ReplyStore(folder / "replies.sqlite")) as replies,
        ):
            end("import")
            journal.add_samples("train", samples_of(size))
            end("load")
            asyncio.run(detect(journal, replies, min(detected, size)))
            end("detect")
            undecided = enumerate(journal.undecided())
            while batch := list(islice(undecided, _UNDER_WAY)):
                journal.record(decided(sample, number) for number, sample in batch)
            end("record")
            store = ExampleStore.anew(folder / "chroma", HashEncoder())
            for _ in store.fill(Example(sample) for sample, _ in journal.entries("clean")):
                pass
            end("index")
            asyncio.run(look_up(store, journal))
            end("look_up")
            relabels = (SampleState.from_entry(*found) for found in journal.entries("relabelled"))
            ranked = (
                Candidate(known.sample.id, uncertainty_of(with_entropy(known)) or 0.0) for known in relabels
            )
            journal.keep(select(SelectionConfig(), ranked).kept)
            end("select")
            counts = journal.count_status()
        sizes = {
            part: sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file())
            for part, pattern in {"journal": "journal.sqlite*", "chroma": "chroma/**/*"}.items()
        }
        replied = (folder / "replies.sqlite").stat().st_size
    done = {
        "load": size,
        "detect": min(detected, size),
        "record": size - min(detected, size),
        "index": counts.get("clean", 0),
        "look_up": _QUERIES,
        "select": size,
    }
    figures = {
        "samples": size,
        "indexed": counts.get("clean", 0),
        "seconds": {stage: round(value, 1) for stage, value in seconds.items()},
        "per_second": {stage: round(count / seconds[stage]) for stage, count in done.items()},
        "peak_memory_mib": memory,
        "bytes_on_disk_per_sample": {
            "journal": round(sizes["journal"] / size),
            "chroma": round(sizes["chroma"] / max(1, counts.get("clean", 0))),
            "replies": round(replied / min(detected, size)),
        },
    }
    Path(out).write_text(json.dumps(figures), encoding="utf-8")


def main() -> None:
    """Print the figures; each size in a process of its own, so that its peak is its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--slice", type=int, default=5_000, help="samples that go through detection")
    arguments = parser.parse_args()
    for size in arguments.sizes:
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            process = multiprocessing.get_context("spawn").Process(
                target=measure, args=(size, arguments.slice, out.name)
            )
            process.start()
            process.join()
            # One by one: the largest takes long.
            print(Path(out.name).read_text(encoding="utf-8"), flush=True)


if __name__ == "__main__":
    main()
