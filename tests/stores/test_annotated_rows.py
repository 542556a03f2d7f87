"""Rows of several annotators become one sample each, or say which rows contradict each other."""

import json
from pathlib import Path
from typing import Any

import pytest

from stores.columns import ColumnsConfig
from stores.dataset import ReadingRules, read_rows, read_samples
from stores.errors import DataError
from stores.records import Skipped
from stores.sample import Sample


def read(*rows: dict[str, Any], **columns: Any) -> list[Sample]:
    rules = ReadingRules(columns=ColumnsConfig(**columns), noisy=True)
    return list(read_rows(rows, "samples", rules=rules))


def by_name(sample: Sample) -> dict[str, str]:
    return {said.annotator: said.response for said in sample.annotations}


def test_rows_of_one_id_are_one_sample_with_the_commonest_response() -> None:
    rows = [
        {"id": "b", "prompt": "Sea?", "response": "red", "annotator": "ann"},
        {"id": "a", "prompt": "Sky?", "response": "blue", "annotator": "ann"},
        {"id": "b", "prompt": "Sea?", "response": "blue", "annotator": "cy"},
        {"id": "b", "prompt": "Sea?", "response": "blue", "annotator": "bob"},
    ]
    sea, sky = read(*rows)
    assert (sea.id, sea.response, by_name(sea)) == ("b", "blue", {"ann": "red", "bob": "blue", "cy": "blue"})
    assert (sky.id, sky.response, by_name(sky)) == ("a", "blue", {"ann": "blue"})
    assert {sample.id: sample for sample in read(*rows[::-1])} == {"a": sky, "b": sea}
    hash(sea)


def test_without_ids_the_prompt_and_the_options_tell_a_sample() -> None:
    rows = [
        {"prompt": "Which?", "options": ["x", "y"], "response": "A", "who": "ann"},
        {"prompt": "Which?", "options": ["x", "z"], "response": "A", "who": "ann"},
        {"prompt": "Which?", "options": ["x", "y"], "response": "B", "who": "bob"},
    ]
    found = read(*rows, annotator="who")
    assert [(sample.response, len(sample.annotations)) for sample in found] == [("x", 2), ("x", 1)]
    assert len({sample.id for sample in found}) == 2


def test_a_column_an_annotator_says_the_same_as_a_row_an_annotator(tmp_path: Path) -> None:
    wide = [{"id": "s", "prompt": "Sky?", "options": ["blue", "red"], "ann": "B", "bob": "A", "cy": "A"}]
    tall = [
        {"id": "s", "prompt": "Sky?", "options": ["blue", "red"], "response": letter, "annotator": name}
        for name, letter in (("ann", "B"), ("bob", "A"), ("cy", "A"))
    ]
    (of_columns,) = read(*wide, annotators=("ann", "bob", "cy"))
    (of_rows,) = read(*tall)
    assert of_columns == of_rows
    assert of_columns.response == "blue"
    file = tmp_path / "wide.csv"
    file.write_text("id,prompt,ann,bob\ns,Sky?,blue,\nt,Sea?,,green\n", encoding="utf-8")
    rules = ReadingRules(columns=ColumnsConfig(annotators=("ann", "bob")), noisy=True)
    assert [by_name(sample) for sample in read_samples(file, rules=rules)] == [
        {"ann": "blue"},
        {"bob": "green"},
    ]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"prompt": "Sky?"}, {"prompt": "Sea?"}, "another prompt or other options than line"),
        ({"annotator": "ann"}, {"annotator": "ann"}, "'ann' gives another response to this sample in line"),
        ({"trusted": True}, {"trusted": True}, "another response to this sample is trusted in line"),
        ({}, {"annotator": None}, "names no annotator"),
    ],
)
def test_rows_that_contradict_each_other_are_named(
    first: dict[str, Any], second: dict[str, Any], said: str, tmp_path: Path
) -> None:
    common = {"id": "s", "prompt": "Sky?"}
    rows = [
        {**common, "response": "blue", "annotator": "ann", "trusted": None, **first},
        {**common, "response": "red", "annotator": "bob", "trusted": None, **second},
    ]
    file = tmp_path / "d.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError, match=said) as caught:
        list(read_samples(file, noisy=True))
    assert "d.jsonl, line 2" in str(caught.value)
    aside: list[Skipped] = []
    rules = ReadingRules(on_bad_row="skip", noisy=True)
    (kept,) = read_samples(file, rules=rules, skip=aside.append)
    assert (kept.response, [row.line for row in aside]) == ("blue", [2])


def test_what_one_row_knows_its_sample_knows() -> None:
    rows = [
        {"id": "s", "prompt": "Sky?", "response": "red", "annotator": "ann", "gold": None, "trusted": ""},
        {
            "id": "s",
            "prompt": "Sky?",
            "response": "blue",
            "annotator": "bob",
            "gold": "blue",
            "trusted": "yes",
        },
    ]
    (sample,) = read(*rows)
    assert (sample.gold, sample.trusted, sample.response) == ("blue", "blue", "red")


def test_a_limit_counts_samples_and_each_has_all_its_rows() -> None:
    rows = [
        {"prompt": f"Is {number} even?", "response": said, "annotator": name}
        for name, said in (("ann", "yes"), ("bob", "no"))
        for number in range(3)
    ]
    rules = ReadingRules(noisy=True)
    found = list(read_rows(rows, "samples", rules=rules, limit=2))
    assert [len(sample.annotations) for sample in found] == [2, 2]


def test_it_is_told_that_rows_are_put_together(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tall.csv"
    file.write_text("prompt,response,annotator\nSky?,blue,ann\nSky?,red,bob\n", encoding="utf-8")
    caplog.set_level("INFO", logger="robustft.data")

    assert len(list(read_samples(file, rules=ReadingRules(noisy=True)))) == 1
    assert "one sample of all rows with the same prompt or id, by the annotators in annotator" in caplog.text
