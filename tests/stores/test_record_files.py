"""The files of a run's records are read as they were written, and a bad line is named."""

import json
from pathlib import Path

import pytest

from stores.errors import RecordError
from stores.record_files import read_records, read_summary, write_records, write_summary
from stores.records import (
    Decision,
    Dropped,
    Record,
)
from tests.support.records import DECISION, RECORDS, SUMMARY, name_of


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_comes_back_as_it_was_written(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert write_records(path, [record, record]) == 2
    assert len(path.read_bytes().split(b"\n")) == 3
    assert list(read_records(path, type(record))) == [record, record]
    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_a_summary_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_summary(tmp_path / "summary.json", SUMMARY)
    assert read_summary(tmp_path / "summary.json") == SUMMARY
    assert json.loads((tmp_path / "summary.json").read_text()) == SUMMARY.to_json()


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_of_a_newer_version_is_refused_with_one_message(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    newer = {**json.loads(record.to_line()), "version": 2, "tomorrow": {"x": 1}}
    path.write_text(f"{record.to_line()}\n{json.dumps(newer)}\n")
    with pytest.raises(RecordError) as caught:
        list(read_records(path, type(record)))
    assert str(caught.value) == (
        f"{path}, line 2: was written by a newer RobustFT (version 2 of the record; this one reads 1): "
        "update robustft"
    )


def test_a_line_of_before_there_were_versions_says_so(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(
        '{"id": "1", "prompt": "?", "response": "x", "status": "clean", "base": {"answer": "x"}}\n'
    )
    with pytest.raises(RecordError, match=r"line 1, field '\w+': .*the record has no version"):
        list(read_records(path, Decision))


@pytest.mark.parametrize(
    "line",
    [
        DECISION.to_line()[:-9],
        "[" * 100_000,
        '{"version": 1' + ', "a": ' * 3,
        "\x00\x00",
        "[]",
        "3",
        '"text"',
        "null",
        '{"version": 1, "id": "1", "reason": "because"}',
        '{"version": "newest", "id": "1", "reason": "failed"}',
        '{"version": 1, "id": 1, "reason": "failed"}',
        '{"version": 99999999999999999999999999, "id": "1", "reason": "failed"}',
    ],
)
def test_a_line_that_is_no_record_is_named_by_file_and_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "dropped.jsonl"
    path.write_text(f"{Dropped(id='0', reason='empty').to_line()}\n\n{line}\n", encoding="utf-8")
    found = read_records(path, Dropped)
    assert next(found) == Dropped(id="0", reason="empty")
    with pytest.raises(RecordError) as caught:
        next(found)
    assert str(caught.value).startswith(f"{path}, line 3")


def test_bytes_that_are_no_text_and_files_that_are_missing_are_typed_errors(tmp_path: Path) -> None:
    path = tmp_path / "dropped.jsonl"
    path.write_bytes(b'{"version": 1, "id": "\xff\xfe", "reason": "failed"}\n')
    with pytest.raises(RecordError, match="line 1: is cut off or damaged"):
        list(read_records(path, Dropped))
    with pytest.raises(RecordError, match="cannot be read: No such file"):
        list(read_records(tmp_path / "none.jsonl", Dropped))
    with pytest.raises(RecordError, match="cannot be read"):
        read_summary(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", b'{"version": 1, "id": "', b'{"version": 1}\n'])
def test_a_line_of_any_length_is_read_no_further_than_a_record_can_be_long(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as file:
        file.write(content)
        file.truncate(1 << 40)
    for read in (lambda: list(read_records(path, Dropped)), lambda: read_summary(path)):
        with pytest.raises(RecordError, match=r"decisions\.jsonl"):
            read()
