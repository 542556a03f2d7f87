"""Inference, training and vLLM on the card at hand, beside what their libraries do alone (`docs/gpu.md`).

    python benchmarks/gpu.py [--models FOLDER...] [--parts embedded verdicts training finite qlora vllm]
        [--data FILE] [--out gpu.json] [--budget 580] [--samples 2048] [--in-flight 1 32 256 1024]
        [--max-tokens 64] [--steps 20] [--batch 16] [--python PYTHON]

It writes `--out` after each figure, so that a cut leaves what was measured, and prints it in the end. Every
part and model is a process of its own. A model is a folder or an alias; the last one is the largest. The
times are what each part is expected to take on an H200 with SmolLM2, Qwen 0.5B and 1.5B. None was taken yet.

    embedded  140 s  tokens and requests a second, the first answer's time and the peak memory with so many in
                     flight: ours, `generate` on sorted batches, continuous batching with log-probabilities
    training  140 s  samples a second, peak memory and losses of 20 steps: ours, with soft weights too, beside
                     plain TRL and PEFT in bfloat16 and float32; Liger, padding-free and packed where Liger
                     and flash attention are installed
    verdicts   30 s  the largest: a run's first verdict, and samples a second
    vllm      170 s  the largest: a run beside a bare replay of its requests, the prefix cache, one request
                     at a time, the adapter served, and what a killed owner leaves. Without --python it needs
                     vLLM beside RobustFT. Only after `training` is there an adapter.
    finite     40 s  the largest: where training stops being finite (`finite.py`, three variants)
    qlora      20 s  the largest in 4 bits: its peak memory, with bitsandbytes

On a CPU it is tried with `--samples 8 --in-flight 1 8 --max-tokens 4 --steps 3 --batch 2`.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from on_gpu.task import Said, Task

from robustft.data import FOLDER
from stores.atomic import atomic_writer
from stores.weights import SMOLLM2

# In the order in which they are measured, with the most seconds that each may take a model.
LIMITS = {"embedded": 100, "training": 100, "verdicts": 60, "vllm": 240, "finite": 90, "qlora": 45}
_LARGEST_ALONE = ("verdicts", "vllm", "finite", "qlora")
_PACKAGES = (
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "liger-kernel",
    "flash-attn",
    "bitsandbytes",
    "vllm",
)


class Results:
    """The figures so far, in a file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.figures: dict[str, Any] = {**_machine(), "parts": {}, "seconds": {}}

    def add(self, part: str, model: str, names: list[str], figures: dict[str, Any]) -> None:
        """Put figures in their place, and write the file."""
        place = self.figures["parts"].setdefault(part, {}).setdefault(model, {})
        for name in names:
            place = place.setdefault(name, {})
        place.update(figures)
        self.write()

    def write(self) -> None:
        """Write what there is."""
        with atomic_writer(self._path) as file:
            json.dump(self.figures, file, indent=2)


def measure(task: Task) -> None:
    """Measure one part with one model, in this process; prints a line for each figure."""
    said = Said()
    if task.part == "embedded":
        from on_gpu.embedded import measure as part
    elif task.part == "verdicts":
        from on_gpu.embedded import measure_verdicts as part
    elif task.part == "training":
        from on_gpu.training import measure as part
    elif task.part == "finite":
        from on_gpu.training import measure_finite as part
    elif task.part == "qlora":
        from on_gpu.training import measure_quantized as part
    else:
        from on_gpu.served import measure as part
    with said.errors_of():
        part(task, said)


def measure_apart(task: Task, results: Results, seconds: float) -> None:
    """Measure in a process of its own, which is ended after so many seconds; keeps the figures until then."""
    model = Path(task.weights).name
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, __file__, "--task", task.model_dump_json()],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(seconds, _kill, [process])
    timer.start()
    for line in process.stdout or ():
        said = json.loads(line)
        results.add(task.part, model, said["names"], said["figures"])
    code = process.wait()
    timer.cancel()
    taken = round(time.monotonic() - began, 1)
    results.figures["seconds"][f"{task.part} {model}"] = taken
    if code:
        cut = taken >= seconds
        results.add(task.part, model, [], {"error": f"cut after {taken} s" if cut else f"exit code {code}"})
    results.write()
    print(f"{task.part} {model}: {taken} s", file=sys.stderr)


def _kill(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _machine() -> dict[str, Any]:
    versions: dict[str, str] = {"torch": str(torch.__version__)}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    if not torch.cuda.is_available():
        return {"device": "cpu", "versions": versions}
    free, total = torch.cuda.mem_get_info()
    versions["cuda"] = str(torch.version.cuda)
    return {
        "device": torch.cuda.get_device_name(),
        "free_gib": round(free / 2**30, 1),
        "total_gib": round(total / 2**30, 1),
        "versions": versions,
    }


def measure_all(arguments: argparse.Namespace, results: Results) -> None:
    """Measure the chosen parts one after another, as long as there is time."""
    ends = time.monotonic() + arguments.budget
    with tempfile.TemporaryDirectory(prefix="robustft-gpu-") as folder:
        for part in [part for part in LIMITS if part in arguments.parts]:
            # The largest first: a cut leaves its figures.
            for weights in arguments.models[-1:] if part in _LARGEST_ALONE else arguments.models[::-1]:
                named = {"part": part, "weights": weights, "folder": folder}
                left = ends - time.monotonic()
                # On a CPU nobody knows how long it takes.
                most = min(left, LIMITS[part]) if torch.cuda.is_available() else left
                if most > 0:
                    measure_apart(Task.model_validate({**vars(arguments), **named}), results, most)


def main() -> None:
    """Measure, and print all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=[SMOLLM2], help="folders or aliases, the largest last")
    parser.add_argument("--parts", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--data", type=Path, default=FOLDER / "train.jsonl")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--budget", type=float, default=580, help="seconds in all")
    parser.add_argument("--samples", type=int, default=2048, help="the most samples of a measurement")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 32, 256, 1024])
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20, help="of training, two or more")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--python", help="the Python that has vLLM")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        measure(Task.model_validate_json(arguments.task))
        return
    results = Results(arguments.out)
    measure_all(arguments, results)
    results.write()
    print(json.dumps(results.figures, indent=2))


if __name__ == "__main__":
    main()
