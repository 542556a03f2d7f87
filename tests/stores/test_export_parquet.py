"""Parquet has one type a column, whatever the rows hold."""

import json
from pathlib import Path

import pyarrow.parquet

from stores.export_parquet import write_parquet

TURN = {"role": "user", "content": "Sky?"}
CALLS = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"name": "look", "arguments": {"deep": [1, "x"]}}],
}


def test_calls_and_tools_are_json_and_only_where_there_are_any(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "messages": [TURN], "source": "original"},
        {"id": "b", "messages": [TURN, CALLS], "tools": [{"name": "look"}], "source": "original"},
    ]
    assert write_parquet(rows, tmp_path / "d.parquet", with_tools=True) == 2
    back = pyarrow.parquet.read_table(tmp_path / "d.parquet").to_pylist()
    assert [row["tools"] for row in back] == [None, '[{"name": "look"}]']
    assert json.loads(back[1]["messages"][1]["tool_calls"]) == CALLS["tool_calls"]
    write_parquet(rows[:1], tmp_path / "d.parquet", with_tools=False)
    assert "tools" not in pyarrow.parquet.read_schema(tmp_path / "d.parquet").names
