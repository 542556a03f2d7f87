"""Rows come with the numbers of their lines, and what is no file is asked for on the hub."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from stores.errors import DataError
from stores.rows import read_json_lines, read_source

ROWS: list[dict[str, object]] = [{"id": "a"}, {"id": "b"}]


def failure(source: str) -> str:
    with pytest.raises(DataError) as caught:
        list(read_source(source))
    return str(caught.value)


def test_json_lines_come_with_their_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('\n{"a": 1}\n\n{"b": 2}', encoding="utf-8")
    assert list(read_json_lines(path)) == list(read_source(path)) == [(2, {"a": 1}), (4, {"b": 2})]


@pytest.mark.parametrize(("source", "split"), [("some/set", "train"), ("some/set:test", "test")])
def test_what_is_no_file_is_a_dataset_id(monkeypatch: pytest.MonkeyPatch, source: str, split: str) -> None:
    asked_for: list[tuple[object, ...]] = []

    def load_dataset(name: str, *, split: str, streaming: bool) -> Iterator[dict[str, object]]:
        asked_for.append((name, split, streaming))
        return iter(ROWS)

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    assert list(read_source(source)) == [(1, {"id": "a"}), (2, {"id": "b"})]
    assert asked_for == [("some/set", split, True)]


def test_a_dataset_that_cannot_be_loaded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str, **_: object) -> Iterator[dict[str, object]]:
        raise ConnectionError(f"cannot reach {name}")

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    text = failure("some/set:test")
    assert text.startswith("some/set:test: is neither a file nor a Hugging Face dataset")
    assert "cannot reach some/set" in text


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
    failure("nosuchname")
    assert [record.getMessage() for record in caplog.records] == [
        "nosuchname: no file of that name; the Hugging Face hub is asked for it"
    ]
    assert log.isEnabledFor(logging.WARNING)
