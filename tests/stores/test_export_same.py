"""A user's own file comes back with new responses in its own spelling, and is otherwise as it was."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from stores.columns import ColumnsConfig
from stores.dataset import ReadingRules, read_samples, survey_source
from stores.errors import DataError
from stores.export import Result, What
from stores.export_same import export_same
from stores.records import TrainingRow
from stores.sample import Message, Sample

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Sky?"}]


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def results(samples: list[Sample], new: dict[int, str], dropped: set[int]) -> Iterator[Result]:
    for place, sample in enumerate(samples):
        response = new.get(place, sample.response)
        row = TrainingRow(
            id=sample.id,
            prompt=(Message(role="user", content=sample.prompt),),
            completion=(Message(role="assistant", content=response),),
            source="relabelled" if place in new else "original",
        )
        yield Result("dropped" if place in dropped else "changed" if place in new else "kept", sample, row)


def exported(
    path: Path,
    new: dict[int, str],
    *,
    dropped: set[int] | None = None,
    columns: ColumnsConfig | None = None,
    limit: int | None = None,
    what: What = "all",
    skipped: set[int] | None = None,
) -> bytes:
    rules = ReadingRules(columns=columns or ColumnsConfig(), noisy=True, on_bad_row="skip")
    samples = list(read_samples(path, rules=rules, limit=limit))
    reading = survey_source(path, columns)
    target = path.with_name("out")
    given = results(samples, new, dropped or set())
    export_same(given, str(path), reading, skipped or set(), target, what)
    return target.read_bytes()


# What a file holds, the new responses by place, and what in the text becomes of what.
TEXTS: dict[str, tuple[str, str, dict[int, str], list[tuple[str, str]]]] = {
    "text": (
        "d.jsonl",
        lines({"prompt": "Sky?", "response": "red", "n": 1.50}, {"prompt": "Sea?", "response": "blue"}),
        {0: "blue"},
        [('"red"', '"blue"')],
    ),
    "an index": (
        "d.jsonl",
        lines(
            {"question": "Sky?", "choices": ["red", "blue"], "answer": 0, "subject": "s"},
            {"question": "Sea?", "choices": ["red", "blue"], "answer": 1, "subject": "s"},
        ),
        {0: "blue"},
        [('"answer": 0', '"answer": 1')],
    ),
    "an index from 1, in columns": (
        "d.csv",
        "question,opa,opb,opc,opd,cop\nSky?,red,blue,green,grey,1\nSea?,red,blue,green,grey,4\n",
        {0: "blue"},
        [("grey,1", "grey,2")],
    ),
    "a letter": (
        "d.jsonl",
        lines(
            {"question": "Sky?", "options": {"A": "red", "B": "blue"}, "answer": "A"},
            {"question": "Sea?", "options": {"A": "red", "B": "blue"}, "answer": "B"},
        ),
        {0: "blue"},
        [('"answer": "A"', '"answer": "B"')],
    ),
    "a decorated letter": (
        "d.csv",
        "question,A,B,answer\nSky?,red,blue,(A)\nSea?,red,blue,B. blue\n",
        {0: "blue", 1: "red"},
        [("(A)", "(B)"), ("B. blue", "A. red")],
    ),
    "text and label": (
        "d.jsonl",
        lines(
            {"question": "Sky?", "choices": {"text": ["red", "blue"], "label": ["1", "2"]}, "answerKey": "1"},
            {"question": "Sea?", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answerKey": "B"},
        ),
        {0: "blue", 1: "red"},
        [('"answerKey": "1"', '"answerKey": "2"'), ('"answerKey": "B"', '"answerKey": "A"')],
    ),
    "an option's text": (
        "d.jsonl",
        lines(
            {"question": "Sky?", "options": ["red", "blue"], "answer": "red"},
            {"question": "Sea?", "options": ["red", "blue"], "answer": "blue"},
        ),
        {0: "blue"},
        [('"answer": "red"', '"answer": "blue"')],
    ),
    "options as Python text in CSV": (
        "d.csv",
        "question,options,answer\nSky?,\"['red', 'blue']\",0\nSea?,\"['red', 'blue']\",1\n",
        {0: "blue"},
        [(",0\n", ",1\n")],
    ),
    "a letter with the text beside it": (
        "d.jsonl",
        lines(
            {"question": "Sky?", "options": {"A": "red", "B": "blue"}, "answer": "red", "answer_idx": "A"},
            {"question": "Sea?", "options": {"A": "red", "B": "blue"}, "answer": "blue", "answer_idx": "B"},
        ),
        {0: "blue"},
        [('"answer": "red", "answer_idx": "A"', '"answer": "blue", "answer_idx": "B"')],
    ),
    "a truth": (
        "d.jsonl",
        lines(
            {"question": "Is it?", "passage": "It is.", "answer": False},
            {"question": "Was it?", "passage": "It was.", "answer": True},
        ),
        {0: "yes"},
        [("false", "true")],
    ),
    "messages": (
        "d.jsonl",
        lines({"messages": [*MESSAGES, {"role": "assistant", "content": "red", "x": 1}]}),
        {0: 'blue\n"so"'},
        [('"content": "red"', '"content": "blue\\n\\"so\\""')],
    ),
    "messages as JSON in CSV": (
        "d.csv",
        'id,messages\n1,"[{""role"":""user"",""content"":""Sky?""},'
        ' {""role"":""assistant"", ""content"":""red""}]"\n',
        {0: "blue, so"},
        [('""red""', '""blue, so""')],
    ),
    "ShareGPT": (
        "d.json",
        json.dumps(
            [{"conversations": [{"from": "human", "value": "red?"}, {"from": "gpt", "value": "red"}]}],
            indent=1,
        ),
        {0: "blue"},
        [('"value": "red"\n', '"value": "blue"\n')],
    ),
    "a prompt that says the response": (
        "d.jsonl",
        lines({"prompt": "red", "completion": "red"}),
        {0: "blue"},
        [('"completion": "red"', '"completion": "blue"')],
    ),
    "content as parts": (
        "d.jsonl",
        lines(
            {"messages": [MESSAGES[1], {"role": "assistant", "content": [{"type": "text", "text": "red"}]}]}
        ),
        {0: "blue"},
        [('"text": "red"', '"text": "blue"')],
    ),
    "Alpaca with an empty output": (
        "d.json",
        json.dumps(
            [
                {"instruction": "Sky?", "input": "", "output": ""},
                {"instruction": "Sea?", "input": "", "output": "blue"},
            ]
        ),
        {0: "blue"},
        [('"output": ""', '"output": "blue"')],
    ),
    "several right answers": (
        "d.jsonl",
        lines(
            {
                "context": "It is blue.",
                "question": "Sky?",
                "answers": {"text": ["red", "it"], "answer_start": [0, 1]},
            }
        ),
        {0: "blue"},
        [('["red", "it"]', '["blue"]'), ("[0, 1]", "[6]")],
    ),
    "a right answer and wrong ones": (
        "d.jsonl",
        lines({"question": "Sky?", "correct_answer": "red", "distractor1": "blue", "distractor2": "grey"}),
        {0: "blue"},
        [('"red"', '"_"'), ('"blue"', '"red"'), ('"_"', '"blue"')],
    ),
    "a number": (
        "d.jsonl",
        lines({"question": "6 x 7?", "answer": 41}, {"question": "1 + 1?", "answer": 2}),
        {0: "42"},
        [("41", "42")],
    ),
    "code": (
        "d.jsonl",
        lines({"prompt": "def f(x):\n", "canonical_solution": "    return y\n", "task_id": "t/1"}),
        {0: "    return x\n"},
        [("return y", "return x")],
    ),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_new_response_is_spelled_as_the_file_spells_its_own(tmp_path: Path, kind: str) -> None:
    name, text, new, changes = TEXTS[kind]
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    back = exported(path, new).decode()
    count = len(list(read_samples(path, noisy=True)))
    fates = ["changed" if place in new else "kept" for place in range(count)]
    for old, now in changes:
        text = text.replace(old, now, 1)
    assert without_fates(back, name, fates) == text
    path.write_text(back, encoding="utf-8")
    responses = [sample.response for sample in read_samples(path, noisy=True)]
    assert [responses[place] for place in new] == list(new.values())


def without_fates(text: str, name: str, fates: list[str]) -> str:
    """Return an exported text without the column that was added, which says these."""
    if name.endswith(".csv"):
        text = text.replace(",robustft", "", 1)
    for fate in fates:
        marks = (
            [f",{fate}\n"]
            if name.endswith(".csv")
            else [f', "robustft": "{fate}"', f',\n  "robustft": "{fate}"']
        )
        found = [mark for mark in marks if mark in text]
        assert found, text
        text = text.replace(found[0], "\n" if name.endswith(".csv") else "", 1)
    return text


def test_what_became_of_every_row_is_said(tmp_path: Path) -> None:
    path = tmp_path / "d.csv.gz"
    text = "prompt,response\nSky?,red\nSea?,blue\nEarth?,flat\nbroken\nMoon?,white\n"
    path.write_bytes(gzip.compress(text.encode()))
    back = exported(path, {0: "blue"}, dropped={2}, limit=3)
    assert gzip.decompress(back).decode() == (
        "prompt,response,robustft\nSky?,blue,changed\nSea?,blue,kept\n"
        "Earth?,flat,dropped\nbroken\nMoon?,white,unread\n"
    )


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("kept", [("blue", "changed"), ("blue", "kept")]),
        ("changed", [("blue", "changed")]),
        ("dropped", [("flat", "dropped")]),
        ("all", [("blue", "changed"), ("", "skipped"), ("blue", "kept"), ("flat", "dropped")]),
    ],
)
def test_the_rows_that_are_asked_for_are_written(
    tmp_path: Path, what: What, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path / "d.json"
    data = [
        {"prompt": "Sky?", "response": "red"},
        {"prompt": "", "response": ""},
        {"prompt": "Sea?", "response": "blue"},
        {"prompt": "Earth?", "response": "flat"},
    ]
    path.write_text(json.dumps(data), encoding="utf-8")
    back = json.loads(exported(path, {0: "blue"}, dropped={2}, what=what, skipped={2}))
    assert [(row["response"], row["robustft"]) for row in back] == rows


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    turn = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    turns: list[Any] = [[MESSAGES[1], {"role": "assistant", "content": colour}] for colour in ("red", "blue")]
    table = pyarrow.table(
        {"messages": pyarrow.array(turns, pyarrow.list_(turn)), "n": pyarrow.array([1, 2], pyarrow.int8())}
    )
    pyarrow.parquet.write_table(table, path)
    back = pyarrow.parquet.read_table(io.BytesIO(exported(path, {0: "blue"})))
    assert back.schema.names == ["messages", "n", "robustft"]
    assert back.drop_columns("robustft").schema.equals(table.schema)
    assert [row[-1]["content"] for row in back.column("messages").to_pylist()] == ["blue", "blue"]
    assert back.column("robustft").to_pylist() == ["changed", "kept"]


def test_columns_that_the_config_names_are_written_too(tmp_path: Path) -> None:
    path = tmp_path / "d.tsv"
    path.write_text("frage\ttext\tantwort\nHimmel?\tEr ist blau.\trot\n", encoding="utf-8")
    columns = ColumnsConfig(prompt="{text}\n\n{frage}", response="antwort")
    back = exported(path, {0: "blau"}, columns=columns).decode()
    assert back == "frage\ttext\tantwort\trobustft\nHimmel?\tEr ist blau.\tblau\tchanged\n"


@pytest.mark.parametrize(
    "later",
    [
        lines({"prompt": "Sky?", "response": "red"}),
        lines({"prompt": "Sea?", "response": "blue"}, {"prompt": "Sky?", "response": "red"}),
        lines({"prompt": "Sky?", "response": "green"}, {"prompt": "Sea?", "response": "blue"}),
    ],
)
def test_a_file_that_has_changed_is_refused_and_nothing_is_written(tmp_path: Path, later: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(
        lines({"prompt": "Sky?", "response": "red"}, {"prompt": "Sea?", "response": "blue"}), encoding="utf-8"
    )
    samples = list(read_samples(path))
    path.write_text(later, encoding="utf-8")
    target = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match="has changed since the run read it"):
        export_same(results(samples, {}, set()), str(path), survey_source(path), set(), target)
    assert not target.exists()
