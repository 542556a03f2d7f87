"""Writing conversations as Parquet: one type a column, whatever the rows hold."""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

_BATCH = 1024


def write_parquet(rows: Iterable[dict[str, Any]], target: Path, *, with_tools: bool) -> int:
    """Write conversations with their ids; returns how many.

    Args:
        rows: each with `id`, `messages` as `plain_turns` has them, `source`, `weight`, and what became of it.
        target: the file.
        with_tools: whether any row has tools. Then turns have their calls, and rows their tools, as JSON.

    Raises:
        OSError: the file cannot be written.
    """
    # imported here because it takes a quarter of a second, which only Parquet users should pay
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    schema = _schema(pyarrow, with_tools=with_tools)
    count = 0
    remaining = iter(rows)
    with pyarrow.parquet.ParquetWriter(target, schema) as writer:
        while batch := list(islice(remaining, _BATCH)):
            columns = [_with_text(row) for row in batch]
            writer.write_batch(pyarrow.RecordBatch.from_pylist(columns, schema=schema))
            count += len(batch)
    return count


def _schema(pyarrow: Any, *, with_tools: bool) -> Any:
    text = pyarrow.string()
    turn = [("role", text), ("content", text)]
    columns = [("source", text), ("weight", pyarrow.float64()), ("robustft", text)]
    if with_tools:
        turn += [("tool_calls", text), ("tool_call_id", text), ("name", text)]
        columns.append(("tools", text))
    return pyarrow.schema([("id", text), ("messages", pyarrow.list_(pyarrow.struct(turn))), *columns])


def _with_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose calls and tools, which have no type in common, are JSON."""
    turns = [
        {**turn, "tool_calls": json.dumps(turn["tool_calls"], ensure_ascii=False)}
        if "tool_calls" in turn
        else turn
        for turn in row["messages"]
    ]
    tools = {"tools": json.dumps(row["tools"], ensure_ascii=False)} if "tools" in row else {}
    return {**row, "messages": turns, **tools}
