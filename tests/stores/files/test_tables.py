"""Columns of Parquet of every type are read as plain values; types and values stay when written."""

import datetime
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from stores.errors import DataError
from stores.fields import RowError
from stores.files.tables import read_classes, read_table, rewrite_table

TYPES: dict[str, tuple[Any, Any, Any]] = {
    "dictionary": (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), "blue", "blue"),
    "large string": (pyarrow.large_string(), "blue", "blue"),
    "string view": (pyarrow.string_view(), "blue", "blue"),
    "binary": (pyarrow.binary(), "blåu".encode(), "blåu"),
    "large binary": (pyarrow.large_binary(), b"blue", "blue"),
    "decimal": (pyarrow.decimal128(10, 2), Decimal("42.00"), "42.00"),
    "date": (pyarrow.date32(), datetime.date(2024, 2, 29), "2024-02-29"),
    "timestamp": (pyarrow.timestamp("ns"), datetime.datetime(2024, 2, 29, 12), "2024-02-29T12:00:00"),
    "time": (pyarrow.time64("ns"), datetime.time(12, 30), "12:30:00"),
    "duration": (pyarrow.duration("ns"), datetime.timedelta(hours=1), "1:00:00"),
    "unsigned": (pyarrow.uint64(), 2**63, 2**63),
    "half float": (pyarrow.float16(), 0.5, 0.5),
    "whole half float": (pyarrow.float16(), 2.0, 2),
    "float": (pyarrow.float64(), 3.0, 3),
    "bool": (pyarrow.bool_(), True, True),
    "struct": (
        pyarrow.struct([("text", pyarrow.list_(pyarrow.string()))]),
        {"text": ["a", None]},
        {"text": ["a", None]},
    ),
    "list": (pyarrow.list_(pyarrow.large_string()), ["a", "b"], ["a", "b"]),
    "fixed list": (pyarrow.list_(pyarrow.string(), 2), ["a", "b"], ["a", "b"]),
    "map": (pyarrow.map_(pyarrow.string(), pyarrow.string()), [("A", "red")], {"A": "red"}),
    "list of structs": (
        pyarrow.list_(pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.binary())])),
        [{"role": "user", "content": b"Sky?"}],
        [{"role": "user", "content": "Sky?"}],
    ),
}


def write(path: Path, values: list[Any], kind: Any, **columns: list[Any]) -> Path:
    table = pyarrow.table(
        {"id": pyarrow.array(list(range(len(values)))), "value": pyarrow.array(values, kind)} | columns
    )
    pyarrow.parquet.write_table(table, path)
    return path


@pytest.mark.parametrize("name", TYPES)
def test_a_column_of_any_type_is_read(tmp_path: Path, name: str) -> None:
    kind, value, expected = TYPES[name]
    path = write(tmp_path / "d.parquet", [value, None], kind)
    assert list(read_table(path, "parquet")) == [
        (1, {"id": 0, "value": expected}),
        (2, {"id": 1, "value": None}),
    ]


def test_nan_is_blank_however_deep_and_the_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    nan = float("nan")
    path = write(
        tmp_path / "d.parquet",
        [1.0, nan],
        pyarrow.float64(),
        __index_level_0__=[3, 4],
        options=[[1.5, nan], [nan]],
    )
    assert [row for _, row in read_table(path, "parquet")] == [
        {"id": 0, "value": 1, "options": [1.5, None]},
        {"id": 1, "value": None, "options": [None]},
    ]


@pytest.mark.parametrize(
    "name", [name for name in TYPES if name not in ("struct", "map", "list of structs", "bool")]
)
def test_a_file_comes_back_with_its_types(tmp_path: Path, name: str) -> None:
    kind, value, _ = TYPES[name]
    path = write(tmp_path / "d.parquet", [value, None, value], kind)

    def revise(line: int, row: dict[str, object] | RowError) -> dict[str, object] | None:
        assert not isinstance(row, RowError)
        return None if line == 2 else row | {"robustft": "kept"}

    sink = io.BytesIO()
    rewrite_table(path, "parquet", sink, revise)
    before, after = pyarrow.parquet.read_table(path), pyarrow.parquet.read_table(io.BytesIO(sink.getvalue()))
    assert after.drop_columns("robustft").equals(
        pyarrow.concat_tables([before.slice(0, 1), before.slice(2, 1)])
    )
    assert after.column("robustft").to_pylist() == ["kept", "kept"]


@pytest.mark.parametrize(
    ("name", "new", "stored"),
    [
        ("dictionary", "red", "red"),
        ("large string", "red", "red"),
        ("binary", "rød", "rød".encode()),
        ("decimal", "43.5", Decimal("43.50")),
        ("float", 4, 4.0),
        ("float", "4", 4.0),
        ("unsigned", 7, 7),
        ("unsigned", "7", 7),
        ("list", ["a", "c"], ["a", "c"]),
        ("struct", {"text": ["b"]}, {"text": ["b"]}),
    ],
)
def test_a_new_value_has_the_type_of_its_column(
    tmp_path: Path, name: str, new: object, stored: object
) -> None:
    kind, value, _ = TYPES[name]
    path = write(tmp_path / "d.parquet", [value, value], kind)
    sink = io.BytesIO()
    rewrite_table(
        path,
        "parquet",
        sink,
        lambda line, row: {**(row if isinstance(row, dict) else {}), **({"value": new} if line == 2 else {})},
    )
    after = pyarrow.parquet.read_table(io.BytesIO(sink.getvalue()))
    assert after.schema.field("value").type == kind
    assert after.column("value").to_pylist() == [value, stored]


def test_a_value_that_does_not_fit_its_column_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", [1, 2], pyarrow.int64())
    with pytest.raises(DataError, match="does not fit"):
        rewrite_table(
            path,
            "parquet",
            io.BytesIO(),
            lambda _, row: {**(row if isinstance(row, dict) else {}), "value": "three"},
        )


def test_the_classes_that_the_hub_names_are_known(tmp_path: Path) -> None:
    features = {
        "value": {"names": ["no", "yes"], "_type": "ClassLabel"},
        "id": {"dtype": "int64", "_type": "Value"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path = tmp_path / "d.parquet"
    pyarrow.parquet.write_table(
        pyarrow.table({"id": [0], "value": [1]}).replace_schema_metadata(metadata), path
    )
    assert read_classes(path, "parquet") == {"value": ("no", "yes")}
    assert read_classes(write(path, [1], pyarrow.int64()), "parquet") == {}


def test_compression_and_metadata_stay(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    table = pyarrow.table({"a": ["x"] * 3000}).replace_schema_metadata({"made": "by me"})
    pyarrow.parquet.write_table(table, path, compression="zstd")
    sink = io.BytesIO()
    rewrite_table(path, "parquet", sink, lambda _, row: row if isinstance(row, dict) else {})
    file = pyarrow.parquet.ParquetFile(io.BytesIO(sink.getvalue()))
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.metadata[b"made"] == b"by me"
    assert file.metadata.num_rows == 3000


def test_what_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", ["x"] * 100, pyarrow.string())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        list(read_table(path, "parquet"))


def refused_growth(path: Path) -> None:
    with pytest.raises(DataError, match="unpacks to more than 250 times its size"):
        list(read_table(path, "parquet"))


def test_a_text_that_is_written_once_for_many_rows_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    once = pyarrow.array(["x" * 1_000_000])
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 20_000, pyarrow.int32()), once)
    pyarrow.parquet.write_table(pyarrow.table({"prompt": column}), path, compression="zstd")
    refused_growth(path)
    plain = pyarrow.table({"prompt": ["x" * 1_000_000] * 300})
    pyarrow.parquet.write_table(plain, path, compression="zstd")
    refused_growth(path)


def test_rows_of_nothing_are_no_data(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    nothing = pyarrow.nulls(100_000_000, pyarrow.int8())
    pyarrow.parquet.write_table(pyarrow.table({"prompt": nothing}), path, row_group_size=100_000_000)
    refused_growth(path)


def test_an_arrow_file_whose_texts_lead_out_of_it_is_refused_and_ends_no_process(tmp_path: Path) -> None:
    path, sink = tmp_path / "data.arrow", io.BytesIO()
    table = pyarrow.table({"prompt": ["first", "second", "third"]})
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    offsets = b"".join(place.to_bytes(4, "little") for place in (0, 5, 11, 16))
    assert sink.getvalue().count(offsets) == 1
    path.write_bytes(
        sink.getvalue().replace(offsets, offsets[:4] + (10**9).to_bytes(4, "little") * 2 + offsets[12:])
    )
    with pytest.raises(DataError, match="cannot be read as Arrow"):
        list(read_table(path, "arrow"))
