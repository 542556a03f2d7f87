"""Answer keys with real errors: every spelling that the public files have, and what cannot be used."""

import json
import sys
from pathlib import Path

import pytest
import redux

from stores.dataset import read_samples
from stores.errors import DataError

_HEAD = "question,choices,answer,error_type,source,correct_answer,potential_reason\n"
_CHOICES = "\"['red', 'green', 'blue', 'grey']\""


def write(folder: Path, *lines: str, name: str = "mmlu_colour_theory.csv", head: str = _HEAD) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(head + "".join(line + "\n" for line in lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("error", "named", "wrong", "gold"),
    [
        ("OK ", "", False, "blue"),
        ("ok", "1", False, "blue"),
        ("Wrong Groundtruth", "1", True, "green"),
        ("wrong_groundtruth", "B", True, "green"),
        ("Wrong groundtruth", "grey", True, "grey"),
        ("wrong groundtruth", "", True, None),
        ("wrong groundtruth", "2", True, None),
        ("wrong groundtruth", "something else", True, None),
        ("Bad Options Clarity", "1", True, None),
        ("multiple correct answers", "A", True, None),
        ("No correct Answer", "", True, None),
        ("Expert", "", None, None),
    ],
)
def test_what_people_say_is_read(
    error: str, named: str, wrong: bool | None, gold: str | None, tmp_path: Path
) -> None:
    folder = write(tmp_path / "in", f"Which one?,{_CHOICES},2,{error},,{named},")
    (question,), unusable = redux.read_questions(folder)
    assert (question.wrong, question.sample.gold) == (wrong, gold)
    assert question.sample.response == "blue"
    assert question.sample.task == "colour theory"
    assert not unusable


def test_semicolons_and_other_letters_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", f"Which; one?;{_CHOICES};0;ok;;;".replace("Which; one?", '"Which; one?"'),
                   head=_HEAD.replace(",", ";"))  # fmt: skip
    (folder / "mmlu_b.csv").write_bytes((_HEAD + f"What’s it?,{_CHOICES},0,ok,,,\n").encode("cp1252"))
    questions, _ = redux.read_questions(folder)
    assert [question.sample.prompt for question in questions] == ["What’s it?", "Which; one?"]


def test_a_row_that_cannot_be_used_is_counted(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in",
        "Q1,not a list,2,ok,,,",
        'Q2,"[\'a\', \'a\']",0,ok,,,',
        'Q3,"__import__(\'os\').abort()",0,ok,,,',
        f"Q4,{_CHOICES},7,ok,,,",
        f"Q5,{_CHOICES},1,perhaps,,,",
    )  # fmt: skip
    questions, unusable = redux.read_questions(folder)
    assert not questions
    assert unusable == {
        "choices that cannot be read": 3,
        "an answer that is none of the choices": 1,
        "an error type that is not known": 1,
    }


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no mmlu_SUBJECT\.csv"):
        redux.read_questions(tmp_path)
    write(tmp_path / "in", "a,b", head="question,choices\n")
    with pytest.raises(DataError, match="has no column answer"):
        redux.read_questions(tmp_path / "in")


def test_both_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(
        tmp_path / "in", f"One?,{_CHOICES},2,ok,,,", f"Two?,{_CHOICES},2,wrong groundtruth,,B,",
        f"Three?,{_CHOICES},2,no correct answer,,,", f"Four?,{_CHOICES},2,expert,,,",
    )  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["redux.py", str(folder), str(tmp_path / "out")])
    redux.main()
    told = json.loads(capsys.readouterr().out)
    assert told == {"questions": 4, "wrong": 2, "with the right option": 1, "untold": 1, "unusable": {}}
    samples = list(read_samples(str(tmp_path / "out" / "questions.jsonl")))
    assert [sample.gold for sample in samples] == ["blue", "green", None, None]
    truth = [json.loads(line) for line in (tmp_path / "out" / "truth.jsonl").read_text().splitlines()]
    assert [row["id"] for row in truth] == [sample.id for sample in samples]
    assert [row["wrong"] for row in truth] == [False, True, True, None]
