"""Writing what a run trained on in the forms that other trainers read."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from stores.atomic import atomic_path, atomic_writer
from stores.errors import DataError
from stores.record_files import read_numbered
from stores.records import TrainingRow
from stores.sample import Sample, plain_turns

ExportFormat = Literal["messages", "prompt-completion", "alpaca", "sharegpt", "parquet"]

_SHAREGPT_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}
_PARQUET_BATCH = 1024


def export_training(training: Path, target: Path, format: ExportFormat) -> int:  # noqa: A002 - the flag's name
    """Write the rows of a run's training.jsonl in another format; `target` appears only once it is whole.

    A row of a run with soft weighting keeps its `weight`, without which every doubtful response would count
    in full.

    Args:
        training: the run's training.jsonl.
        target: the file to write; an existing one is replaced.
        format: what to write. All but `parquet` are JSON Lines.

    Returns:
        The number of rows written.

    Raises:
        DataError: the training file is missing, empty or malformed, a row does not fit the format, or the
            target cannot be written.
    """
    if not target.parent.is_dir():
        raise DataError("cannot be written: its folder does not exist", path=target)
    if target.is_dir():
        raise DataError("cannot be written: it is a folder", path=target)
    if target.resolve() == training.resolve():
        raise DataError("cannot be written: it is the run's own training file", path=target)
    rows = _training_rows(training)
    try:
        return (
            _write_parquet(rows, target)
            if format == "parquet"
            else _write_lines(rows, target, format, training)
        )
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", path=target) from error


def _training_rows(training: Path) -> Iterator[tuple[int, TrainingRow]]:
    rows = read_numbered(training, TrainingRow)
    first = next(rows, None)
    if first is None:
        raise DataError("holds no rows, so there is nothing to export", path=training)
    yield first
    yield from rows


def _write_lines(
    rows: Iterator[tuple[int, TrainingRow]], target: Path, form: ExportFormat, training: Path
) -> int:
    count = 0
    with atomic_writer(target) as file:
        for line, row in rows:
            if form == "alpaca":
                exported = _alpaca(row, training, line)
            elif form == "sharegpt":
                exported = _sharegpt(row)
            elif form == "prompt-completion":
                exported = _prompt_completion(row)
            else:
                exported = {"messages": plain_turns(row.prompt + row.completion)}
            if row.weight is not None:
                exported["weight"] = row.weight
            file.write(json.dumps(exported, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(rows: Iterator[tuple[int, TrainingRow]], target: Path) -> int:
    # imported here because it takes a quarter of a second, which only Parquet users should pay
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    turn = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    schema = pyarrow.schema(
        [
            ("id", pyarrow.string()),
            ("messages", pyarrow.list_(turn)),
            ("source", pyarrow.string()),
            ("weight", pyarrow.float64()),
        ]
    )
    count = 0
    with atomic_path(target) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        while batch := [row for _, row in islice(rows, _PARQUET_BATCH)]:
            columns = [
                {
                    "id": row.id,
                    "messages": plain_turns(row.prompt + row.completion),
                    "source": row.source,
                    "weight": row.weight,
                }
                for row in batch
            ]
            writer.write_batch(pyarrow.RecordBatch.from_pylist(columns, schema=schema))
            count += len(batch)
    return count


def _prompt_completion(row: TrainingRow) -> dict[str, object]:
    if len(row.prompt) == 1:
        return {"prompt": row.prompt[0].content, "completion": row.completion[0].content}
    return {"prompt": plain_turns(row.prompt), "completion": plain_turns(row.completion)}


def _sharegpt(row: TrainingRow) -> dict[str, object]:
    turns = row.prompt + row.completion
    return {"conversations": [{"from": _SHAREGPT_NAMES[turn.role], "value": turn.content} for turn in turns]}


def _alpaca(row: TrainingRow, training: Path, line: int) -> dict[str, object]:
    exported: dict[str, object] = {
        "instruction": row.prompt[-1].content,
        "input": "",
        "output": row.completion[0].content,
    }
    earlier = row.prompt[:-1]
    if earlier and earlier[0].role == "system":
        exported["system"] = earlier[0].content
        earlier = earlier[1:]
    users, assistants = earlier[::2], earlier[1::2]
    well_paired = len(users) == len(assistants)
    well_paired = well_paired and all(turn.role == "user" for turn in users)
    well_paired = well_paired and all(turn.role == "assistant" for turn in assistants)
    if not well_paired:
        raise DataError(
            "its turns do not alternate between user and assistant, as alpaca needs; export another format",
            path=training,
            line=line,
            field="prompt",
        )
    if earlier:
        pairs = zip(users, assistants, strict=True)
        exported["history"] = [[user.content, assistant.content] for user, assistant in pairs]
    return exported


def write_samples(target: Path, samples: Iterable[Sample]) -> None:
    """Write samples as JSON lines that `read_samples` reads back as they were; whole or not at all.

    Raises:
        DataError: the file cannot be written, or its name says that it holds something else.
    """
    if target.suffix.lower() not in (".jsonl", ".ndjson"):
        raise DataError("JSON lines are written: let its name end in .jsonl", path=target)
    try:
        with atomic_writer(target) as lines:
            for sample in samples:
                lines.write(json.dumps(_sample_row(sample), ensure_ascii=False) + "\n")
    except OSError as exc:
        raise DataError(f"cannot be written ({exc.strerror or exc})", path=target) from exc


def _sample_row(sample: Sample) -> dict[str, object]:
    row: dict[str, object] = {"id": sample.id}
    if sample.history:
        turns = plain_turns(sample.history)
        turns.append({"role": "user", "content": sample.prompt})
        row["messages"] = [*turns, {"role": "assistant", "content": sample.response}]
    else:
        row |= {"prompt": sample.prompt, "completion": sample.response}
    optional = {"options": list(sample.options), "task": sample.task, "gold": sample.gold}
    return row | {name: value for name, value in optional.items() if value}
