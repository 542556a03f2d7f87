"""Writing what a run found in the forms that other trainers read, or in the form of the user's own file."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from stores.atomic import atomic_path, atomic_writer
from stores.errors import DataError
from stores.export_parquet import write_parquet
from stores.export_rows import is_plain, to_alpaca, to_messages, to_prompt_and_response, to_sharegpt
from stores.places import odd_kind
from stores.printable import printable
from stores.record_files import write_records
from stores.records import Decision, TrainingRow
from stores.sample import Message, Sample, plain_turns

ExportFormat = Literal["messages", "prompt-completion", "alpaca", "sharegpt", "parquet", "same"]
What = Literal["kept", "changed", "dropped", "all"]
"""Which samples to write: those trained on, those of them with a new response, those left out, or all."""

Fate = Literal["kept", "changed", "dropped"]
"""What became of a sample: trained on as it is, with a new response, or not at all."""

STDOUT = "-"
# Columns that not every file of samples has.
_OPTIONAL = ("options", "tools", "task", "kind", "gold")


class Result(NamedTuple):
    """A sample with what became of it, and the row that it is, or would be, trained on as."""

    fate: Fate
    sample: Sample
    row: TrainingRow

    def is_among(self, what: What) -> bool:
        """Say whether the sample is one of those that are asked for."""
        return what in ("all", self.fate) or (what == "kept" and self.fate == "changed")


def export_results(
    results: Callable[[], Iterator[Result]],
    training: Path,
    target: Path,
    form: Literal["messages", "prompt-completion", "alpaca", "sharegpt", "parquet"],
    what: What = "kept",
) -> int:
    """Write a run's samples as conversations; `target` appears only once it is whole.

    Each has its `id` and its `source`. One of a run with soft weighting keeps its `weight`, without which
    every doubtful response would count in full. Where samples that are left out are written, `robustft`
    says what became of each.

    Args:
        results: yields what became of each sample; it is called more than once.
        training: the run's training set, for messages.
        target: the file to write; an existing one is replaced.
        form: what to write. All but `parquet` are JSON Lines.
        what: which samples.

    Returns:
        The number of rows written.

    Raises:
        DataError: there are no such samples, one does not fit the format, or the target cannot be written.
    """

    def chosen() -> Iterator[Result]:
        return (result for result in results() if result.is_among(what))

    if next(chosen(), None) is None:
        raise DataError(
            f"the run has no samples that are {what}, so there is nothing to export", path=training
        )
    with_fate = what in ("all", "dropped")
    with writing(target):
        if form == "parquet":
            with_tools = any(_has_tools(result.row) for result in chosen())
            rows = (_exported(result, to_messages(result.row), with_fate=with_fate) for result in chosen())
            with atomic_path(target) as temporary:
                return write_parquet(rows, temporary, with_tools=with_tools)
        to_row = _to_row(form, chosen, training)
        return _write_lines(
            (_exported(result, to_row(result.row), with_fate=with_fate) for result in chosen()), target
        )


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Check that a file can be written, and give what fails on the way a message.

    Raises:
        DataError: it cannot.
    """
    _check_place(target)
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", path=target) from error


def check_target(target: Path, *, force: bool) -> None:
    """Check that a file can be written where it shall be, and takes nobody's place.

    Raises:
        DataError: it cannot; or it exists, and `force` does not say to replace it.
    """
    _check_place(target)
    if not force and target.exists():
        raise DataError("exists already; --force replaces it, or name another file", path=target)


def _check_place(target: Path) -> None:
    try:
        kind = odd_kind(target)
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", path=target) from error
    if kind is not None:
        raise DataError(f"cannot be written: it is {kind}; name a plain file or a new one", path=target)
    if not target.parent.is_dir():
        raise DataError("cannot be written: its folder does not exist", path=target)


def to_standard_output(write: Callable[[Path], int], suffix: str) -> int:
    """Write a file and pass it on to standard output, whole or not at all; returns what `write` does.

    A pipe or a file gets its bytes. A terminal is shown its text, of which it obeys nothing.

    Args:
        write: writes the file at a path.
        suffix: what the file's name ends in.

    Raises:
        DataError: a terminal cannot show the file, which is no text; or standard output cannot be written.
    """
    if sys.stdout is None:
        raise DataError("is closed; name a file with --out", path="standard output")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"export{suffix}")
        count = write(file)
        shown = _shown(file) if sys.stdout.isatty() else None
        try:
            _pass_on(file, shown)
        except BrokenPipeError:
            raise
        except OSError as exc:
            raise DataError(f"cannot be written ({exc.strerror or exc})", path="standard output") from exc
    return count


def _pass_on(file: Path, shown: str | None) -> None:
    if shown is not None:
        sys.stdout.write(shown)
    else:
        with file.open("rb") as content:
            shutil.copyfileobj(content, sys.stdout.buffer)
    sys.stdout.flush()


def _shown(file: Path) -> str:
    try:
        return printable(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as exc:
        raise DataError("no terminal can show it: name a file, or pipe it on", path=STDOUT) from exc


def _to_row(
    form: str, results: Callable[[], Iterator[Result]], training: Path
) -> Callable[[TrainingRow], dict[str, Any]]:
    if form == "alpaca":
        return lambda row: to_alpaca(row, str(training))
    if form == "sharegpt":
        return to_sharegpt
    if form == "messages":
        return to_messages
    as_text = all(is_plain(result.row) for result in results())
    return lambda row: to_prompt_and_response(row, as_text=as_text)


def _has_tools(row: TrainingRow) -> bool:
    turns = row.prompt + row.completion
    return bool(row.tools) or any(turn.tool_calls or turn.tool_call_id or turn.name for turn in turns)


def _exported(result: Result, content: dict[str, Any], *, with_fate: bool) -> dict[str, Any]:
    row = result.row
    weight = {} if row.weight is None else {"weight": row.weight}
    fate = {"robustft": result.fate} if with_fate else {}
    return {"id": row.id, **content, "source": row.source, **weight, **fate}


def _write_lines(rows: Iterable[dict[str, Any]], target: Path) -> int:
    count = 0
    with atomic_writer(target) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_decisions(target: Path, decisions: Iterable[Decision]) -> int:
    """Write decisions as JSON lines, whole or not at all; returns how many.

    Raises:
        DataError: the file cannot be written.
    """
    with writing(target):
        return write_records(target, decisions)


def write_samples(target: Path, samples: Iterable[Sample]) -> None:
    """Write samples as JSON lines that `read_samples` reads back as they were; whole or not at all.

    Raises:
        DataError: the file cannot be written, or its name says that it holds something else.
    """
    if target.suffix.lower() not in (".jsonl", ".ndjson"):
        raise DataError("JSON lines are written: let its name end in .jsonl", path=target)
    held = list(samples)
    # The same columns in every row: what a file has is told from its first rows.
    used = [name for name in _OPTIONAL if any(getattr(sample, name) for sample in held)]
    columns = ("id", "prompt", "completion", *used)
    try:
        _write_lines((_sample_row(sample, columns) for sample in held), target)
    except OSError as exc:
        raise DataError(f"cannot be written ({exc.strerror or exc})", path=target) from exc


def _sample_row(sample: Sample, columns: Sequence[str]) -> dict[str, object]:
    turns = [*sample.history, Message(role="user", content=sample.prompt), *sample.after]
    values: dict[str, object] = {
        "id": sample.id,
        "prompt": plain_turns(turns) if len(turns) > 1 else sample.prompt,
        "completion": _with_others(sample.response, sample.other_responses),
        "options": list(sample.options),
        "tools": list(sample.tools),
        "task": sample.task,
        "kind": sample.kind,
        "gold": None if sample.gold is None else _with_others(sample.gold, sample.other_golds),
    }
    return {name: values[name] or None if name in _OPTIONAL else values[name] for name in columns}


def _with_others(text: str, others: Sequence[str]) -> str | list[str]:
    return [text, *others] if others else text
