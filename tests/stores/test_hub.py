"""A data set on the hub is named with its config and its split; what cannot be loaded says what to name."""

import logging
from collections.abc import Iterator

import datasets
import pytest

from stores.errors import DataError
from stores.hub import HubName, parse_hub_name
from stores.rows import read_source


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("owner/name", HubName("owner/name", None, "train")),
        ("owner/name:test", HubName("owner/name", None, "test")),
        ("owner/name/config", HubName("owner/name", "config", "train")),
        ("owner/name/config:validation", HubName("owner/name", "config", "validation")),
        ("owner/name/2024-01.v2:train", HubName("owner/name", "2024-01.v2", "train")),
        ("squad", HubName("squad", None, "train")),
        ("squad:validation", HubName("squad", None, "validation")),
        ("owner/name:train[:10%]", HubName("owner/name", None, "train[:10%]")),
        ("owner/name/ARC-Challenge", HubName("owner/name", "ARC-Challenge", "train")),
        ("owner/name-1.5:", HubName("owner/name-1.5", None, "train")),
    ],
)
def test_a_name_is_taken_apart(name: str, parsed: HubName) -> None:
    assert parse_hub_name(name) == parsed


@pytest.mark.parametrize(
    "name",
    [
        "a/b/c/d",
        "a//b",
        "/a",
        "a/",
        ":train",
        "hf://datasets/a/b",
        "file:///a",
        "a b/c",
        "~a/b",
        "a\\b",
        "a/b?c",
    ],
)
def test_what_no_data_set_is_called_is_refused(name: str) -> None:
    with pytest.raises(DataError):
        parse_hub_name(name)


def test_a_config_and_a_split_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    features = datasets.Features(
        {"question": datasets.Value("string"), "answer": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = datasets.Dataset.from_dict({"question": ["Sky?"], "answer": [1]}, features=features)

    def load(path: str, name: str | None, *, split: str, streaming: bool) -> datasets.IterableDataset:
        asked.append((path, name, split, streaming))
        return rows.to_iterable_dataset()

    monkeypatch.setattr("datasets.load_dataset", load)
    source = read_source("owner/name/main:test")
    assert list(source) == [(1, {"question": "Sky?", "answer": 1})]
    assert source.classes == {"answer": ("no", "yes")}
    assert asked == [("owner/name", "main", "test", True)]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("Config name is missing. Please pick one", "; name one of its configs as owner/name/CONFIG:train"),
        ('Unknown split "train". Should be one of ["test"].', "; name one of its splits as owner/name:SPLIT"),
    ],
)
def test_what_is_not_named_says_how_to_name_it(
    monkeypatch: pytest.MonkeyPatch, error: str, advice: str
) -> None:
    def load(*_: object, **__: object) -> Iterator[dict[str, object]]:
        raise ValueError(error)

    monkeypatch.setattr("datasets.load_dataset", load)
    with pytest.raises(DataError) as caught:
        list(read_source("owner/name"))
    assert str(caught.value).startswith("owner/name: is neither a file nor a Hugging Face dataset")
    assert str(caught.value).endswith(advice)


def test_the_retries_of_a_dataset_that_cannot_be_loaded_are_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("huggingface_hub.utils._http")

    def load_dataset(name: str, **_: object) -> Iterator[dict[str, object]]:
        for left in range(5):
            log.warning("Retrying in 8s [Retry %d/5].", left)
        raise ConnectionError(f"cannot reach {name}")

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    caplog.set_level("INFO", logger="robustft")
    with pytest.raises(DataError):
        list(read_source("nosuchname"))
    assert [record.getMessage() for record in caplog.records] == [
        "nosuchname: no file of that name; the Hugging Face hub is asked for it"
    ]
    assert log.isEnabledFor(logging.WARNING)
