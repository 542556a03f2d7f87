"""A file of trusted responses meets the samples it is of, or says in one message which row does not."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from stores.dataset import ReadingRules
from stores.errors import DataError
from stores.records import Skipped
from stores.sample import Message, Sample
from stores.trusted import TrustedFile

SAMPLES = [
    Sample(id="sky", prompt="Colour of the sky?", response="green", options=("blue", "green")),
    Sample(id="capital", prompt="Capital of Peru?", response="Lima"),
    Sample(id="capital-2", prompt="Capital of Peru?", response="Lima"),
    Sample(id="sea", prompt="Colour of the sea?", response="red"),
    Sample(id="sea-2", prompt="Colour of the sea?", response="blue"),
    Sample(
        id="again", prompt="And Chile?", response="Lima", history=(Message(role="user", content="Peru?"),)
    ),
]


def write(folder: Path, *rows: dict[str, Any], name: str = "trusted.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


def match(file: Path, samples: Iterable[Sample] = SAMPLES, **rules: Any) -> dict[str, str]:
    held = list(samples)
    return TrustedFile(file, ReadingRules(strict=False, **rules)).match(lambda: held)


def failure(file: Path) -> str:
    with pytest.raises(DataError) as caught:
        match(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([{"id": "capital", "response": "Quito"}], {"capital": "Quito"}),
        ([{"id": "sky", "response": "A"}], {"sky": "blue"}),
        ([{"id": "sky", "answer": "blue", "options": ["blue", "green"]}], {"sky": "blue"}),
        ([{"id": "sea", "response": ["blue", "red"]}], {"sea": "red"}),
        ([{"prompt": "Capital of Peru?", "response": "Cusco"}], {"capital": "Cusco", "capital-2": "Cusco"}),
        ([{"prompt": " Colour of the sky?\n", "completion": "B"}], {"sky": "green"}),
        ([{"question": "Colour of the sky?", "options": ["blue", "green"], "answer": "A"}], {"sky": "blue"}),
        (
            [{"id": "sea", "response": "blue"}, {"id": "sea", "response": "blue "}],
            {"sea": "blue"},
        ),
        (
            [
                {"id": "sea", "response": "blue", "trusted": True},
                {"id": "sky", "response": "", "trusted": False},
                {"id": "nobody", "response": "x", "trusted": None},
            ],
            {"sea": "blue"},
        ),
        (
            [
                {
                    "messages": [
                        {"role": "user", "content": "Peru?"},
                        {"role": "user", "content": "And Chile?"},
                        {"role": "assistant", "content": "Santiago"},
                    ]
                }
            ],
            {"again": "Santiago"},
        ),
    ],
)
def test_a_row_means_the_sample_of_its_id_or_else_of_its_prompt(
    tmp_path: Path, rows: list[dict[str, Any]], found: dict[str, str]
) -> None:
    samples = SAMPLES
    if "messages" in rows[0]:
        # Two turns of a user in a row are one prompt with a history.
        samples = [*SAMPLES[:-1], next(iter(_of_turns(tmp_path, rows[0])))]
        found = {samples[-1].id: "Santiago"}
    assert match(write(tmp_path, *rows), samples) == found


def _of_turns(folder: Path, row: dict[str, Any]) -> Iterable[Sample]:
    from stores.dataset import read_samples

    turns = [*row["messages"][:-1], {"role": "assistant", "content": "Lima"}]
    return read_samples(write(folder, {"messages": turns}, name="train.jsonl"))


@pytest.mark.parametrize(
    ("rows", "line", "said"),
    [
        ([{"id": "sea", "response": "blue"}, {"id": "x", "response": "a"}], 2, "no sample has the id 'x'"),
        ([{"prompt": "Why?", "response": "So."}], 1, "matches no sample"),
        (
            [{"prompt": "Colour of the sea?", "response": "blue"}],
            1,
            "matches 2 samples with different responses, as 'sea' and 'sea-2'",
        ),
        (
            [{"id": "sea", "response": "blue"}, {"id": "sea", "response": "red"}],
            2,
            "contradicts line 1, which vouches for 'blue'",
        ),
        (
            [
                {"prompt": "Capital of Peru?", "response": "Lima"},
                {"prompt": "Capital of Peru?", "response": "Quito"},
            ],
            2,
            "contradicts line 1",
        ),
        ([{"id": "sky", "response": "pink"}], 1, "neither the letter nor the text of an option"),
        ([{"id": "sky", "response": ""}], 1, "is empty"),
        ([{"id": "", "response": "blue"}], 1, "is empty"),
        ([{"id": "sky", "response": "blue", "trusted": "maybe"}], 1, "neither true nor false"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_file_and_line(
    tmp_path: Path, rows: list[dict[str, Any]], line: int, said: str
) -> None:
    told = failure(write(tmp_path, *rows))
    assert f"trusted.jsonl, line {line}" in told
    assert said in told


UNUSABLE: list[dict[str, Any]] = [
    {"id": "x", "response": "a"},
    {"id": "sea", "response": "blue"},
    {"id": "sky", "response": "pink"},
    {"id": "sky", "response": ""},
    {"id": "sea", "response": "red"},
    {"id": "y", "response": "a"},
    {"id": "", "response": "a"},
]


@pytest.mark.parametrize("on_bad_row", [None, "error"])
def test_all_rows_that_cannot_be_used_are_told_at_once(tmp_path: Path, on_bad_row: str | None) -> None:
    file = write(tmp_path, *UNUSABLE)
    with pytest.raises(DataError) as caught:
        match(file, on_bad_row=on_bad_row)
    told = str(caught.value)
    assert f"{file}, line 1, field 'id': matches no sample" in told
    assert "in all 6 of 7 rows cannot be used: 2 is empty, 2 matches no sample, 1 " in told
    assert "(lines 1, 3, 4, 5, 6 and 1 more)" in told
    assert ("data.on_bad_row" in told) is (on_bad_row == "error")


def test_all_rows_without_ids_that_cannot_be_used_are_told_at_once(tmp_path: Path) -> None:
    rows = [{"prompt": "", "response": "a"}, {"prompt": "Why?", "response": "a"}]
    told = failure(write(tmp_path, *rows, {"prompt": "Capital of Peru?", "response": "Lima"}))
    assert "line 1, field 'prompt'" in told
    assert "in all 2 of 3 rows cannot be used" in told
    assert "(lines 1, 2)" in told


def test_a_file_contradicts_a_column_of_the_data(tmp_path: Path) -> None:
    samples = [SAMPLES[1].model_copy(update={"trusted": "Lima"})]
    with pytest.raises(DataError, match="contradicts the data, whose column vouches for 'Lima'"):
        match(write(tmp_path, {"id": "capital", "response": "Quito"}), samples)
    assert match(write(tmp_path, {"id": "capital", "response": "Lima"}), samples) == {"capital": "Lima"}


def test_rows_that_cannot_be_used_are_set_aside_where_that_is_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "x", "response": "a"}, {"id": "sea", "response": "blue"})
    aside: list[Skipped] = []
    rules = ReadingRules(strict=False, on_bad_row="skip")
    assert TrustedFile(file, rules, aside.append).match(lambda: SAMPLES) == {"sea": "blue"}
    assert [(row.line, row.field) for row in aside] == [(1, "id")]


def test_a_file_that_vouches_for_nothing_is_an_error(tmp_path: Path) -> None:
    assert "vouches for no" in failure(write(tmp_path, {"id": "sea", "response": "x", "trusted": "no"}))


def test_a_csv_file_will_do(tmp_path: Path) -> None:
    file = tmp_path / "trusted.csv"
    file.write_text(
        "id,prompt,response,trusted\nsea,Colour of the sea?,blue,yes\nsky,x,,\n", encoding="utf-8"
    )
    assert match(file) == {"sea": "blue"}
