"""Wrong data ends the command with 2 and a message naming file, line and field, before any request."""

import json
import sys
from pathlib import Path

import pytest

from robustft import load_run
from robustft.cli import main
from tests.support.endpoint import Endpoint

GOOD = {"id": "good", "prompt": "What is the capital of France?", "completion": "Paris"}
CHOICE = {"question": "Which is an animal?", "options": ["dog", "car"], "answer": "A"}


@pytest.fixture(autouse=True)
def _with_good_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.jsonl").write_text(lines(GOOD))
    model = f"{{provider: openai, name: scripted, base_url: {endpoint.url}}}"
    Path("my.yaml").write_text(f"models: {{default: {model}}}\n")


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def refusal(
    data: dict[str, str],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Return the one message of a run that refuses its data with 2, asks nothing and writes nothing."""
    files = {"--data": "good.jsonl", **data}
    arguments = [part for pair in files.items() for part in pair]
    before = sorted(Path().rglob("*"))
    monkeypatch.setattr(sys, "argv", ["robustft", "run", "my.yaml", "--out", "run", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()
    assert stop.value.code == 2
    assert told.err.startswith("robustft: ")
    assert told.err.count("\n") == 1, told.err
    assert sorted(Path().rglob("*")) == before
    assert endpoint.requests == []
    return told.err.removeprefix("robustft: ").strip()


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
def test_a_missing_file_is_named(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal({option: "nowhere.jsonl"}, endpoint, monkeypatch, capsys)
    assert message == "nowhere.jsonl: no such file"


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(
    option: str,
    content: str,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.jsonl").write_text(content)
    told = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert told == "bad.jsonl: holds no rows: it is an empty file"


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
def test_a_folder_is_refused(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").mkdir()
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl: is a folder")


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
def test_the_line_that_is_not_utf8_is_named(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").write_bytes(lines(GOOD).encode() + b'{"id": "b", "prompt": "caf\xe9"}\n')
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 2: is not UTF-8")


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
def test_the_line_that_is_not_json_is_named(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**GOOD, "id": str(number)} for number in range(6)]
    Path("bad.jsonl").write_text(lines(*rows) + '{"id": "seven", \n')
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 7: is not JSON")


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"prompt": "Why?"}, "completion"),
        ({"prompt": "Why?", "completion": {"text": "x"}}, "completion"),
        ({"prompt": " ", "completion": "x"}, "prompt"),
        ({"prompt": "", "completion": "x"}, "prompt"),
        ({"prompt": 7, "completion": "x"}, "prompt"),
        ({"prompt": "Why?", "completion": "x", "id": ["a"]}, "id"),
        ({"prompt": "Why?", "completion": "x", "options": {"A": "x"}}, "options"),
        ({"prompt": "Why?", "completion": "x", "options": "x, y"}, "options"),
        ({"prompt": "Why?", "completion": "x", "options": ["x"]}, "options"),
        ({"prompt": "Why?", "completion": "x", "options": ["x", "y"], "gold": "z"}, "gold"),
    ],
)
@pytest.mark.parametrize("option", ["--data", "--test"])
def test_a_bad_row_is_named_by_line_and_field(
    option: str,
    row: dict[str, object],
    field: str,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.jsonl").write_text(lines(GOOD, row))
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith(f"bad.jsonl, line 2, field '{field}': ")


@pytest.mark.parametrize("option", ["--test", "--gold"])
def test_a_right_answer_outside_the_options_is_named(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").write_text(lines(CHOICE, {**CHOICE, "answer": "C"}))
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 2, field 'answer': ")
    assert "'C'" in message


def test_training_data_of_which_no_response_is_an_option_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").write_text(lines(*({**CHOICE, "question": f"{n}?", "answer": "7"} for n in range(3))))
    message = refusal({"--data": "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl: no response is one of its options")


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
def test_an_unknown_shape_is_told_with_what_was_found(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").write_text(lines({"note": "What?", "remark": "x"}))
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 1: ")
    assert "note, remark" in message
    assert "prompt-completion" in message


@pytest.mark.parametrize("option", ["--data", "--test", "--gold"])
def test_a_duplicate_id_is_told_with_both_lines(
    option: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.jsonl").write_text(lines(GOOD, {**GOOD, "id": "b"}, GOOD))
    message = refusal({option: "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 3, field 'id': ")
    assert "'good'" in message
    assert "line 1" in message


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "Why?"}],
        [{"role": "system", "content": "Be brief."}],
        [],
        [{"role": "user", "content": "Why?"}, {"role": "assistant"}, {"role": "user", "content": "So?"}],
    ],
)
def test_a_conversation_without_a_response_is_refused(
    turns: list[object],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.jsonl").write_text(lines({"messages": turns}))
    message = refusal({"--data": "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 1, field 'messages")


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_an_empty_response_of_the_test_file_is_named(
    empty: str | None,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.jsonl").write_text(lines(GOOD, {"prompt": "Why?", "completion": empty}))
    message = refusal({"--test": "bad.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("bad.jsonl, line 2, field 'completion': is empty")


def test_gold_of_other_data_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("gold.jsonl").write_text(lines({"id": "x", "prompt": "Something else?", "completion": "y"}))
    message = refusal({"--gold": "gold.jsonl"}, endpoint, monkeypatch, capsys)
    assert message.startswith("gold.jsonl: ")


def test_a_bad_row_beyond_the_limit_does_not_matter(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bad.jsonl").write_text(lines(GOOD) + "not JSON\n")
    arguments = ["run", "my.yaml", "--data", "bad.jsonl", "--limit", "1", "--until", "select", "--out", "run"]
    monkeypatch.setattr(sys, "argv", ["robustft", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert json.loads(Path("run/summary.json").read_text())["samples"]["total"] == 1


@pytest.mark.parametrize("command", [["noise", "--rate", "0.3", "--out", "out.jsonl"], ["evaluate"]])
def test_other_commands_name_the_bad_row_too(
    command: list[str],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("bad.jsonl").write_text(lines(GOOD, {"prompt": "Why?"}))
    files = ["bad.jsonl"] if command[0] == "noise" else ["my.yaml", "--test", "bad.jsonl"]
    monkeypatch.setattr(sys, "argv", ["robustft", command[0], *files, *command[1:]])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("robustft: bad.jsonl, line 2, field 'completion': ")
    assert not Path("out.jsonl").exists()


def test_rows_set_aside_are_in_a_file_of_the_run_and_in_its_summary(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {
        "prompt": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
        "completion": "x",
    }
    Path("bad.jsonl").write_text(lines(GOOD, bad, {"prompt": "Empty?", "completion": None}))
    arguments = ["run", "my.yaml", "--data", "bad.jsonl", "--until", "select", "--out", "run"]
    monkeypatch.setattr(sys, "argv", ["robustft", *arguments, "--set", "data.on_bad_row=skip"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    run = load_run("run")
    assert [(row.line, row.field) for row in run.skipped()] == [(2, "prompt")]
    assert (run.summary.samples.total, run.summary.samples.skipped) == (2, 1)
    empty = next(decision for decision in run.decisions() if not decision.response)
    assert empty.noise_probability == 1
    assert "checker" not in empty.agents
