"""What one measurement on a GPU is told, and how it says what it found."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from agents.base import request_as_trained
from agents.models.chat import to_messages
from graph.config.run import RunConfig
from graph.stages.base_role import BaseRole
from prompts.template import QuestionTemplate
from stores.dataset import read_samples
from stores.sample import Sample


class Task(BaseModel):
    """A part with one model, for a process of its own."""

    part: str
    weights: str
    """A model's folder or alias."""
    data: Path
    folder: Path
    """Where what is needed later is put: rows, adapters."""
    samples: int
    max_tokens: int
    in_flight: tuple[int, ...]
    steps: int
    batch: int
    python: str | None = None
    """The Python that has vLLM."""


class Said:
    """Prints figures, a line each, as soon as they are there. What libraries print goes to standard error."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def say(self, *names: str, **figures: Any) -> None:
        """Print the figures of one measurement."""
        print(json.dumps({"names": names, "figures": figures}), file=self._out, flush=True)

    @contextmanager
    def errors_of(self, *names: str) -> Iterator[None]:
        """Print an error of a block as its figure, and go on."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - one measurement of many
            self.say(*names, error=f"{type(exc).__name__}: {str(exc)[:300]}")
        release()


def samples_of(task: Task, count: int) -> list[Sample]:
    """Return so many samples, no two prompts alike."""
    return [
        sample.model_copy(update={"id": f"{at}", "prompt": f"{at}. {sample.prompt}"})
        for at, sample in enumerate(islice(cycle(list(read_samples(task.data))), count))
    ]


def prompts_of(task: Task, count: int) -> list[list[BaseMessage]]:
    """Return the base agent's requests about so many samples."""
    template = QuestionTemplate(RunConfig().agents.base.prompt)
    return [to_messages(request_as_trained(sample, template)) for sample in samples_of(task, count)]


def rows_of(task: Task, name: str, *, weighted: bool = False) -> Path:
    """Write training rows for all steps into a file of this name; returns it."""
    settings = RunConfig().agents.base
    role = BaseRole(settings, QuestionTemplate(settings.prompt))
    samples = samples_of(task, task.steps * task.batch)
    lines = [
        role.row(sample, sample.response, weight=1 - at % 4 / 4 if weighted else None).to_line()
        for at, sample in enumerate(samples)
    ]
    path = task.folder / f"{name}.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def adapter_of(task: Task) -> Path:
    """Return where the adapter is that the part `training` makes of a task's model."""
    return task.folder / f"adapter-{Path(task.weights).name}"


def release() -> None:
    """Give back what nothing holds any more, and count the peak anew."""
    import gc

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gib() -> float | None:
    """Return the most memory of the GPU that torch has held since `release`; None on a CPU."""
    if not torch.cuda.is_available():
        return None
    return round(torch.cuda.max_memory_reserved() / 2**30, 2)


def synchronize() -> None:
    """Wait until the GPU has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
