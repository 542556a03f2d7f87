"""A known share of right responses is made wrong, and no file is lost by it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import command, read_lines
from tests.support.commands import facts, write_rows


def noisy(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> list[dict[str, Any]]:
    assert command(monkeypatch, "noise", *arguments) == 0
    return read_lines(Path("noisy.jsonl"))


@pytest.mark.parametrize(("rate", "wrong"), [(0, 0), (0.3, 6), (0.5, 10), (0.33, 7), (1, 20)])
def test_noise_makes_exactly_its_share_wrong_and_keeps_the_gold(
    rate: float, wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = noisy(monkeypatch, facts(20), "--rate", rate, "--out", "noisy.jsonl")
    assert [row["gold"] for row in rows] == [f"word{i}" for i in range(20)]
    assert sum(row["completion"] != row["gold"] for row in rows) == wrong


def test_noise_is_decided_by_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [facts(20), "--rate", 0.3, "--out", "noisy.jsonl", "--force", "--seed"]
    first = noisy(monkeypatch, *arguments, 1)
    assert noisy(monkeypatch, *arguments, 1) == first
    assert noisy(monkeypatch, *arguments, 2) != first


def test_noise_takes_another_option_of_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"question": "Which is an animal?", "options": ["dog", "bus"], "answer": "A"}
    write_rows(Path("choice.jsonl"), [row])
    rows = noisy(monkeypatch, "choice.jsonl", "--rate", 1, "--out", "noisy.jsonl")
    assert [(row["completion"], row["gold"]) for row in rows] == [("bus", "dog")]


@pytest.mark.parametrize("kind", ["neighbour", "truncated"])
def test_the_kind_of_noise_can_be_chosen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = noisy(monkeypatch, facts(20), "--rate", 0.5, "--kind", kind, "--out", "noisy.jsonl")
    assert sum(row["completion"] != row["gold"] for row in rows) == 10


@pytest.mark.parametrize("rate", ["1.5", "-0.1", "nan", "much"])
def test_a_bad_noise_rate_ends_with_2_and_writes_nothing(
    rate: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "noise", facts(4), "--rate", rate, "--out", "noisy.jsonl") == 2
    assert "rate" in capsys.readouterr().err
    assert not Path("noisy.jsonl").exists()


def test_noise_into_a_folder_that_is_not_there_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "noise", facts(4), "--rate", "0.5", "--out", "no/where.jsonl") == 2
    assert capsys.readouterr().err.startswith("robustft: no/where.jsonl: cannot be written")


def test_noise_does_not_overwrite_the_right_responses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = facts(4).read_text()
    assert command(monkeypatch, "noise", "facts.jsonl", "--rate", "0.5", "--out", "./facts.jsonl") == 2
    assert "write another file" in capsys.readouterr().err
    assert Path("facts.jsonl").read_text() == before


def test_noise_replaces_a_file_only_when_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("noisy.jsonl").write_text("precious")
    arguments = ["noise", facts(4), "--rate", "0.5", "--out", "noisy.jsonl"]
    assert command(monkeypatch, *arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("robustft: noisy.jsonl: exists already")
    assert told.count("\n") == 1
    assert Path("noisy.jsonl").read_text() == "precious"
    assert command(monkeypatch, *arguments, "--force") == 0
    assert len(read_lines(Path("noisy.jsonl"))) == 4


def test_noise_is_written_where_its_name_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "noise", facts(4), "--rate", "0.5", "--out", "noisy.csv") == 2
    assert "end in .jsonl" in capsys.readouterr().err
    assert not Path("noisy.csv").exists()


EXAM = [
    {"asked": f"Item {place}?", "w": "ant", "x": "bee", "y": "cow", "right": "bee", "table": "t"}
    for place in range(6)
]


def test_noise_reads_the_columns_that_a_config_names(monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(Path("exam.jsonl"), EXAM)
    columns = "{prompt: asked, options: [w, x, y], answer: right, ignore: [table]}"
    Path("my.yaml").write_text(f"data: {{columns: {columns}}}\n")
    for how in (["--config", "my.yaml"], ["--set", f"data.columns={columns}"]):
        rows = noisy(monkeypatch, "exam.jsonl", "--rate", 0.5, "--out", "noisy.jsonl", "--force", *how)
        assert {row["gold"] for row in rows} == {"bee"}
        assert all(row["options"] == ["ant", "bee", "cow"] for row in rows)
        assert sum(row["completion"] != "bee" for row in rows) == 3


def test_noise_reads_published_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"question": "Animal?", "choices": {"text": ["bus", "dog"], "label": ["A", "B"]}, "answerKey": "B"}
    write_rows(Path("arc.jsonl"), [{"id": str(place), **row} for place in range(4)])
    rows = noisy(monkeypatch, "arc.jsonl", "--rate", 0.5, "--out", "noisy.jsonl")
    assert [row["gold"] for row in rows] == ["dog"] * 4
    assert sorted(row["completion"] for row in rows) == ["bus", "bus", "dog", "dog"]
