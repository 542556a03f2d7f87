"""The names of classes are found wherever a data set describes its features."""

import json
from pathlib import Path

import datasets
import pyarrow.parquet
import pytest

from stores.classes import names_in
from stores.dataset import read_samples


@pytest.mark.parametrize(
    ("features", "names"),
    [
        ({"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}, {"label": ("no", "yes")}),
        ({"label": datasets.ClassLabel(names=["no", "yes"])}, {"label": ("no", "yes")}),
        ({"label": {"dtype": "int64", "_type": "Value"}, "text": datasets.Value("string")}, {}),
        ({"label": {"names": "no, yes"}}, {}),
        ({"label": {"names": [0, 1]}}, {}),
        ({}, {}),
    ],
)
def test_columns_of_classes_have_names(features: dict[str, object], names: dict[str, object]) -> None:
    assert names_in(features) == names


def test_a_parquet_file_of_the_hub_names_its_classes(tmp_path: Path) -> None:
    described = {"info": {"features": {"label": {"names": ["sad", "glad"], "_type": "ClassLabel"}}}}
    table = pyarrow.Table.from_pylist([{"text": "oh", "label": 1}, {"text": "ah", "label": 0}])
    path = tmp_path / "d.parquet"
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(described)}), path)
    first, second = read_samples(path)
    assert (first.response, second.response, first.options) == ("glad", "sad", ("sad", "glad"))
