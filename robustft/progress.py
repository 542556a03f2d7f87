"""Live progress of a run: stage, samples, speed, tokens, time left."""

import time
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from graph.stages.stage import Progress as Report
from robustft.terminal import Terminal
from stores.counts import counted

# What one step of a stage is; everything else counts samples.
_UNITS = {"train": "steps"}


class LiveProgress:
    """Draws a bar a stage on a terminal; elsewhere prints a line when a stage ends.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._last: Report | None = None
        self._bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<9}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _SpeedColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
        )

    def __enter__(self) -> "LiveProgress":
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bars.stop()
        elif kind is None:
            self._print_last()

    def __call__(self, report: Report) -> None:
        """Take one progress report of the run graph."""
        if self._console.is_terminal:
            self._draw(report)
        elif self._last is None or self._last.stage != report.stage:
            self._print_last()
            self._started[report.stage] = time.monotonic()
        self._last = report

    def _draw(self, report: Report) -> None:
        if report.stage not in self._tasks:
            self._tasks[report.stage] = self._bars.add_task(
                report.stage,
                total=report.total or None,
                note="",
                tokens=0,
                unit=_UNITS.get(report.stage, "samples"),
            )
        self._bars.update(
            self._tasks[report.stage],
            completed=report.done,
            total=report.total or None,
            note=report.note,
            tokens=report.tokens,
        )

    def _print_last(self) -> None:
        if self._last is None or self._console.is_terminal:
            return
        report = self._last
        if report.note and not report.total:
            self._console.print(f"{report.stage:<9} {report.note}")
            return
        seconds = time.monotonic() - self._started[report.stage]
        tokens = f", {counted(report.tokens, 'token')}" if report.tokens else ""
        unit = _UNITS.get(report.stage, "samples")
        self._console.print(f"{report.stage:<9} {report.done}/{report.total} {unit}{tokens}, {seconds:.0f} s")


class _SpeedColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        parts = []
        speed = task.finished_speed or task.speed
        if speed:
            parts.append(f"{speed:.1f} {task.fields['unit']}/s")
        if task.fields["tokens"]:
            parts.append(counted(task.fields["tokens"], "token"))
        return Text(", ".join(parts))
