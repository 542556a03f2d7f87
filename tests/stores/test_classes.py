"""The names of classes are found wherever a data set describes its features."""

import datasets
import pytest

from stores.classes import names_in


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
