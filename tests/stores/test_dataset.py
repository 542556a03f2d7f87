"""Every kind of file streams into samples, and every fault names the file, the line and the field."""

import json
import logging
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from stores.columns import ColumnsConfig
from stores.dataset import ReadingRules, join_gold, read_rows, read_samples
from stores.errors import DataError
from stores.records import Skipped
from stores.sample import Annotation, Message, Sample

ROWS: list[dict[str, object]] = [
    {"id": "a", "question": "Colour of the sky?", "answer": "blue"},
    {"id": "b", "question": "Colour of grass?", "answer": "green"},
]


def write_jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def asked(question: str, answer: str, **others: object) -> dict[str, object]:
    return {"question": question, "answer": answer, **others}


HALF = "a\ud800b"
CALLS = [{"function": {"name": HALF, "arguments": "{}"}}]


def golds(samples: Path, gold: Path) -> list[str | None]:
    return [sample.gold for sample in join_gold(read_samples(samples), gold)]


def failure(source: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        list(read_samples(source))
    return str(caught.value)


def write_rows(path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif path.suffix == ".csv":
        lines = ["id,question,answer", *(",".join(map(str, row.values())) for row in ROWS)]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    else:
        write_jsonl(path, *ROWS)


@pytest.mark.parametrize("name", ["d.jsonl", "d.ndjson", "d.json", "d.csv", "d.parquet", "D.JSONL"])
def test_every_kind_of_file_gives_the_same_samples(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_rows(path)
    for source in (path, str(path)):
        samples = list(read_samples(source))
        assert [(sample.id, sample.prompt, sample.response) for sample in samples] == [
            ("a", "Colour of the sky?", "blue"),
            ("b", "Colour of grass?", "green"),
        ]


def test_json_may_hold_its_rows_under_data(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"version": 1, "data": ROWS}), encoding="utf-8")
    assert [sample.id for sample in read_samples(path)] == ["a", "b"]


def test_a_limit_stops_before_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\nnot json\n", encoding="utf-8")
    assert [sample.id for sample in read_samples(path, limit=1)] == ["a"]


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    text = "\r\n".join(["", json.dumps(ROWS[0]), "  ", json.dumps(ROWS[1]), ""])
    path = write_bytes(tmp_path / "d.jsonl", b"\xef\xbb\xbf" + text.encode())
    assert [sample.id for sample in read_samples(path)] == ["a", "b"]
    csv_path = write_bytes(tmp_path / "d.csv", b"\xef\xbb\xbfquestion,answer\r\n\r\nq,a\r\n")
    assert [sample.prompt for sample in read_samples(csv_path)] == ["q"]


def test_unusual_line_separators_inside_a_json_line_do_not_split_it(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(asked("one\u2028two", "a\x85b"), ensure_ascii=False), encoding="utf-8")
    assert next(read_samples(path)).prompt == "one\u2028two"


def test_csv_reads_quoted_line_breaks_and_json_options(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    text = 'question,answer,options\n"Which\none?",b,"[""x"", ""y""]"\n'
    path.write_text(text, encoding="utf-8")
    sample = next(read_samples(path))
    assert (sample.prompt, sample.response, sample.options) == ("Which\none?", "y", ("x", "y"))


def test_csv_cells_may_be_larger_than_pythons_own_limit(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"question,answer\n{'x' * 200_000},a\n", encoding="utf-8")
    assert len(next(read_samples(path)).prompt) == 200_000


def test_a_csv_fault_names_the_line_its_row_starts_on(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('question,answer\n"one\ntwo\nthree",a\n"four\nfive",\n', encoding="utf-8")
    assert failure(path) == f"{path}, line 5, field 'answer': is empty"


def test_the_shape_and_the_ignored_columns_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", asked("q", "a", gt="x", note=1), asked("r", "b", other=2))
    with caplog.at_level(logging.INFO, logger="robustft.data"):
        list(read_samples(path))
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: shape question-answer; ignored columns: gt, note, other"
    ]


@pytest.mark.parametrize(
    ("name", "content", "place", "message"),
    [
        ("d.jsonl", b"", "", "holds no rows"),
        ("d.jsonl", b"\n \n", "", "holds no rows"),
        ("d.json", b"", "", "holds no rows"),
        ("d.json", b"[]", "", "holds no rows"),
        ("d.csv", b"", "", "holds no rows"),
        ("d.csv", b"question,answer\n", "", "holds no rows"),
        (
            "d.txt",
            b"hello",
            "",
            "looks like plain text without columns; write its rows as JSON lines or CSV",
        ),
        ("d.jsonl", b'{"question": "q", "answer": "a"}\nnope\n', ", line 2", "is not JSON"),
        ("d.jsonl", b'{"question": "q", "answer": "a"}\n\n{"question": ', ", line 3", "is not JSON"),
        ("d.jsonl", b"[1, 2]\n", ", line 1", "must be a JSON object, not int"),
        ("d.jsonl", b'\n"text"\n', ", line 2", "must be a JSON object, not str"),
        ("d.jsonl", b"[" * 100_000, ", line 1", "nested too deeply"),
        ("d.jsonl", b'{"answer": ' + b"1" * 5000 + b"}", ", line 1", "is not JSON that can be read"),
        ("d.json", b'[\n{"a": 1},\n{"b" 2}]', ", line 3", "is not JSON"),
        ("d.json", b'{"rows": []}', "", "holds no rows"),
        ("d.json", b"3", ", line 1", "must be a JSON object, not int"),
        ("d.json", b'[{"question": "q", "answer": "a"}, 3]', ", line 2", "must be a JSON object, not int"),
        ("d.json", b"[" * 100_000, ", line 1", "nested too deeply"),
        ("d.jsonl", b'{"question": "q", "answer": "a"}\n\xff\xfe\n', ", line 2", "is not UTF-8 text"),
        ("d.json", b"[\n\xe9]", ", line 2", "is not UTF-8 text"),
        ("d.csv", b"question,answer\nq,a\nr,caf\xe9\n", ", line 3", "is not UTF-8 text"),
        ("d.csv", b"question,answer,answer\nq,a,b\n", ", line 1", "names a column twice"),
        ("d.csv", b"question,answer\nq\n", ", line 2", "has 1 cells; the header has 2"),
        ("d.csv", b"question,answer\nq,a,b\n", ", line 2", "has 3 cells; the header has 2"),
        ("d.csv", b'question,answer\nq,a\nr,"never closed\n\n', ", line 3", "is not CSV from here on"),
        ("d.parquet", b"PAR1not parquet", "", "cannot be read as Parquet"),
        ("d.parquet", b"", "", "holds no rows"),
        ("d.jsonl", b'{"text": "t"}', ", line 1", "holds prompt and response in one"),
        ("d.jsonl", b'{"question": "q", "answer": " "}', ", line 1, field 'answer'", "is empty"),
        (
            "d.jsonl",
            b'{"question": "q", "answer": [[1]]}',
            ", line 1, field 'answer'",
            "must be text, not a list of list",
        ),
        ("d.jsonl", b'{"question": "\\u0000", "answer": "a"}', ", line 1, field 'question'", "NUL character"),
        ("d.jsonl", b'{"question": "\\ud83d", "answer": "a"}', ", line 1, field 'question'", "surrogate"),
        (
            "d.jsonl",
            b'{"question": "q", "answer": "C", "options": ["x", "y"]}',
            ", line 1, field 'answer'",
            "the letter 'C' lies outside the 2 options",
        ),
        (
            "d.jsonl",
            b'{"question": "q", "answer": "a"}\n{"prompt": "q", "completion": "a"}\n',
            ", line 2, field 'answer'",
            "is missing; this file's rows have the shape question-answer",
        ),
    ],
)
def test_a_fault_names_the_file_the_line_and_the_field(
    tmp_path: Path, name: str, content: bytes, place: str, message: str
) -> None:
    path = write_bytes(tmp_path / name, content)
    text = failure(path)
    assert text.startswith(f"{path}{place}: ")
    assert message in text


def test_a_csv_cell_beyond_ten_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"question,answer\n{'x' * 10_000_001},a\n", encoding="utf-8")
    assert failure(path).startswith(f"{path}, line 2: is not CSV from here on: field larger than field limit")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    assert failure(missing) == f"{missing}: no such file"
    assert failure(tmp_path) == f"{tmp_path}: is a folder; name a file in it"


def test_a_name_no_file_system_takes_is_refused() -> None:
    name = "x" * 5000 + ".jsonl"
    assert failure(name).startswith(f"{name}: cannot be read: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", *ROWS)
    path.chmod(0)
    assert failure(path).startswith(f"{path}: cannot be read: ")


def test_a_repeated_id_names_the_earlier_line(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", asked("q", "a", id=1), asked("r", "b"), asked("s", "c", id="1"))
    assert failure(path) == f"{path}, line 3, field 'id': the id '1' is taken by line 1; ids must differ"


def test_equal_rows_without_an_id_are_numbered_apart(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", *[asked("q", "a")] * 3, asked("q", "b"))
    first, second, third, other = (sample.id for sample in read_samples(path))
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert not other.startswith(first)
    assert [sample.id for sample in read_samples(path)] == [first, second, third, other]


def test_an_id_that_looks_like_a_generated_one_is_a_repeated_id(tmp_path: Path) -> None:
    row = asked("q", "a")
    generated = next(read_samples(write_jsonl(tmp_path / "d.jsonl", row))).id
    other = asked("r", "b", id=generated)
    assert "line 2, field 'id'" in failure(write_jsonl(tmp_path / "after.jsonl", row, other))
    assert "line 2, field 'id'" in failure(write_jsonl(tmp_path / "before.jsonl", other, row))
    copied = asked("r", "b", id=f"{generated}-2")
    assert "line 3, field 'id'" in failure(write_jsonl(tmp_path / "copied.jsonl", row, copied, row))


def test_parquet_lists_and_nulls_are_read(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    rows = [asked("q", "B", options=["x", "y"], task=None), asked("r", "free", options=None, task="open")]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    first, second = read_samples(path)
    assert (first.response, first.options, second.options, second.task) == ("y", ("x", "y"), (), "open")


def test_a_parquet_fault_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([asked("q", "a"), {"question": "r"}]), path)
    assert failure(path) == f"{path}, line 2, field 'answer': is empty"


def test_gold_joins_by_id_whatever_the_order(tmp_path: Path) -> None:
    noisy = write_jsonl(tmp_path / "n.jsonl", asked("q", "x", id="1"), asked("q", "y", id="2"))
    clean = write_jsonl(tmp_path / "c.jsonl", asked("q", "b", id="2"), asked("q", "a", id="1"))
    assert golds(noisy, clean) == ["a", "b"]


def test_gold_joins_by_prompt_where_either_side_has_no_id(tmp_path: Path) -> None:
    plain = write_jsonl(tmp_path / "plain.jsonl", asked("q", "x"), asked("r", "y"))
    named = write_jsonl(tmp_path / "named.jsonl", asked("r", "b", id="2"), asked("q", "a", id="1"))
    assert golds(plain, named) == ["a", "b"]
    assert golds(named, plain) == ["y", "x"]


def test_the_same_prompt_with_other_options_is_another_query(tmp_path: Path) -> None:
    noisy = write_jsonl(tmp_path / "n.jsonl", asked("q", "A", options=["x", "y"]), asked("q", "A"))
    clean = write_jsonl(tmp_path / "c.jsonl", asked("q", "B", options=["x", "y"]))
    assert golds(noisy, clean) == ["y", None]


def test_gold_rows_that_disagree_join_in_order_of_occurrence(tmp_path: Path) -> None:
    noisy = write_jsonl(tmp_path / "n.jsonl", *(asked("q", text) for text in ("x", "x", "x")))
    clean = write_jsonl(tmp_path / "c.jsonl", asked("q", "a"), asked("q", "b"))
    assert golds(noisy, clean) == ["a", "b", None]


def test_gold_rows_that_agree_join_every_occurrence(tmp_path: Path) -> None:
    noisy = write_jsonl(tmp_path / "n.jsonl", *(asked("q", text) for text in ("x", "y", "z")))
    clean = write_jsonl(tmp_path / "c.jsonl", asked("q", "a"))
    assert golds(noisy, clean) == ["a", "a", "a"]


def test_a_sample_without_a_gold_row_stays_as_it_is(tmp_path: Path) -> None:
    noisy = write_jsonl(tmp_path / "n.jsonl", asked("q", "x"), asked("r", "y"), asked("s", "z", gold="own"))
    clean = write_jsonl(tmp_path / "c.jsonl", asked("q", "a"))
    assert golds(noisy, clean) == ["a", None, "own"]


def test_gold_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    noisy = write_jsonl(tmp_path / "n.jsonl", asked("q", "x"))
    clean = write_jsonl(tmp_path / "c.jsonl", asked("r", "a"))
    with pytest.raises(DataError, match="no row matches any sample") as caught:
        golds(noisy, clean)
    assert str(caught.value).startswith(f"{clean}: ")


@pytest.mark.skipif("ROBUSTFT_PAPER_DATA" not in os.environ, reason="ROBUSTFT_PAPER_DATA names no folder")
@pytest.mark.parametrize(
    ("name", "rate"), [("fpb/noisy30", 0.3), ("fpb/noisy50", 0.5), ("fpb/noisy70", 0.7), ("arc/noisy30", 0.3)]
)
def test_the_papers_files_join_in_full_and_show_their_noise(name: str, rate: float) -> None:
    noisy = Path(os.environ["ROBUSTFT_PAPER_DATA"]) / f"{name}.csv"
    joined = list(join_gold(read_samples(noisy), noisy.with_name("labeled.csv")))
    assert all(sample.gold in sample.options and sample.response in sample.options for sample in joined)
    wrong = sum(sample.gold != sample.response for sample in joined)
    assert wrong / len(joined) == pytest.approx(rate, abs=0.001)


def test_responses_that_are_no_option_are_counted_as_noise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "d.jsonl"
    rows = [{"question": f"{n}?", "answer": answer, "options": ["x", "y"]} for n, answer in enumerate("ABCA")]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match="line 3"):
        list(read_samples(file))
    assert [sample.response for sample in read_samples(file, noisy=True)] == ["x", "y", "C", "x"]
    assert "1 of 4 responses are none of their options" in caplog.text


def conversation(*roles: str) -> dict[str, object]:
    return {"messages": [{"role": role, "content": f"{role} {place}"} for place, role in enumerate(roles)]}


MIXED = [conversation("user", "assistant"), conversation("user", "assistant", "user"), conversation("user")]


def test_bad_rows_are_counted_by_reason_before_the_reading_stops(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", *MIXED, conversation("user", "assistant", "user"))
    with pytest.raises(DataError) as caught:
        list(read_samples(path, rules=ReadingRules(on_bad_row="error")))
    told = str(caught.value)
    assert told.startswith(f"{path}, line 2, field 'messages': goes on after the last assistant turn")
    assert "in all 3 of 4 rows cannot be used: 2 ends with a user turn, 1 has no assistant turn" in told
    assert "(lines " in told
    assert told.endswith("data.on_bad_row: skip sets such rows aside")


def test_bad_rows_are_set_aside_with_their_place_and_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", *MIXED)
    aside: list[Skipped] = []
    rules = ReadingRules(on_bad_row="skip")
    assert len(list(read_samples(path, rules=rules, skip=aside.append))) == 1
    assert [(row.line, row.field) for row in aside] == [(2, "messages"), (3, "messages")]
    assert {row.file for row in aside} == {str(path)}
    assert "2 of 3 rows are set aside" in caplog.text


def test_a_file_without_a_row_that_can_be_used_is_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", *MIXED[1:])
    with pytest.raises(DataError, match="2 of 2 rows cannot be used"):
        list(read_samples(path, rules=ReadingRules(on_bad_row="skip")))


@pytest.mark.parametrize("text", ["    return 1\n", "a\r\nb\r\n", "\tx", " lead", "trail  ", "\n\nx\n\n"])
def test_prompts_and_responses_are_kept_to_the_byte(tmp_path: Path, text: str) -> None:
    (sample,) = read_samples(write_jsonl(tmp_path / "d.jsonl", {"prompt": text, "completion": text}))
    assert (sample.prompt, sample.response) == (text, text)
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    (sample,) = read_samples(write_jsonl(tmp_path / "m.jsonl", {"messages": turns}))
    assert (sample.prompt, sample.response) == (text, text)


def test_an_empty_response_is_noise_in_training_data_alone(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", asked("q", ""), asked("r", None), asked("s", "x"))
    assert [sample.says_something for sample in read_samples(path, noisy=True)] == [False, False, True]
    assert "line 1, field 'answer'" in failure(path)
    nothing = write_jsonl(tmp_path / "n.jsonl", asked("q", ""), asked("r", ""))
    with pytest.raises(DataError, match="every response is empty"):
        list(read_samples(nothing, noisy=True))


def test_samples_with_other_tools_or_turns_have_other_ids(tmp_path: Path) -> None:
    plain = conversation("user", "assistant")
    ids = [
        next(read_samples(write_jsonl(tmp_path / f"{n}.jsonl", row))).id
        for n, row in enumerate(
            (plain, {**plain, "tools": [{"name": "a"}]}, {**plain, "tools": [{"name": "b"}]})
        )
    ]
    assert len(set(ids)) == 3


def test_a_column_says_of_which_rows_the_response_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("prompt,response,trusted\nSky?,blue,yes\nSea?,red,\n", encoding="utf-8")
    assert [sample.trusted for sample in read_samples(path)] == ["blue", None]
    rules = ReadingRules(columns=ColumnsConfig(trusted="checked"))
    path.write_text("prompt,response,checked\nSky?,blue,0\nSea?,red,1\n", encoding="utf-8")
    assert [sample.trusted for sample in read_samples(path, rules=rules)] == [None, "red"]


@pytest.mark.parametrize(("response", "options"), [("", None), ("pink", ["red", "blue"])])
def test_nobody_can_vouch_for_a_response_that_is_noise(
    tmp_path: Path, response: str, options: list[str] | None
) -> None:
    good = asked("Q", "red", trusted=False, options=["red", "blue"] if options else None)
    path = write_jsonl(tmp_path / "d.jsonl", good, asked("Q2", response, trusted=True, options=options))
    with pytest.raises(DataError, match=r"line 2, field 'trusted': vouches for a response that is"):
        list(read_samples(path, noisy=True))


def turns(*before: dict[str, object], **others: object) -> dict[str, object]:
    asked = {"role": "user", "content": "hi"}
    return {"messages": [asked, *before, {"role": "assistant", "content": "yo"}], **others}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (asked("?", "a", id=HALF), "id"),
        (asked("?", HALF), "answer"),
        (asked("?", "a", task=HALF), "task"),
        (asked("?", "a", system=HALF), "system"),
        (asked("?", "a", gold=HALF), "gold"),
        (asked("?", "a", options=["a", HALF]), "options[1]"),
        (asked("?", "a", annotator=HALF), "annotator"),
        (turns({"role": "system", "content": HALF}), "messages[1].content"),
        (turns({"role": "tool", "content": "a", "tool_call_id": HALF}), "messages[1].tool_call_id"),
        (turns({"role": "assistant", "tool_calls": CALLS}), "messages[1].tool_calls"),
        (turns({"from": "function_call", "value": json.dumps({"name": HALF})}), "messages[1].value"),
        (turns(tools=[{"name": HALF}]), "tools"),
        (turns(tools=[{"name": "f", HALF: 1}]), "tools"),
    ],
)
def test_half_a_character_is_refused_in_every_column(
    row: dict[str, object], field: str, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", row)
    with pytest.raises(DataError, match="half of a surrogate pair") as error:
        list(read_samples(path, noisy=True))
    assert str(error.value).startswith(f"{path}, line 1, field '{field}'")


def test_half_a_character_is_refused_in_the_name_of_an_annotators_column(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", {"prompt": "?", "ann": "a", HALF: "b"})
    rules = ReadingRules(columns=ColumnsConfig(prompt="prompt", annotators=("ann", HALF)))
    with pytest.raises(DataError, match=r"line 1, field 'data.columns.annotators': .*surrogate"):
        list(read_samples(path, rules=rules))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"id": HALF}, "id"),
        ({"task": HALF}, "task"),
        ({"kind": HALF}, "kind"),
        ({"trusted": HALF}, "trusted"),
        ({"options": ("r", HALF)}, "options[1]"),
        ({"other_responses": (HALF,)}, "other_responses[0]"),
        ({"gold": "r", "other_golds": (HALF,)}, "other_golds[0]"),
        ({"tools": ({"name": [HALF]},)}, "tools[0]"),
        ({"annotations": (Annotation(annotator=HALF, response="r"),)}, "annotations[0].annotator"),
        ({"annotations": (Annotation(annotator="a", response=HALF),)}, "annotations[0].response"),
        ({"history": (Message(role="user", content=HALF),)}, "history[0].content"),
        ({"after": (Message(role="tool", tool_call_id=HALF),)}, "after[0].tool_call_id"),
        ({"after": (Message(role="assistant", tool_calls=({HALF: 1},)),)}, "after[0].tool_calls[0]"),
    ],
)
def test_half_a_character_is_refused_in_every_field_of_a_sample_in_memory(
    given: dict[str, object], field: str
) -> None:
    sample = Sample.model_validate({"id": "x", "prompt": "?", "response": "r", **given})
    with pytest.raises(DataError, match="half of a surrogate pair") as error:
        list(read_rows([sample], "samples", noisy=True))
    assert f"field '{field}'" in str(error.value)
