"""MMLU-Redux's questions as a data file: answer keys with real errors, which people found.

    python benchmarks/redux.py FOLDER OUT

FOLDER holds the files `mmlu_SUBJECT.csv` of the public repository aryopg/mmlu-redux (its folder `mmlu_redux`;
5,700 questions, CC BY 4.0). It is not part of RobustFT, and nothing is downloaded. Two files are written:

    OUT/questions.jsonl  `robustft run` takes it: the key's option as the response, the subject as the task,
                         and as gold the right option, where people named one
    OUT/truth.jsonl      `detector.py` takes it: by id, whether the key's option is wrong, and what people say

What people call "ok" is right. Any other error is wrong, whether the key, the question or the options are to
blame. "expert" says that nobody could tell: such a question counts for nothing. Rows that cannot be read are
counted.
"""

import argparse
import ast
import csv
import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from stores.atomic import write_text_atomically
from stores.errors import DataError, RobustFTError
from stores.export import write_samples
from stores.sample import Sample

_RIGHT, _UNTOLD = "ok", "expert"
_WRONG = ("wrong groundtruth", "no correct answer", "multiple correct answers", "bad question clarity",
          "bad options clarity")  # fmt: skip
_COLUMNS = ("question", "choices", "answer", "error_type", "correct_answer")


class Question(NamedTuple):
    """A question, and what people say of its key: right (False), wrong (True) or nobody could tell (None)."""

    sample: Sample
    error: str
    wrong: bool | None


def read_questions(folder: Path) -> tuple[list[Question], Counter[str]]:
    """Read every subject's file.

    Returns:
        The questions, and how many rows could not be used, by reason.

    Raises:
        DataError: there is no such file, or one of them has other columns.
    """
    files = sorted(folder.glob("mmlu_*.csv"))
    if not files:
        raise DataError("holds no mmlu_SUBJECT.csv", path=folder)
    questions: list[Question] = []
    unusable: Counter[str] = Counter()
    for file in files:
        subject = file.stem.removeprefix("mmlu_")
        for number, row in enumerate(_rows(file), start=1):
            found = _question(row, f"{subject}-{number:03}", subject.replace("_", " "))
            if isinstance(found, str):
                unusable[found] += 1
            else:
                questions.append(found)
    return questions, unusable


def _rows(file: Path) -> list[dict[str, str]]:
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    # Some subjects have semicolons between their columns.
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > 3 else ",")
    names = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise DataError(f"has no column {missing[0]}", path=file)
    return [dict(zip(names, line, strict=False)) for line in lines if any(line)]


def _question(row: dict[str, str], name: str, subject: str) -> Question | str:
    """Return a row's question, or why there is none."""
    error = " ".join(row.get("error_type", "").lower().replace("_", " ").split())
    if error not in (_RIGHT, _UNTOLD, *_WRONG):
        return "an error type that is not known"
    options = _options(row.get("choices", ""))
    if options is None:
        return "choices that cannot be read"
    key = row.get("answer", "").strip()
    if not key.isdecimal() or int(key) >= len(options):
        return "an answer that is none of the choices"
    response = options[int(key)]
    gold = response if error == _RIGHT else _right_option(row.get("correct_answer", ""), options)
    if error != _RIGHT and (error != _WRONG[0] or gold == response):
        gold = None
    sample = Sample(
        id=name, prompt=row["question"], response=response, options=options, gold=gold, task=subject
    )
    return Question(sample, error, None if error == _UNTOLD else error != _RIGHT)


def _options(text: str) -> tuple[str, ...] | None:
    """Return the texts of a list as Python writes it; None where it is none, or holds a text twice."""
    try:
        found: Any = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(found, list) or len(found) < 2:
        return None
    texts = tuple(str(option).strip() for option in found)
    return texts if all(texts) and len(set(texts)) == len(texts) else None


def _right_option(text: str, options: tuple[str, ...]) -> str | None:
    """Return the option that people name as right: by its place from 0, its letter or its words."""
    named = text.strip()
    if named.isdecimal() and int(named) < len(options):
        return options[int(named)]
    if len(named) == 1 and named.upper() in "ABCD"[: len(options)]:
        return options["ABCD".index(named.upper())]
    return named if named in options else None


def main() -> None:
    """Write both files, and say what they hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    try:
        questions, unusable = read_questions(arguments.folder)
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_samples(arguments.out / "questions.jsonl", (question.sample for question in questions))
    except RobustFTError as exc:
        sys.exit(f"redux.py: {exc}")
    lines = (
        json.dumps({"id": question.sample.id, "wrong": question.wrong, "error": question.error})
        for question in questions
    )
    write_text_atomically(arguments.out / "truth.jsonl", "".join(line + "\n" for line in lines))
    told = {
        "questions": len(questions),
        "wrong": sum(question.wrong is True for question in questions),
        "with the right option": sum(
            question.wrong is True and question.sample.gold is not None for question in questions
        ),
        "untold": sum(question.wrong is None for question in questions),
        "unusable": dict(unusable),
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
