"""What the numbers of a label stand for is read from the file that says so."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from stores.classes import class_names, names_in
from stores.dataset import read_samples

FEATURES = {"info": {"features": {"label": {"names": ["sad", "glad"], "_type": "ClassLabel"}, "text": {}}}}


def write(path: Path, metadata: dict[bytes, bytes]) -> Path:
    table = pyarrow.Table.from_pylist([{"text": "oh", "label": 1}, {"text": "ah", "label": 0}])
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_a_parquet_file_of_the_hub_names_its_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "d.parquet", {b"huggingface": json.dumps(FEATURES).encode()})
    assert class_names(path) == {"label": ("sad", "glad")}
    first, second = read_samples(path)
    assert (first.response, second.response, first.options) == ("glad", "sad", ("sad", "glad"))


@pytest.mark.parametrize("metadata", [{}, {b"huggingface": b"{"}, {b"huggingface": b"[]"}])
def test_a_file_without_names_has_none(tmp_path: Path, metadata: dict[bytes, bytes]) -> None:
    assert class_names(write(tmp_path / "d.parquet", metadata)) == {}


def test_another_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text("{}")
    assert class_names(tmp_path / "d.jsonl") == class_names(tmp_path / "none.parquet") == {}


def test_names_are_read_of_features_as_objects() -> None:
    class Label:
        names = ("no", "yes")

    assert names_in({"label": Label(), "text": object()}) == {"label": ("no", "yes")}
