"""A file in published columns goes through the command, and comes back as it was but for new responses."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import command
from tests.support.commands import write_config
from tests.support.endpoint import Endpoint

SAME = "What is the capital of Italy?"


def reply(messages: list[dict[str, Any]]) -> str:
    """Say that Italy's capital is not Milan but Rome, whoever asks."""
    text = "\n".join(str(message["content"]) for message in messages)
    right = "Rome" if "Italy" in text else "Paris"
    right = {"Rome": "C. Rome", "Paris": "A. Paris"}[right] if "B. Milan" in text else right
    if "verdict" in text.lower():
        return (
            "Verdict: noisy"
            if "Milan" in text.rpartition("esponse")[2] or "Italy" in text
            else "Verdict: clean"
        )
    return right


def rows(italy: dict[str, Any], france: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in (italy, france))


FRANCE = "What is the capital of France?"
TURNS = "role", "content"


def said(*turns: tuple[str, str], names: tuple[str, str] = TURNS) -> list[dict[str, str]]:
    return [dict(zip(names, turn, strict=True)) for turn in turns]


FILES = {
    "csv with odd cells": (
        f'\ufeffid;frage;question;answer;;\r\n"1"; x;{SAME};Milan;;\r\n2;"a ""b""";{FRANCE};Paris;;\r\n',
        "Milan;;\r\n2",
        "Rome;;\r\n2",
    ),
    "alpaca": (
        rows(
            {"instruction": SAME, "input": "", "output": "Milan"},
            {"instruction": FRANCE, "input": "", "output": "Paris"},
        ),
        '"output": "Milan"',
        '"output": "Rome"',
    ),
    "chinese": (
        rows({"问题": SAME, "答案": "Milan"}, {"问题": FRANCE, "答案": "Paris"}),
        '"答案": "Milan"',
        '"答案": "Rome"',
    ),
    "gemini": (
        rows(
            *(
                {
                    "contents": [
                        {"role": "user", "parts": [{"text": asked}]},
                        {"role": "model", "parts": [{"text": answer}]},
                    ]
                }
                for asked, answer in ((SAME, "Milan"), (FRANCE, "Paris"))
            )
        ),
        '"text": "Milan"',
        '"text": "Rome"',
    ),
    "sharegpt": (
        rows(
            *(
                {"conversations": said(("human", asked), ("gpt", answer), names=("from", "value"))}
                for asked, answer in ((SAME, "Milan"), (FRANCE, "Paris"))
            )
        ),
        '"value": "Milan"',
        '"value": "Rome"',
    ),
    "cohere": (
        rows(
            {"chat_history": [], "message": SAME, "response": "Milan"},
            {"chat_history": [], "message": FRANCE, "response": "Paris"},
        ),
        '"response": "Milan"',
        '"response": "Rome"',
    ),
    "squad": (
        rows(
            *(
                {
                    "context": "Paris or Rome or Milan.",
                    "question": asked,
                    "answers": {"text": [answer], "answer_start": [start]},
                }
                for asked, answer, start in ((SAME, "Milan", 17), (FRANCE, "Paris", 0))
            )
        ),
        '"text": ["Milan"], "answer_start": [17]',
        '"text": ["Rome"], "answer_start": [9]',
    ),
    "letters before options": (
        rows(
            *(
                {"question": asked, "options": ["A. Paris", "B. Milan", "C. Rome"], "answer": answer}
                for asked, answer in ((SAME, "B"), (FRANCE, "A"))
            )
        ),
        '"answer": "B"',
        '"answer": "C"',
    ),
    "a number of an option": (
        rows(
            *(
                {"question": asked, "choices": ["Paris", "Milan", "Rome"], "answer": answer}
                for asked, answer in ((SAME, 1), (FRANCE, 0))
            )
        ),
        '"answer": 1',
        '"answer": 2',
    ),
    "prompt ids and preferences": (
        rows(
            *(
                {
                    "prompt": asked,
                    "prompt_id": asked[-8:],
                    "chosen": said(("user", asked), ("assistant", answer)),
                    "rejected": said(("user", asked), ("assistant", "?")),
                    "messages": said(("user", asked), ("assistant", answer)),
                }
                for asked, answer in ((SAME, "Milan"), (FRANCE, "Paris"))
            )
        ),
        '"content": "Milan"',
        '"content": "Rome"',
    ),
}


QUICK = ("csv with odd cells", "squad", "letters before options")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FILES]
)
def test_a_file_comes_back_byte_for_byte_but_for_its_new_responses(
    name: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    content, old, new = FILES[name]
    file = Path("data.csv" if content.startswith("\ufeff") else "data.jsonl")
    file.write_bytes(content.encode())
    endpoint.reply = reply
    config = write_config(Path("my.yaml"), endpoint.url)
    # Two samples are too few for the default to doubt a response that is one of the options.
    settings = ["--set", "selection.keep=1.0", "--set", "agents.checker.policy=unanimous"]
    run = ["run", config, "--data", file, "--out", "run", "--until", "select", *settings]
    assert command(monkeypatch, *run) == 0
    assert command(monkeypatch, "export", "run", "--format", "same", "--out", "out") == 0
    exported = Path("out").read_bytes().decode()
    for fate in ("changed", "kept"):
        exported = exported.replace(f', "robustft": "{fate}"', "").replace(f";{fate}\r\n", "\r\n")
    assert exported.replace(";robustft", "") == content.replace(old, new)
