"""A training of several processes, from the run's side: starting them, hearing of them, ending them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from agents.models.supervisor import start_supervised
from stores.atomic import write_text_atomically
from stores.printable import printable
from stores.records import TrainingRetry
from training.attempt import TrainingOutcome
from training.errors import LostProcessError, NotFiniteError, TrainingInterrupted
from training.job import Fault, Job, RankReport, RunFiles
from training.lora import TrainingConfig
from training.objectives.tokens import Tokens
from training.progress import Stop, TrainingStep
from training.setting import Setting

_LAUNCHER = "torch.distributed.run"
_LAUNCHED = f"{__name__.rpartition('.')[0]}.launched"
# The folder that our packages are in.
_ROOT = Path(__file__).resolve().parents[__name__.count(".")]
# Chosen, not measured: a step, and a checkpoint after it, seldom take longer.
_SECONDS_TO_STOP = 120.0
# The supervisor takes up to ten.
_SECONDS_TO_END = 30.0
_LOOK_EVERY = 0.1
# What is read of the files that other processes write: of a line, of a report, of the log's end.
_LONGEST_LINE = 4096
_LONGEST_REPORT = 4 * 2**20
_LOG_TAIL = 16 * 1024
_SHOWN_LINES = 6
_SHOWN_SIGNS = 300
# What says nothing of a cause: the launcher's own account of which process it ended.
_LAUNCHERS_OWN = re.compile(r"^(?:[WEI]\d{4} |=+$|-+$|\s*$)")


class Launch(NamedTuple):
    """Training on samples that are read, by several processes of this machine.

    They are started by `torch.distributed.run`, below a supervisor: they end with this process, however that
    ends. Of what they write, nothing is believed that is not of the form it is to have.

    Args:
        weights: the model to tune: a folder or a hub id.
        work: the folder of its checkpoints, which the adapter is written into.
        config: how to train.
        setting: how the model is computed, in the first try.
        tokens: the samples.
        processes: how many.
        seed: of the matrices' first values and the order of the samples.
        report: called after each step, in this thread.
        stop: says when to end.
    """

    weights: str
    work: Path
    config: TrainingConfig
    setting: Setting
    tokens: Tokens
    processes: int
    seed: int
    report: Callable[[TrainingStep], None]
    stop: Stop

    def train(self, retry: TrainingRetry | None = None) -> TrainingOutcome:
        """Train; where a step is not finite, the processes leave a checkpoint of before it.

        Args:
            retry: why and how to go on from such a checkpoint.

        Raises:
            NotFiniteError: the loss or a gradient was not finite.
            TrainingInterrupted: it was told to stop.
            LostProcessError: a process failed; the message has its last words.
        """
        files = RunFiles(self.work)
        for old in (files.progress, files.stop, *files.reports()):
            old.unlink(missing_ok=True)
        job = Job(
            weights=self.weights,
            config=self.config,
            setting=self.setting,
            seed=self.seed,
            samples=self.tokens.samples,
            longest=self.tokens.longest,
            retry=retry,
        )
        write_text_atomically(files.job, job.model_dump_json())
        files.progress.touch()
        with files.log.open("wb", buffering=0) as log, files.progress.open("rb") as progress:
            supervisor = start_supervised(self._command(), log, _environment(self.processes))
            try:
                self._follow(supervisor, progress, files)
            finally:
                _end(supervisor)
            self._tell(progress)
        return self._result(files)

    def _command(self) -> list[str]:
        # Standalone: it takes a free port, which nobody else is told.
        where = ("--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(self.processes))
        return [sys.executable, "-m", _LAUNCHER, *where, "--module", _LAUNCHED, str(self.work.absolute())]

    def _follow(
        self, supervisor: "subprocess.Popen[bytes]", progress: BufferedReader, files: RunFiles
    ) -> None:
        """Hand on every step until the processes have ended, or have not when they were to."""
        told: float | None = None
        while supervisor.poll() is None:
            self._tell(progress)
            if told is None and self.stop.is_set():
                told = time.monotonic()
                files.stop.touch()
            if told is not None and time.monotonic() - told > _SECONDS_TO_STOP:
                return
            time.sleep(_LOOK_EVERY)

    def _tell(self, progress: BufferedReader) -> None:
        for line in _whole_lines(progress):
            try:
                step = TrainingStep.model_validate_json(line)
            except ValidationError:
                continue
            self.report(step)

    def _result(self, files: RunFiles) -> TrainingOutcome:
        reports = dict(_read_reports(files, self.processes))
        first = reports.get(0)
        if first is not None and first.outcome is not None:
            left_out = {"dropped": tuple(self.tokens.dropped), "cut": tuple(self.tokens.cut)}
            return first.outcome.model_copy(update=left_out)
        faults = [found.fault for _, found in sorted(reports.items()) if found.fault is not None]
        if faults:
            raise _joined(faults)
        if self.stop.is_set() and not any(found.failure for found in reports.values()):
            raise TrainingInterrupted("training was stopped")
        raise LostProcessError(
            f"training: {self._failures(reports)}\nthe log of the processes ends with:\n"
            f"{_last_words(files.log)}"
        )

    def _failures(self, reports: dict[int, RankReport]) -> str:
        """Say which process failed first, and which ended without a report: killed, or by the launcher."""
        failed = [(found.at, rank, found.failure) for rank, found in reports.items() if found.failure]
        silent = [str(rank + 1) for rank in range(self.processes) if rank not in reports]
        told = []
        if failed:
            # Others fail since the first one has.
            _, rank, said = min(failed)
            told.append(f"process {rank + 1} of {self.processes} failed: {printable(said[:_SHOWN_SIGNS])}")
        if silent:
            who = "process" if len(silent) == 1 else "processes"
            told.append(f"{who} {', '.join(silent)} of {self.processes} ended without a word")
        return "; ".join(told) or "the first process has no outcome"


def _environment(count: int) -> dict[str, str]:
    """Return the environment of the processes: ours, and where our packages are."""
    path = os.environ.get("PYTHONPATH")
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ours = {
        **os.environ,
        "PYTHONPATH": f"{_ROOT}{os.pathsep}{path}" if path else str(_ROOT),
        # No module of the working directory is imported in place of ours.
        "PYTHONSAFEPATH": "1",
    }
    ours.setdefault("OMP_NUM_THREADS", str(max(cores // count, 1)))
    if not torch.cuda.is_available():
        ours["ACCELERATE_USE_CPU"] = "true"
    return ours


def _end(supervisor: "subprocess.Popen[bytes]") -> None:
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _whole_lines(file: BufferedReader) -> Iterator[bytes]:
    """Yield the lines that were written in full since the last time; one that is too long is left out."""
    while True:
        begins = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(begins)
            return
        if len(line) <= _LONGEST_LINE:
            yield line


def _read_reports(files: RunFiles, count: int) -> Iterator[tuple[int, RankReport]]:
    for rank in range(count):
        try:
            with files.report_of(rank).open("rb") as file:
                yield rank, RankReport.model_validate_json(file.read(_LONGEST_REPORT))
        except (OSError, ValidationError):
            continue


def _joined(faults: list[Fault]) -> NotFiniteError:
    """Return one error of what each process saw of the same step."""
    # A process whose own samples are well knows no cause.
    first = next((one for one in faults if one.samples), faults[0])
    return NotFiniteError(
        step=first.step,
        samples=[name for one in faults for name in one.samples],
        fault=first.fault,
        cause=first.cause,
        rising=first.rising,
    )


def _last_words(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _LOG_TAIL, 0))
        lines = file.read(_LOG_TAIL).decode(errors="replace").splitlines()
    said = [line for line in lines if not _LAUNCHERS_OWN.match(line)]
    return "\n".join(f"  {printable(line[:_SHOWN_SIGNS])}" for line in (said or lines)[-_SHOWN_LINES:])
