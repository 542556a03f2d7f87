"""Damages the files of run directories at random, and looks what readers and a resumed run make of them.

    python -m tests.support.damages [--damages 1000] [--seed 0] [--first 0] [--trained 0.05]    (make torture)

Each damage takes a copy of a run: a finished one, one that was killed in the middle, or one that was trained.
One or two of its files are emptied, cut, flipped, overwritten, edited, removed, or exchanged with each other
or with those of another run. Then the run is traced, exported and loaded, and gone on with. What ends with a
message is gone on with as the message says. Prints JSON. `tracebacks` are exceptions that are none of
RobustFT's own; `silent changes` are records, a trace or an export that differ and come without a message;
`wedges` are messages that lead no further. Exits with 1 where any of them is not 0.
"""

import argparse
import json
import logging
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from graph.config import Stage
from graph.config.run import RunConfig, load_config
from robustft import RobustFTError, export, load_run, resume, run
from robustft.listing import list_samples
from robustft.trace import print_trace
from tests.support.cases import write_run
from tests.support.endpoint import Endpoint
from tests.support.finished import reply, row

_RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")
_SAMPLES = 16
_TRACED = ("q3", "q7")
# A training is slow, and few files are there for it alone.
_TRAINED = 0.05
# Of these, the data file is changed and the journal that held the samples is gone.
_OTHER_DATA = 0.04
_ENDED_RIGHT, _TOLD = "ended right", "ended by a message"
_TRACEBACK, _SILENT, _WEDGE = "tracebacks", "silent changes", "wedges"


class Scene(NamedTuple):
    """A run to be damaged, and what it ends as where nothing happens to it."""

    folder: Path
    until: Stage
    config: RunConfig
    records: dict[str, bytes]
    read: dict[str, str]
    """What readers show of it; empty where it is not finished."""


class Wrong(NamedTuple):
    """One of the outcomes that there must be none of."""

    kind: str
    scene: str
    damages: list[str]
    what: str


def records_of(out: Path) -> dict[str, bytes]:
    """Return what a run decided and trained on."""
    return {name: (out / name).read_bytes() for name in _RECORDS}


def reader_results(out: Path) -> dict[str, Callable[[], str]]:
    """Return what shows a run without writing, by name."""

    def traced(identifier: str) -> Callable[[], str]:
        def show() -> str:
            file = StringIO()
            print_trace(out, identifier, Console(file=file, width=200), prompts=True)
            return file.getvalue()

        return show

    def exported() -> str:
        with tempfile.TemporaryDirectory() as folder:
            export(out, Path(folder, "out.jsonl"), "messages")
            return Path(folder, "out.jsonl").read_text()

    def loaded() -> str:
        opened = load_run(out)
        lines = [record.to_line() for record in (*opened.decisions(), *opened.training(), *opened.dropped())]
        lines.append(opened.config.to_yaml())
        lines.append(json.dumps({k: v for k, v in opened.summary.to_json().items() if k != "timing"}))
        return "\n".join([*lines, json.dumps(opened.prompts(), sort_keys=True)])

    def listed() -> str:
        return "\n".join(decision.to_line() for decision in list_samples(out))

    shows: dict[str, Callable[[], str]] = {f"trace {name}": traced(name) for name in _TRACED}
    return {**shows, "export": exported, "load_run": loaded, "list": listed}


class Damager:
    """Makes damages of one seed.

    Args:
        seed: decides them.
        other: another run's directory, whose files are taken.
    """

    def __init__(self, seed: int, other: Path) -> None:
        self._dice = random.Random(seed)  # noqa: S311
        self._other = other
        self._kinds = (
            self._empty,
            self._cut,
            self._flip,
            self._flip,
            self._overwrite,
            self._edit,
            self._remove,
            self._swap,
            self._take,
        )

    def choose(self, scenes: dict[str, Scene], trained: float) -> str:
        """Return the name of the next scene."""
        if "trained" in scenes and self._dice.random() < trained:
            return "trained"
        return self._dice.choice([name for name in scenes if name != "trained"])

    def damage(self, out: Path, data: Path) -> list[str]:
        """Damage a run directory; returns what was done, a line each."""
        if self._dice.random() < _OTHER_DATA:
            return [self._edit(out, data, []), self._remove(out, out / ".state" / "journal.sqlite", [])]
        return [self._damage_one(out) for _ in range(2 if self._dice.random() < 0.35 else 1)]

    def _damage_one(self, out: Path) -> str:
        files = sorted(path for path in out.rglob("*") if path.is_file() and path.name != "run.lock")
        # Every file has the same chance, and those that decide twice that.
        weights = [2 if path.suffix in (".sqlite", ".yaml", ".json", ".jsonl") else 1 for path in files]
        (path,) = self._dice.choices(files, weights)
        does = self._dice.choice(self._kinds)
        return f"{does.__name__.strip('_')} {path.relative_to(out)}: {does(out, path, files)}"

    def _empty(self, out: Path, path: Path, files: list[Path]) -> str:
        path.write_bytes(b"")
        return ""

    def _cut(self, out: Path, path: Path, files: list[Path]) -> str:
        length = self._dice.randrange(path.stat().st_size + 1)
        with path.open("rb+") as file:
            file.truncate(length)
        return f"to {length}"

    def _flip(self, out: Path, path: Path, files: list[Path]) -> str:
        content = bytearray(path.read_bytes())
        if not content:
            return ""
        places = [self._dice.randrange(len(content) * 8) for _ in range(self._dice.choice((1, 1, 2, 8)))]
        for place in places:
            content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        return f"bits {places}"

    def _overwrite(self, out: Path, path: Path, files: list[Path]) -> str:
        size = path.stat().st_size
        start = self._dice.randrange(size + 1)
        length = self._dice.randrange(min(4096, size - start) + 1)
        with path.open("rb+") as file:
            file.seek(start)
            file.write(self._dice.choice((bytes(length), self._dice.randbytes(length))))
        return f"{length} from {start}"

    def _edit(self, out: Path, path: Path, files: list[Path]) -> str:
        """Change one figure or letter, as a hand might."""
        content = path.read_bytes()
        places = [match.start() for match in re.finditer(rb"[0-8a-y]", content)]
        if not places:
            return ""
        place = self._dice.choice(places)
        path.write_bytes(content[:place] + bytes([content[place] + 1]) + content[place + 1 :])
        return f"at {place}"

    def _remove(self, out: Path, path: Path, files: list[Path]) -> str:
        path.unlink()
        return ""

    def _swap(self, out: Path, path: Path, files: list[Path]) -> str:
        other = self._dice.choice(files)
        mine, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(mine)
        return f"with {other.relative_to(out)}"

    def _take(self, out: Path, path: Path, files: list[Path]) -> str:
        """Put another run's file in the place."""
        theirs = self._other / path.relative_to(out)
        if theirs.is_file():
            shutil.copyfile(theirs, path)
            return "of another run"
        return self._cut(out, path, files)


def make_scenes(folder: Path, endpoint: Endpoint, *, trained: bool) -> tuple[dict[str, Scene], Path]:
    """Make the runs to be damaged, and another one of other data."""
    scenes: dict[str, Scene] = {}
    for policy in ("calibrated", "hybrid"):
        place = folder / policy
        place.mkdir()
        config = _config(place, endpoint, policy, 0)
        scenes |= _finished_and_killed(place, endpoint, config, policy)
    other = folder / "other"
    other.mkdir()
    run(_config(other, endpoint, "calibrated", 20), other / "run", until="select")
    if trained:
        scenes["trained"] = _trained(folder / "trained", endpoint)
    return scenes, other / "run"


def _config(place: Path, endpoint: Endpoint, policy: str, first: int) -> RunConfig:
    file = write_run(
        place,
        endpoint.url,
        [row(number) for number in range(first, first + _SAMPLES)],
        agents__reasoner__max_reflections=0,
        agents__checker__policy=policy,
        agents__relabeler__neighbours=2,
    )
    return load_config(file)


def _finished_and_killed(place: Path, endpoint: Endpoint, config: RunConfig, name: str) -> dict[str, Scene]:
    """Return a finished run, and its files as they were in the middle of relabeling."""
    out, killed = place / "finished", place / "killed"

    def copying(messages: list[dict[str, Any]]) -> str:
        text = messages[-1]["content"]
        if text.startswith("[relabel]") and not killed.exists():
            shutil.copytree(out, killed)
        return reply(messages)

    endpoint.reply = copying
    run(config, out, until="select")
    endpoint.reply = reply
    expected = records_of(out)
    read = {shown: show() for shown, show in reader_results(out).items()}
    return {
        f"finished, {name}": Scene(out, "select", config, expected, read),
        f"killed, {name}": Scene(killed, "select", config, expected, {}),
    }


def _trained(place: Path, endpoint: Endpoint) -> Scene:
    from tests.support.tiny_models import save_tiny_model

    place.mkdir()
    model = save_tiny_model(place / "model")
    tests = [{**row(number), "completion": reply_of(number)} for number in range(24, 30)]
    (place / "tests.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in tests))
    _config(place, endpoint, "calibrated", 0)
    settings = [
        f"models.tiny={{provider: embedded, name: '{model}'}}",
        "training.model=tiny",
        "training.epochs=1",
        "agents.base.max_tokens=4",
    ]
    config = load_config(place / "my.yaml", settings, test=str(place / "tests.jsonl"))
    run(config, place / "run", until="evaluate")
    read = {shown: show() for shown, show in reader_results(place / "run").items()}
    return Scene(place / "run", "evaluate", config, trained_records(place / "run"), read)


def reply_of(number: int) -> str:
    """Return the right response to a sample of `tests.support.finished`."""
    return str(row(number)["options"][0])


def trained_records(out: Path) -> dict[str, bytes]:
    """Return what a trained run decided, trained and measured."""
    made = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "evaluation.jsonl")
    return {**records_of(out), **{name: (out / name).read_bytes() for name in made}}


def try_one(scene: Scene, name: str, damager: Damager, out: Path) -> tuple[str, list[Wrong]]:
    """Damage a copy of a run, read it and go on with it; returns how it ended, and what went wrong."""
    shutil.copytree(scene.folder, out)
    data = Path(str(scene.config.data.train))
    undamaged = data.read_bytes()
    done = damager.damage(out, data)
    wrong: list[Wrong] = []

    def note(kind: str, what: str) -> None:
        wrong.append(Wrong(kind, name, done, what))

    for reader, show in reader_results(out).items():
        try:
            shown = show()
        except RobustFTError:
            continue
        except Exception:  # noqa: BLE001 - what is looked for
            note(_TRACEBACK, f"{reader}: {traceback.format_exc()[-2000:]}")
            continue
        if scene.read and shown != scene.read[reader] and "is no longer stored" not in shown:
            note(_SILENT, f"{reader} shows something else")
    ended = _go_on(scene, out, note, lambda: data.write_bytes(undamaged))
    data.write_bytes(undamaged)
    return ended, wrong


def _go_on(
    scene: Scene, out: Path, note: Callable[[str, str], None], put_data_back: Callable[[], object]
) -> str:
    """Resume a damaged run, doing what its messages say; returns how it ended at the first try."""
    ended = ""
    place = out
    said: list[str] = []
    for _ in range(6):
        try:
            resume(place, until=scene.until)
        except RobustFTError as exc:
            ended = ended or _TOLD
            said.append(str(exc))
            if "put the data back" in str(exc) or str(exc).startswith(str(scene.config.data.train)):
                put_data_back()
                continue
            following = _follow(str(exc), scene, place)
            if following is None:
                note(_WEDGE, " THEN ".join(said))
                return ended
            place = following
            continue
        except Exception:  # noqa: BLE001 - what is looked for
            note(_TRACEBACK, f"resume: {traceback.format_exc()[-3000:]}")
            return _TRACEBACK
        found = trained_records(place) if scene.until == "evaluate" else records_of(place)
        differing = [name for name, content in scene.records.items() if found[name] != content]
        if differing:
            note(_SILENT, f"resume, {', '.join(differing)}; said: {said}")
        return ended or _ENDED_RIGHT
    note(_WEDGE, " THEN ".join(said))
    return ended


def _follow(message: str, scene: Scene, out: Path) -> Path | None:
    """Do what a message says; returns the run to go on with, None where it says nothing that can be done."""
    flat = " ".join(message.split())
    named = re.match(r"(\S+?)(?:, line \d+)?: ", flat)
    if re.search(r"[Rr]emove (it|the file)", flat) and named:
        path = Path(named[1])
        path = path if path.is_absolute() else Path.cwd() / path
        if path.is_relative_to(out) and path.exists():
            path.unlink()
            return out
    if "--reuse" in flat:
        new = out.with_name(f"{out.name}-new")
        if not new.exists():
            with_replies = [out] if (out / ".state").is_dir() else []
            run(scene.config, new, until="detect", reuse=next(iter(with_replies), None))
            return new
    if re.search(r"put this run's own back|move it away", flat) and named:
        # What is another's is moved away.
        for file in (out / ".state").glob("*.sqlite"):
            if str(file) in flat and "move it away" in flat:
                file.unlink()
                return out
        for name in ("manifest.json", "journal.sqlite", "journal.sqlite-wal"):
            theirs = scene.folder / ".state" / name
            if theirs.is_file():
                shutil.copyfile(theirs, out / ".state" / name)
        return out
    return None


def torture(
    damages: int, seed: int, folder: Path, trained: float = _TRAINED, first: int = 0
) -> dict[str, Any]:
    """Make so many damages; returns the figures.

    Args:
        damages: how many.
        seed: decides them.
        folder: an empty one.
        trained: the share of them that a trained run gets.
        first: the number of the first one; each depends on the seed and its number alone.
    """
    endpoint = Endpoint()
    endpoint.reply = reply
    figures: Counter[str] = Counter(
        dict.fromkeys((_ENDED_RIGHT, _TOLD, _TRACEBACK, _SILENT, _WEDGE, "damages"), 0)
    )
    found: list[Wrong] = []
    began = time.monotonic()
    try:
        scenes, other = make_scenes(folder, endpoint, trained=trained > 0)
        for number in range(first, first + damages):
            damager = Damager(seed * 1_000_003 + number, other)
            name = damager.choose(scenes, trained)
            out = folder / f"damaged-{number}"
            ended, wrong = try_one(scenes[name], name, damager, out)
            figures["damages"] += 1
            figures[ended] += ended in (_ENDED_RIGHT, _TOLD)
            figures.update(one.kind for one in wrong)
            found += wrong
            for one in wrong:
                sys.stderr.write(f"{number} {json.dumps(one._asdict())}\n")
            if not figures["damages"] % 50:
                sys.stderr.write(f"{json.dumps(figures)}\n")
            for left in (out, out.with_name(f"{out.name}-new")):
                shutil.rmtree(left, ignore_errors=True)
    finally:
        endpoint.stop()
    return {"seed": seed, **figures, "seconds": round(time.monotonic() - began)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--damages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trained", type=float, default=_TRAINED)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="robustft-damages-") as folder:
        figures = torture(arguments.damages, arguments.seed, Path(folder), arguments.trained, arguments.first)
    sys.stdout.write(f"{json.dumps(figures, indent=2)}\n")
    sys.exit(any(figures[name] for name in (_TRACEBACK, _SILENT, _WEDGE)))


if __name__ == "__main__":
    main()
