"""The whole study with capable models, in order of worth: one command that goes on where it was stopped.

    python benchmarks/study_plan.py OUT --models SMALL MIDDLE LARGEST [--pairs] [--folders FPB ARC]
        [--redux FOLDER] [--rates 0 5 10 30 50 70] [--seeds 0 1 2] [--samples 500] [--tests 10000]
        [--provider embedded|vllm] [--device cuda|cpu] [--budget SECONDS] [--only TEXT] [--dry-run]

It prints every step with the time it is expected to take, and then takes one after the other. `--dry-run`
stops after the list. A model is a folder or a name, the largest last. `--pairs` adds the largest as the
agents' model for each of the others as students. Data are the folders that are given (`labeled`, `test`,
`noisyNN`), the bundled data and our own sets; `--redux` names the folder `mmlu_redux` of the public
repository aryopg/mmlu-redux. What a folder has no noisy file for is made (`uniform`).

    OUT/AGENTS+STUDENT/results/paper.jsonl  a record a cell, as they come, and the page beside it
    OUT/detector/NAME-MODEL.json            real errors, and noise in long form: what each view finds
    OUT/steps.jsonl                         what was done, how long it took, and what failed
    OUT/work/                               runs: each model's answers are asked for once

What a step has finished is not done again, within a step too. `--budget` ends the step under way when the
time is up; the next call goes on in it. A step that fails is told, and the next one is begun. The times of a
GPU rest on SmolLM2's speed on one H200, and have not been tried. After some steps, what they took corrects
the rest.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
from study.plan import SPEEDS, Plan, Step

from stores.atomic import write_text_atomically


class Log:
    """What was done, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().splitlines() if path.is_file() else []
        self._rows = [orjson.loads(line) for line in lines]

    def is_done(self, step: Step, asked: str) -> bool:
        """Say whether a step was finished when the same was asked of it."""
        return any(
            row["step"] == step.name and row["asked"] == asked and row["rc"] == 0 for row in self._rows
        )

    def add(self, step: Step, asked: str, seconds: float, rc: int) -> None:
        """Add how a step ended."""
        row = {
            "step": step.name,
            "asked": asked,
            "rc": rc,
            "expected": round(step.seconds),
            "took": round(seconds),
        }
        self._rows.append(row)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(orjson.dumps(row) + b"\n")

    @property
    def ratio(self) -> float:
        """How much longer finished steps took than was expected."""
        done = [row for row in self._rows if row["rc"] == 0 and row["expected"] > 0]
        return sum(row["took"] for row in done) / sum(row["expected"] for row in done) if done else 1.0


def asked_of(step: Step) -> str:
    """Return all that a step was asked, for the log."""
    return "; ".join(" ".join(command[1:]) for command in step.commands)


def take(step: Step, deadline: float | None) -> int:
    """Run a step's commands until one fails; returns its exit status, 124 where the time was up."""
    for number, command in enumerate(step.commands, start=1):
        command = list(command)
        # A run that is there goes on, and one that is new is not to find any.
        if "--until" in command and Path(command[command.index("--out") + 1], "config.yaml").is_file():
            command.append("--resume")
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return 124
        last = step.out is not None and number == len(step.commands)
        try:
            done = subprocess.run(  # noqa: S603 - our own commands
                command, stdout=subprocess.PIPE if last else None, text=True, timeout=left, check=False
            )
        except subprocess.TimeoutExpired:
            return 124
        if done.returncode:
            return done.returncode
        if last and step.out is not None:
            step.out.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(step.out, done.stdout)
    return 0


def main() -> None:
    """Print the plan, and carry it out."""
    arguments = parser().parse_args()
    plan, log = Plan(arguments), Log(arguments.out / "steps.jsonl")
    steps = [step for step in plan.steps() if arguments.only in step.name]
    todo = [step for step in steps if not log.is_done(step, asked_of(step))]
    print_plan(steps, todo, log.ratio)
    if arguments.dry_run:
        return
    plan.prepare()
    deadline = None if arguments.budget is None else time.monotonic() + arguments.budget
    failed = 0
    for number, step in enumerate(todo, start=1):
        left = log.ratio * sum(one.seconds for one in todo[number - 1 :])
        print(f"{number}/{len(todo)} {step.name}: {_clock(left)} left", file=sys.stderr, flush=True)
        began = time.monotonic()
        rc = take(step, deadline)
        log.add(step, asked_of(step), time.monotonic() - began, rc)
        failed += rc != 0
        if rc == 124:
            sys.exit("study_plan.py: the time is up; the same command goes on from here")
    if failed:
        sys.exit(f"study_plan.py: {failed} of {len(todo)} steps failed; the same command tries them again")


def print_plan(steps: Sequence[Step], todo: Sequence[Step], ratio: float) -> None:
    """Print every step with its time, and what it all takes."""
    waiting = {step.name for step in todo}
    for step in steps:
        print(f"{_clock(step.seconds * ratio) if step.name in waiting else 'done':>9}  {step.name}")
    print(
        f"{_clock(sum(step.seconds for step in todo) * ratio):>9}  in all, {len(todo)} of {len(steps)} steps"
    )


def _clock(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def parser() -> argparse.ArgumentParser:
    """Return what reads the command's arguments."""
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("out", type=Path)
    known.add_argument("--models", nargs="+", required=True, help="folders or names, the largest last")
    known.add_argument("--pairs", action="store_true", help="the largest as experts for the others, too")
    known.add_argument(
        "--folders", nargs="*", type=Path, default=[], help="of labeled, test and noisyNN files"
    )
    known.add_argument("--redux", type=Path, help="the folder mmlu_redux of aryopg/mmlu-redux")
    known.add_argument("--rates", nargs="+", type=int, default=[0, 5, 10, 30, 50, 70])
    known.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    known.add_argument("--samples", type=int, default=500)
    known.add_argument("--tests", type=int, default=10_000, help="by default all there are")
    known.add_argument("--limit", type=int, help="so many samples at most in the detector's steps")
    known.add_argument("--provider", choices=["embedded", "vllm"], default="embedded")
    known.add_argument("--device", choices=list(SPEEDS), default="cuda", help="for the expected times")
    known.add_argument("--set", action="append", default=[], metavar="KEY.PATH=VALUE")
    known.add_argument("--only", default="", help="the steps whose names hold this")
    known.add_argument("--budget", type=float, help="seconds")
    known.add_argument("--dry-run", action="store_true", help="print the plan alone")
    return known


if __name__ == "__main__":
    main()
