"""A run's training rows come out in every format, read back the same, and never half written."""

import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pyarrow.parquet
import pytest

from stores.atomic import atomic_path, atomic_writer, write_json_atomically
from stores.dataset import read_samples
from stores.errors import DataError
from stores.export import (
    Result,
    What,
    check_target,
    export_results,
    to_standard_output,
    write_decisions,
    write_samples,
)
from stores.record_files import read_records
from stores.records import Decision, TrainingRow
from stores.sample import Message, Sample

Form = Literal["messages", "prompt-completion", "alpaca", "sharegpt", "parquet"]
FORMATS: tuple[Form, ...] = ("messages", "prompt-completion", "alpaca", "sharegpt", "parquet")


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


def export_training(training: Path, target: Path, form: Form, what: What = "kept") -> int:
    def results() -> Iterator[Result]:
        for row in read_records(training, TrainingRow):
            sample = Sample(id=row.id, prompt=row.prompt[-1].content, response="given")
            fate = (
                "dropped"
                if row.id.startswith("gone")
                else "changed"
                if row.source == "relabelled"
                else "kept"
            )
            yield Result(fate, sample, row)  # type: ignore[arg-type]

    return export_results(results, training, target, form, what)


def target_for(folder: Path, form: Form) -> Path:
    return folder / ("out.parquet" if form == "parquet" else "out.jsonl")


def write_half_and_stop(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt


def exported(folder: Path, form: Form) -> list[object]:
    target = target_for(folder, form)
    assert export_training(write_training(folder, PLAIN, LONG), target, form) == 2
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_reads_back_as_the_same_samples(tmp_path: Path, form: Form) -> None:
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
        "id": "a",
        "messages": [turn("user", "Colour of the sky?"), turn("assistant", "blué")],
        "source": "original",
    }


def test_prompt_completion_is_turns_throughout_where_a_row_has_more_than_one(tmp_path: Path) -> None:
    plain, long = exported(tmp_path, "prompt-completion")
    assert plain == {
        "id": "a",
        "prompt": PLAIN["prompt"],
        "completion": PLAIN["completion"],
        "source": "original",
    }
    assert long == {
        "id": "b",
        "prompt": LONG["prompt"],
        "completion": LONG["completion"],
        "source": "relabelled",
    }


def test_prompt_completion_is_text_where_every_row_has_one_turn(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    export_training(write_training(tmp_path, PLAIN, {**PLAIN, "id": "c"}), target, "prompt-completion")
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert rows[1] == {"id": "c", "prompt": "Colour of the sky?", "completion": "blué", "source": "original"}


def test_alpaca_has_system_and_history_where_there_are_earlier_turns(tmp_path: Path) -> None:
    plain, long = exported(tmp_path, "alpaca")
    assert plain == {
        "id": "a",
        "instruction": "Colour of the sky?",
        "input": "",
        "output": "blué",
        "source": "original",
    }
    assert long == {
        "id": "b",
        "instruction": "And?",
        "input": "",
        "output": "Bye\nnow",
        "system": "Be brief.",
        "history": [["Hello", "Hi"]],
        "source": "relabelled",
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
def test_how_much_a_row_counts_goes_with_it(tmp_path: Path, form: Form) -> None:
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
    assert table.column_names == ["id", "messages", "source", "weight", "robustft"]
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
    tmp_path: Path, form: Form, row: object, place: str
) -> None:
    training = write_training(tmp_path, PLAIN, row)
    with pytest.raises(DataError) as caught:
        export_training(training, target_for(tmp_path, form), form)
    assert str(caught.value).startswith(f"{training}, {place}: ")
    assert list(tmp_path.iterdir()) == [training]


def test_turns_that_do_not_alternate_cannot_be_alpaca(tmp_path: Path) -> None:
    uneven = {**PLAIN, "prompt": [turn("user", "one"), turn("user", "two")]}
    training = write_training(tmp_path, PLAIN, uneven)
    with pytest.raises(DataError, match="turns of sample 'a' do not alternate"):
        export_training(training, tmp_path / "out.jsonl", "alpaca")
    assert export_training(training, tmp_path / "out.jsonl", "messages") == 2


@pytest.mark.parametrize("form", ["messages", "parquet"])
def test_a_failed_export_leaves_the_earlier_one_alone(tmp_path: Path, form: Form) -> None:
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
    with pytest.raises(DataError, match="has no samples that are kept"):
        export_training(write_training(tmp_path), tmp_path / "out.jsonl", "messages")


def test_a_target_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    training = write_training(tmp_path, PLAIN)
    with pytest.raises(DataError, match="its folder does not exist"):
        export_training(training, tmp_path / "none" / "out.jsonl", "messages")
    with pytest.raises(DataError, match="it is a folder"):
        export_training(training, tmp_path, "messages")


@pytest.mark.parametrize("form", ["messages", "parquet"])
def test_a_file_system_error_becomes_one_clear_message(tmp_path: Path, form: Form) -> None:
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


CALL = {"type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
TOOLED: dict[str, object] = {
    "id": "t",
    "prompt": [
        turn("user", "Colour of the sky?"),
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "blue", "name": "look"},
    ],
    "completion": [turn("assistant", "Blue.")],
    "tools": [{"type": "function", "function": {"name": "look"}}],
    "source": "original",
}


def test_tools_and_their_turns_stay_in_messages_and_sharegpt(tmp_path: Path) -> None:
    training, target = write_training(tmp_path, PLAIN, TOOLED), tmp_path / "out.jsonl"
    export_training(training, target, "messages")
    row = json.loads(target.read_text(encoding="utf-8").splitlines()[1])
    assert row["messages"] == [*TOOLED["prompt"], *TOOLED["completion"]]  # type: ignore[misc]
    assert row["tools"] == TOOLED["tools"]
    export_training(training, target, "sharegpt")
    row = json.loads(target.read_text(encoding="utf-8").splitlines()[1])
    assert [part["from"] for part in row["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(row["conversations"][1]["value"]) == {"name": "look", "arguments": {"at": "sky"}}
    assert json.loads(row["tools"]) == TOOLED["tools"]
    with pytest.raises(DataError, match="export another format"):
        export_training(training, target, "alpaca")


@pytest.mark.parametrize("form", ["messages", "prompt-completion", "sharegpt", "parquet"])
def test_what_has_tools_reads_back_as_it_was(tmp_path: Path, form: Form) -> None:
    target = target_for(tmp_path, form)
    export_training(write_training(tmp_path, PLAIN, TOOLED), target, form)
    plain, tooled = read_samples(target)
    assert (plain.id, plain.prompt, plain.response) == ("a", "Colour of the sky?", "blué")
    assert (tooled.id, tooled.prompt, tooled.response) == ("t", "Colour of the sky?", "Blue.")
    assert [after.role for after in tooled.after] == ["assistant", "tool"]
    assert tooled.after[1].content == "blue"
    assert tooled.after[0].tool_calls
    assert len(tooled.tools) == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("kept", [("a", None), ("b", None)]),
        ("changed", [("b", None)]),
        ("dropped", [("gone", "dropped")]),
        ("all", [("a", "kept"), ("b", "changed"), ("gone", "dropped")]),
    ],
)
def test_the_samples_that_are_asked_for_are_written(
    tmp_path: Path, form: Form, what: What, expected: list[tuple[str, str | None]]
) -> None:
    target = target_for(tmp_path, form)
    export_training(write_training(tmp_path, PLAIN, LONG, {**PLAIN, "id": "gone"}), target, form, what)
    if form == "parquet":
        rows = pyarrow.parquet.read_table(target).to_pylist()
    else:
        rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row.get("robustft")) for row in rows] == expected
    assert {row["source"] for row in rows} <= {"original", "relabelled"}


@pytest.mark.parametrize("form", ["messages", "prompt-completion", "sharegpt", "alpaca"])
def test_text_is_written_byte_for_byte(tmp_path: Path, form: Form) -> None:
    text = "    return '<s>'  # <|im_start|>\r\n\u2028\n"
    row = {**PLAIN, "completion": [turn("assistant", text)]}
    target = tmp_path / "out.jsonl"
    export_training(write_training(tmp_path, row), target, form)
    assert [sample.response for sample in read_samples(target)] == [text]


def test_a_file_that_exists_is_replaced_by_force_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    check_target(target, force=False)
    target.touch()
    with pytest.raises(DataError, match="exists already; --force replaces it"):
        check_target(target, force=False)
    check_target(target, force=True)


@pytest.mark.parametrize(("name", "said"), [("", "is a folder"), ("nowhere/out.jsonl", "does not exist")])
def test_a_place_where_nothing_can_be_written_is_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        check_target(tmp_path / name, force=True)
    with pytest.raises(DataError, match=said):
        write_decisions(tmp_path / name, [])


def test_decisions_are_written_as_a_run_writes_them(tmp_path: Path) -> None:
    decision = Decision(id="a", status="clean", prompt="?", response="Paris", final="Paris", kept=None)
    assert write_decisions(tmp_path / "out.jsonl", [decision]) == 1
    assert list(read_records(tmp_path / "out.jsonl", Decision)) == [decision]


def test_standard_output_takes_all_or_nothing(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    def write(path: Path) -> int:
        path.write_bytes(b"\xff\x00\n")
        return 1

    def fail(path: Path) -> int:
        path.write_bytes(b"half")
        raise DataError("no", path=path)

    assert to_standard_output(write, ".bin") == 1
    with pytest.raises(DataError):
        to_standard_output(fail, ".bin")
    assert capfdbinary.readouterr().out == b"\xff\x00\n"


def test_a_standard_output_that_is_closed_or_full_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path) -> int:
        return path.write_text("a line\n")

    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(DataError, match="standard output: is closed"):
        to_standard_output(write, ".jsonl")
    # Closing it fails once more.
    with suppress(OSError), Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(DataError, match="standard output: cannot be written"):
            to_standard_output(write, ".jsonl")
        monkeypatch.undo()


def test_samples_are_read_back_with_all_that_they_hold(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "sky"}}}
    samples = [
        Sample(id="a", prompt="Sky?", response="blue", options=("red", "blue"), gold="blue", task="t"),
        Sample(id="b", prompt="Sea?", response="blue", other_responses=("azure",)),
        Sample(
            id="c",
            prompt="Sun?",
            response="Yellow.",
            history=(Message(role="system", content="Be brief."),),
            after=(
                Message(role="assistant", tool_calls=(call,)),
                Message(role="tool", content="yellow", tool_call_id="1"),
            ),
            tools=({"type": "function", "function": {"name": "look"}},),
        ),
    ]
    write_samples(tmp_path / "d.jsonl", samples)
    assert list(read_samples(tmp_path / "d.jsonl")) == samples


TEXTS = (
    "red", "Blue", "7", "0", "2", "1.0", "b", "A", "B. y", "(b) x", "x = 1\n", "\tif x:\n", "北京",
    "No, thanks.", "[1, 2]", '{"a": 1}', "true", "nan", "null", " lead", "tail\n", "<s>",
)  # fmt: skip


def any_sample(draw: random.Random, name: str) -> Sample:
    """Return a sample of whatever a sample may hold."""

    def text() -> str:
        return " ".join(draw.sample(TEXTS, draw.randint(1, 3)))

    def some(share: float) -> bool:
        return draw.random() < share

    options: tuple[str, ...] = ()
    if some(0.5):
        options = tuple(dict.fromkeys(draw.choice((text(), draw.choice(TEXTS))).strip() for _ in range(5)))
        options = options if len(options) > 1 else ("red", "blue")
    response, other, gold = ((draw.choice(options) if options else text()) for _ in range(3))
    call = {"type": "function", "function": {"name": "add", "arguments": "{}"}}
    after = (
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content=text(), tool_call_id="1"),
    )
    history = (
        Message(role="system", content=text()),
        Message(role="user", content=text()),
        Message(role="assistant", content=text()),
    )
    return Sample(
        id=name,
        prompt=text(),
        response=response,
        options=options,
        other_responses=(other,) if some(0.3) and other != response else (),
        history=history if some(0.3) else (),
        after=after if some(0.2) else (),
        tools=({"name": "add"},) if some(0.2) else (),
        gold=gold if some(0.4) else None,
        task="sums" if some(0.5) else None,
        kind="short" if some(0.5) else None,
    )


@pytest.mark.parametrize("seed", range(40))
def test_any_samples_are_read_back_as_they_were(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    samples = [any_sample(draw, f"s{place}") for place in range(draw.choice([1, 2, 5, 30]))]
    write_samples(tmp_path / "d.jsonl", samples)
    assert list(read_samples(tmp_path / "d.jsonl", noisy=True)) == samples
