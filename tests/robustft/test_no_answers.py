"""Replies that are no answers, through a whole run: they are recorded, counted, and never trained on."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from robustft.cli import main
from tests.support.commands import write_rows
from tests.support.endpoint import Endpoint

QUESTIONS = [
    ("Why is the sky blue?", "Because the air scatters the short blue waves of sunlight more than red ones."),
    ("Why does ice float?", "Because the lattice of frozen water takes more room than the same water does."),
    ("Why does bread rise?", "Because yeast turns sugar into a gas that blows up the dough from within it."),
]
GOOD = "Because light of that colour is scattered most, and all the more so at noon on a clear day."
CUT = "Because the light of the sun is made of many colours, and of these the blue one is"
REFUSAL = "I'm sorry, but I can't help with that."


def message(finish: str = "stop", **fields: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", **fields}, "finish_reason": finish}


# What is sent for every request, the outcome, how often it is asked for, and why the sample is dropped.
ENDINGS = {
    "cut": (message("length", content=CUT), "cut", 2, "unfinished"),
    "cut thoughts": (message("length", content="<think>Let me see. The sky"), "cut", 2, "unfinished"),
    "cut thoughts in a field": (
        message("length", content=None, reasoning_content="Let me see."),
        "cut",
        2,
        "unfinished",
    ),
    "thoughts that never end": (
        message("stop", content="<think>Let me see. The sky"),
        "cut",
        2,
        "unfinished",
    ),
    "thoughts that no answer follows": (
        message("stop", content="<think>Hm.</think>"),
        "cut",
        2,
        "unfinished",
    ),
    "a call of a tool": (
        message("tool_calls", content=None, tool_calls=[{"id": "c"}]),
        "cut",
        2,
        "unfinished",
    ),
    "filtered": (message("content_filter", content=CUT), "filtered", 1, "refused"),
    "filtered at once": (message("content_filter", content=""), "filtered", 1, "refused"),
    "refused": (message(content=REFUSAL), "refused", 1, "refused"),
    "refused after thoughts": (message(content=f"<think>Hm.</think>{REFUSAL}"), "refused", 1, "refused"),
    "refused in a field": (message(content=None, refusal=REFUSAL), "refused", 1, "refused"),
    "refused in Spanish": (
        message(content="Lo siento, pero no puedo ayudarte con eso."),
        "refused",
        1,
        "refused",
    ),
    "looped": (message("length", content="It is the light. " * 30), "looped", 1, "unfinished"),
    "looped to its end": (message("stop", content="It is the light. " * 30), "looped", 1, "unfinished"),
}


def run(endpoint: Endpoint, tmp_path: Path, **agents: Any) -> Path:
    rows = [
        {"id": f"{at}", "prompt": prompt, "response": said} for at, (prompt, said) in enumerate(QUESTIONS)
    ]
    config = {
        "models": {"default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url}},
        "agents": {
            "checker": {"policy": "none"},
            "reviewer": {"policy": "context"},
            "relabeler": {"neighbours": 0},
            **agents,
        },
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    data = write_rows(tmp_path / "train.jsonl", rows)
    command = ["run", str(tmp_path / "config.yaml"), "--data", str(data), "--until", "select"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["robustft", *command, "--out", str(tmp_path / "run")])
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code
    return tmp_path / "run"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("choice", "outcome", "times", "reason"), ENDINGS.values(), ids=ENDINGS)
def test_a_reply_that_is_no_answer_is_recorded_and_never_trained_on(
    endpoint: Endpoint, tmp_path: Path, choice: dict[str, Any], outcome: str, times: int, reason: str
) -> None:
    def alter(reply: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        reply["choices"][0] |= json.loads(json.dumps(choice))
        return reply

    endpoint.alter = alter
    folder = run(endpoint, tmp_path)
    assert lines_of(folder / "training.jsonl") == []
    for decision in lines_of(folder / "decisions.jsonl"):
        assert decision["agents"]["relabeler"]["outcome"] == outcome
        assert decision["agents"]["relabeler"].get("answer") is None
        assert decision["drop_reason"] == reason
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcomes"]["relabeler"] == {outcome: len(QUESTIONS)}
    assert summary["usage"]["by_agent"]["relabeler"]["requests"] == times * len(QUESTIONS)


def test_what_was_cut_is_asked_for_again_with_more_room(endpoint: Endpoint, tmp_path: Path) -> None:
    rooms: list[int] = []

    def alter(reply: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        asked = [request for request in endpoint.requests if request["messages"] == messages]
        room = max(request["max_tokens"] for request in asked)
        rooms.append(room)
        reply["choices"][0] |= message(content=GOOD) if room > 200 else message("length", content=CUT)
        return reply

    endpoint.alter = alter
    folder = run(endpoint, tmp_path)
    rows = lines_of(folder / "training.jsonl")
    assert rows
    assert {row["completion"][0]["content"] for row in rows} == {GOOD}
    assert max(rooms) == 4 * max(room for room in rooms if room <= 200)


def test_a_number_is_a_limit_that_is_not_passed(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.alter = lambda reply, messages: {
        **reply,
        "choices": [{**reply["choices"][0], **message("length", content=CUT)}],
    }
    limited = {name: {"max_tokens": 40} for name in ("base", "reasoner", "checker", "reviewer")}
    run(endpoint, tmp_path, relabeler={"neighbours": 0, "max_tokens": 40}, **limited)
    assert max(request["max_tokens"] for request in endpoint.requests) == 40


def test_thoughts_are_kept_apart_from_what_is_trained_on(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = lambda messages: f"<think>\nOkay, the sky.\n</think>\n\n{GOOD}"
    folder = run(endpoint, tmp_path)
    rows = lines_of(folder / "training.jsonl")
    assert {row["completion"][0]["content"] for row in rows} == {GOOD}
    for decision in lines_of(folder / "decisions.jsonl"):
        assert decision["agents"]["relabeler"]["thoughts"] == "Okay, the sky."
