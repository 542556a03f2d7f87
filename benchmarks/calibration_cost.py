"""What the calibrated checker costs by itself: samples times classes, without asking a model.

    python benchmarks/calibration_cost.py [--samples 100000 200000] [--classes 3 50 1000] [--folder DIR]

Prints a line of JSON for each number of samples and of classes. Samples are drawn: prompts in clouds, one a
class; every fifth response is wrong, and two agents are right in 60 %, in a sentence. Records are streamed,
vectors lie in a file (384 numbers a prompt). Figures are CPU seconds of grouping, learning and judging all,
of concluding all, and the most memory beside what is mapped from the vectors' file. Each is a process of its
own; one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy
from langchain_core.embeddings import Embeddings

from agents.agent import Usage
from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn
from agents.record import SampleRecord
from agents.reviewer import Review
from stores.sample import Sample
from training.calibration.arrays import Vectors
from training.calibration.calibrate import calibrate, calibrated, conclude, learn_reviewer
from training.calibration.measures import Measures

_DIMENSIONS = 384
_BATCH = 10_000
_SPREAD = 1.5
_WRONG, _SKILL = 0.2, 0.6
_EVERY_SECONDS = 0.02


class _None(Embeddings):
    """An encoder that is never asked: all vectors are in the file."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise NotImplementedError

    def embed_query(self, text: str) -> list[float]:
        raise NotImplementedError


def draw_vectors(file: Path, samples: int, classes: int) -> None:
    """Write the vectors of prompts in clouds, one a class, in the order of the samples."""
    random = numpy.random.default_rng(0)
    centres = random.normal(size=(classes, _DIMENSIONS)).astype(numpy.float32)
    centres /= numpy.linalg.norm(centres, axis=1, keepdims=True)
    out = numpy.lib.format.open_memmap(file, "w+", numpy.float32, (samples, _DIMENSIONS))
    for start in range(0, samples, _BATCH):
        right = numpy.arange(start, min(start + _BATCH, samples)) % classes
        noise = random.standard_normal((len(right), _DIMENSIONS), dtype=numpy.float32)
        vectors = centres[right] + _SPREAD / _DIMENSIONS**0.5 * noise
        out[start : start + len(right)] = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    out.flush()


def draw_records(samples: int, classes: int) -> Iterator[SampleRecord]:
    """Yield the samples with what the agents said of them."""
    usage, check = Usage(), Check(clean=True, policy="calibrated", agreed=(), reason="a vote")
    random = numpy.random.default_rng(1)
    for start in range(0, samples, _BATCH):
        rows = numpy.arange(start, min(start + _BATCH, samples))
        other = (rows[:, None] + random.integers(1, classes, (len(rows), 3))) % classes
        kept = random.random((len(rows), 3)) < numpy.array([1 - _WRONG, _SKILL, _SKILL])
        said = numpy.where(kept, (rows % classes)[:, None], other)
        for row, (given, base, reasoning) in zip(rows.tolist(), said.tolist(), strict=True):
            first, second = f"class {base}", f"It is class {reasoning}."
            yield SampleRecord.model_construct(
                sample=Sample.model_construct(
                    id=f"s{row}", prompt=f"Which one is number {row}?", response=f"class {given}"
                ),
                base=Prediction(answer=first, reply=first, usage=usage),
                turns=[Turn(role="reason", reply=second, answer=second, usage=usage)],
                check=check,
            )


def relabelled(records: Iterator[SampleRecord]) -> Iterator[SampleRecord]:
    """Yield the samples once the noisy ones have the base agent's answer as their new one."""
    for record in records:
        if record.status == "noisy" and record.base is not None:
            review = Review(answer=record.base.answer, reason="reviewed", reply=record.base.answer)
            record = record.model_copy(update={"review": review})
        yield record


class Memory(threading.Thread):
    """Watches the memory of this process that is not mapped from a file."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look again and again, until `end`."""
        while not self._ended.wait(_EVERY_SECONDS):
            self.most = max(self.most, _anonymous())

    def end(self) -> float:
        """Return the most that there was, in MiB."""
        self._ended.set()
        self.join()
        return self.most / 1024


def _anonymous() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))


def measure(file: Path, samples: int, classes: int) -> dict[str, Any]:
    """Return what one number of samples and classes costs."""
    vectors: Vectors = numpy.load(file, mmap_mode="r", allow_pickle=False)
    views, records = ("base", "reasoning"), partial(draw_records, samples, classes)
    measures, memory = Measures(_None(), lambda: vectors), Memory()
    memory.start()
    before = time.process_time()
    fitted = calibrate(records, measures, views)
    learned = time.process_time()
    counts = numpy.zeros(2, dtype=numpy.int64)
    for row, record in enumerate(calibrated(records, measures, fitted)):
        wrong = record.sample.response != f"class {row % classes}"
        if record.check is not None and not record.check.clean:
            counts += numpy.array([1, wrong])
    judged = time.process_time()
    few = min(samples, _BATCH)

    def noisy() -> Iterator[SampleRecord]:
        return relabelled(calibrated(partial(draw_records, few, classes), measures, fitted))

    fitted = learn_reviewer(noisy, measures, fitted, lambda record: True)
    concluded = sum(1 for _ in conclude(noisy, measures, fitted, lambda record: True))
    return {
        "samples": samples,
        "classes": classes,
        "learn_s": round(learned - before, 1),
        "judge_s": round(judged - learned, 1),
        "conclude_ms_a_sample": round(1000 * (time.process_time() - judged) / concluded, 3),
        "memory_mib": round(memory.end()),
        "noise": round(fitted.noise_rate or 0.0, 3),
        "noisy": int(counts[0]),
        "precision": round(float(counts[1] / max(counts[0], 1)), 3),
        "recall": round(float(counts[1] / (_WRONG * samples)), 3),
    }


def main() -> None:
    """Print the figures as JSON, a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", nargs="+", type=int, default=[100_000, 200_000])
    parser.add_argument("--classes", nargs="+", type=int, default=[3, 50, 1000])
    parser.add_argument("--folder", type=Path, default=None, help="for the vectors; 1.5 GB a million samples")
    parser.add_argument("--vectors", type=Path, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.vectors is not None:
        print(json.dumps(measure(arguments.vectors, arguments.samples[0], arguments.classes[0])), flush=True)
        return
    for samples in arguments.samples:
        for classes in arguments.classes:
            with tempfile.TemporaryDirectory(prefix="robustft-cost-", dir=arguments.folder) as folder:
                file = Path(folder) / "vectors.npy"
                draw_vectors(file, samples, classes)
                case = ["--samples", str(samples), "--classes", str(classes), "--vectors", str(file)]
                subprocess.run([sys.executable, __file__, *case], check=True)  # noqa: S603 - our own file


if __name__ == "__main__":
    main()
