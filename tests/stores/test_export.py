"""A run's training rows come out in every format, read back the same, and never half written."""

import json
import os
from pathlib import Path

import pyarrow.parquet
import pytest

from stores.atomic import atomic_path, atomic_writer, write_json_atomically
from stores.dataset import read_samples
from stores.errors import DataError
from stores.export import ExportFormat, export_training

FORMATS: list[ExportFormat] = ["messages", "prompt-completion", "alpaca", "sharegpt", "parquet"]


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


PLAIN: dict[str, object] = {
    "id": "a",
    "prompt": [turn("user", "Colour of the sky?")],
    "completion": [turn("assistant", "blué")],
    "source": "original",
}
LONG: dict[str, object] = {
    "id": "b",
    "prompt": [
        turn("system", "Be brief."),
        turn("user", "Hello"),
        turn("assistant", "Hi"),
        turn("user", "And?"),
    ],
    "completion": [turn("assistant", "Bye\nnow")],
    "source": "relabelled",
}


def write_training(folder: Path, *rows: object) -> Path:
    path = folder / "training.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def target_for(folder: Path, form: ExportFormat) -> Path:
    return folder / ("out.parquet" if form == "parquet" else "out.jsonl")


def write_half_and_stop(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt


def exported(folder: Path, form: ExportFormat) -> list[object]:
    target = target_for(folder, form)
    assert export_training(write_training(folder, PLAIN, LONG), target, form) == 2
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_reads_back_as_the_same_samples(tmp_path: Path, form: ExportFormat) -> None:
    target = target_for(tmp_path, form)
    assert export_training(write_training(tmp_path, PLAIN, LONG), target, form) == 2
    samples = list(read_samples(target))
    assert [(sample.prompt, sample.response) for sample in samples] == [
        ("Colour of the sky?", "blué"),
        ("And?", "Bye\nnow"),
    ]
    assert [[past.content for past in sample.history] for sample in samples] == [
        [],
        ["Be brief.", "Hello", "Hi"],
    ]


def test_messages_hold_prompt_and_completion(tmp_path: Path) -> None:
    assert exported(tmp_path, "messages")[0] == {
        "messages": [turn("user", "Colour of the sky?"), turn("assistant", "blué")]
    }


def test_prompt_completion_is_text_unless_there_is_more_than_one_turn(tmp_path: Path) -> None:
    plain, long = exported(tmp_path, "prompt-completion")
    assert plain == {"prompt": "Colour of the sky?", "completion": "blué"}
    assert long == {"prompt": LONG["prompt"], "completion": LONG["completion"]}


def test_alpaca_has_system_and_history_where_there_are_earlier_turns(tmp_path: Path) -> None:
    plain, long = exported(tmp_path, "alpaca")
    assert plain == {"instruction": "Colour of the sky?", "input": "", "output": "blué"}
    assert long == {
        "instruction": "And?",
        "input": "",
        "output": "Bye\nnow",
        "system": "Be brief.",
        "history": [["Hello", "Hi"]],
    }


def test_sharegpt_uses_its_own_names(tmp_path: Path) -> None:
    conversations = exported(tmp_path, "sharegpt")[1]
    assert isinstance(conversations, dict)
    assert [part["from"] for part in conversations["conversations"]] == [
        "system",
        "human",
        "gpt",
        "human",
        "gpt",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_how_much_a_row_counts_goes_with_it(tmp_path: Path, form: ExportFormat) -> None:
    target = target_for(tmp_path, form)
    export_training(write_training(tmp_path, {**PLAIN, "weight": 0.02}, LONG), target, form)
    if form == "parquet":
        rows = pyarrow.parquet.read_table(target).to_pylist()
    else:
        rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row.get("weight") for row in rows] == [0.02, None]


def test_parquet_keeps_id_and_source_over_many_batches(tmp_path: Path) -> None:
    training = write_training(tmp_path, *({**PLAIN, "id": str(number)} for number in range(2500)))
    target = tmp_path / "out.parquet"
    assert export_training(training, target, "parquet") == 2500
    table = pyarrow.parquet.read_table(target)
    assert table.column_names == ["id", "messages", "source", "weight"]
    assert table.column("id").to_pylist() == [str(number) for number in range(2500)]
    assert set(table.column("source").to_pylist()) == {"original"}


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ("text", "line 2"),
        ({**PLAIN, "source": "elsewhere"}, "line 2, field 'source'"),
        ({**PLAIN, "prompt": []}, "line 2, field 'prompt'"),
        ({**PLAIN, "prompt": [turn("assistant", "x")]}, "line 2, field 'prompt'"),
        ({**PLAIN, "prompt": [{"role": "narrator", "content": "x"}]}, "line 2, field 'prompt.0.role'"),
        ({**PLAIN, "completion": [turn("user", "x")]}, "line 2, field 'completion'"),
        ({**PLAIN, "completion": []}, "line 2, field 'completion'"),
        ({**PLAIN, "id": 3}, "line 2, field 'id'"),
    ],
)
@pytest.mark.parametrize("form", ["messages", "parquet"])
def test_a_malformed_training_row_names_its_line_and_leaves_nothing(
    tmp_path: Path, form: ExportFormat, row: object, place: str
) -> None:
    training = write_training(tmp_path, PLAIN, row)
    with pytest.raises(DataError) as caught:
        export_training(training, target_for(tmp_path, form), form)
    assert str(caught.value).startswith(f"{training}, {place}: ")
    assert list(tmp_path.iterdir()) == [training]


def test_turns_that_do_not_alternate_cannot_be_alpaca(tmp_path: Path) -> None:
    uneven = {**PLAIN, "prompt": [turn("user", "one"), turn("user", "two")]}
    training = write_training(tmp_path, PLAIN, uneven)
    with pytest.raises(DataError, match="do not alternate") as caught:
        export_training(training, tmp_path / "out.jsonl", "alpaca")
    assert str(caught.value).startswith(f"{training}, line 2, field 'prompt': ")
    assert export_training(training, tmp_path / "out.jsonl", "messages") == 2


@pytest.mark.parametrize("form", ["messages", "parquet"])
def test_a_failed_export_leaves_the_earlier_one_alone(tmp_path: Path, form: ExportFormat) -> None:
    target = target_for(tmp_path, form)
    export_training(write_training(tmp_path, PLAIN), target, form)
    before = target.read_bytes()
    with pytest.raises(DataError):
        export_training(write_training(tmp_path, PLAIN, "broken"), target, form)
    assert target.read_bytes() == before


def test_a_training_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "training.jsonl"
    with pytest.raises(DataError) as caught:
        export_training(missing, tmp_path / "out.jsonl", "messages")
    assert str(caught.value) == f"{missing}: cannot be read: No such file or directory"
    with pytest.raises(DataError, match="holds no rows"):
        export_training(write_training(tmp_path), tmp_path / "out.jsonl", "messages")


def test_a_target_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    training = write_training(tmp_path, PLAIN)
    with pytest.raises(DataError, match="its folder does not exist"):
        export_training(training, tmp_path / "none" / "out.jsonl", "messages")
    with pytest.raises(DataError, match="it is a folder"):
        export_training(training, tmp_path, "messages")
    with pytest.raises(DataError, match="the run's own training file"):
        export_training(training, tmp_path / "." / "training.jsonl", "messages")


@pytest.mark.parametrize("form", ["messages", "parquet"])
def test_a_file_system_error_becomes_one_clear_message(tmp_path: Path, form: ExportFormat) -> None:
    target = tmp_path / ("x" * 250)
    with pytest.raises(DataError) as caught:
        export_training(write_training(tmp_path, PLAIN), target, form)
    assert str(caught.value).startswith(f"{target}: cannot be written: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    training = write_training(tmp_path, PLAIN)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(DataError, match="cannot be written: Permission denied"):
        export_training(training, locked / "out.jsonl", "messages")


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old", encoding="utf-8")
    with atomic_writer(path) as file:
        file.write("new\n")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_bytes() == b"new\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half_and_stop(tmp_path / "file.txt")
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json_atomically(path, {"größe": [1, 2.5, None]})
    before = path.read_text(encoding="utf-8")
    assert json.loads(before) == {"größe": [1, 2.5, None]}
    assert before.endswith("}\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_atomically(path, {"entropy": float("nan")})
    assert path.read_text(encoding="utf-8") == before
