"""Hostile text in every place that comes from outside, through every command: no terminal obeys any of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from robustft.cli import terminal
from tests.support.cases import command, write_run
from tests.support.endpoint import Endpoint
from tests.support.hostile import HOSTILE, NUL, obeyed

# What data and replies may hold as text; half a surrogate pair and NUL are refused with their line.
TEXTS = {kind: text for kind, text in HOSTILE.items() if kind != "surrogate"}
ALL = " ".join(TEXTS.values())
# No file's name can hold a slash, and none is longer than 255 bytes.
NAME = "".join(f"{text[:9]}~" for text in TEXTS.values()).replace("/", "|")[:80]


def rows() -> list[dict[str, Any]]:
    """Return rows that are hostile in every column, with columns of hostile names."""
    return [
        {
            "id": f"{text} {place}",
            "prompt": f"What is {kind}? {text}",
            "completion": f"Oslo {text}",
            "options": [f"Oslo {text}", f"Rome {ALL}", text],
            "category": text,
            text: text,
        }
        for place, (kind, text) in enumerate(TEXTS.items())
    ]


def reply(messages: list[dict[str, Any]]) -> str:
    text = str(messages[-1]["content"])
    if "[check]" in text:
        return f"Verdict: noisy because {ALL}"
    return f"Rome {ALL}" if len(text) % 2 else f"Oslo {ALL}"


def altered(reply: dict[str, Any], messages: list[dict[str, Any]]) -> Any:
    reply["model"] = f"model {ALL}"
    reply["system_fingerprint"] = ALL
    reply["choices"][0]["message"]["reasoning_content"] = f"thought {ALL}"
    return reply


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(params=["piped", "on a terminal"])
def said(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a command; returns all that it wrote, of which nothing may be obeyed."""
    for console in (terminal.console, terminal.errors) if request.param == "on a terminal" else ():
        # With progress that is drawn, and without colours, which are control signs too.
        monkeypatch.setattr(console, "_force_terminal", True)
        monkeypatch.setattr(console, "_color_system", None)

    def say(*arguments: object, ends: int | None = 0) -> str:
        code = command(monkeypatch, *arguments)
        told = "".join(capfd.readouterr())
        assert obeyed(told) == set(), arguments
        assert "Traceback" not in told, told
        assert ends is None or code == ends, told
        return told

    return say


def test_no_command_on_a_hostile_run_lets_its_text_be_obeyed(
    said: Callable[..., str], tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.reply, endpoint.alter = reply, altered
    folder = tmp_path / NAME
    folder.mkdir()
    config = write_run(folder, endpoint.url, rows(), data__gold=None, run__max_failed=1.0)
    data = folder / f"{NAME}.jsonl"
    (folder / "train.jsonl").rename(data)
    # Some requests are refused, with a hostile reason.
    endpoint.refuse = lambda messages: 400 if "markup?" in str(messages) else None
    out = folder / f"run {NAME}"

    told = said("run", config, "--data", data, "--gold", data, "--out", out, "--until", "select")
    assert "look into a sample" in told
    said("resume", out, "--until", "select", "--retry-failed")
    for row in rows():
        said("trace", out, "--prompts", "--", row["id"], ends=0)
    assert "its ids look like" in said("trace", out, "--", ALL, ends=2)
    said("list", out)
    said("list", out, "--json")
    said("list", out, "--to-check", "5", "--out", f"check {NAME}.csv")
    said("list", out, "--to-check", "5", "--out", f"check {NAME}.jsonl")
    said("list", out, "--audit", "5", "--out", f"audit {NAME}.jsonl")
    audit = tmp_path / f"audit {NAME}.jsonl"
    filled = [{**json.loads(line), "trusted": True} for line in audit.read_text().rstrip("\n").split("\n")]
    audit.write_text("".join(f"{json.dumps(row)}\n" for row in filled))
    said("audit", out, audit)
    said("audit", out, audit, "--json")
    said("export", out, "--format", "same", "--out", f"same {NAME}.jsonl")
    said("export", out, "--format", "alpaca", "--what", "all", "--out", f"alpaca {NAME}.jsonl")
    said("export", out, "--format", "same", "--out", f"same {NAME}.jsonl", ends=2)
    said("resume", out, "--trusted", data, "--until", "select", ends=None)
    said("doctor", config, "--data", data, "--set", f"run.{NAME}=1", ends=2)
    said("doctor", config, "--data", data, "--gold", data, ends=2)
    said("doctor", config, "--data", data, ends=None)
    said("evaluate", out, "--test", data, ends=2)
    said("check", out, "--data", data, "--out", f"checked {NAME}.jsonl", ends=None)
    said("noise", data, "--rate", "0.5", "--out", f"noisy {NAME}.jsonl")
    said("schema", "--out", NAME)
    said("schema", "config")


def test_the_runs_of_a_folder_are_listed_by_hostile_names(said: Callable[..., str], tmp_path: Path) -> None:
    for at, text in enumerate(HOSTILE.values()):
        run = tmp_path / "runs" / text.replace("/", "|").replace("\ud83d", "\udcff")
        if at % 2:
            (run / ".state").mkdir(parents=True)
            (run / "config.yaml").write_text(text.replace("\ud83d", ""))
            (run / ".state" / "journal.sqlite").write_text(ALL)
            (run / "summary.json").write_text(ALL)
    assert said("list").count("\n") >= len(HOSTILE) // 2
    said("list", "--json")


@pytest.mark.parametrize("kind", [*HOSTILE, "nul"])
def test_an_error_that_quotes_anything_is_not_obeyed(
    kind: str, said: Callable[..., str], tmp_path: Path, endpoint: Endpoint
) -> None:
    text = {**HOSTILE, "nul": NUL}[kind]
    config = write_run(tmp_path, endpoint.url)
    data = tmp_path / "bad.jsonl"
    # No argument holds NUL.
    argument = text.replace("\0", "\x7f")

    def check(row: dict[str, Any], *more: object) -> None:
        good = {"id": "a", "prompt": "x?", "completion": "y"}
        data.write_text(f"{json.dumps(good)}\n{json.dumps(row)}\n")
        said("run", config, "--data", data, "--out", tmp_path / "run", *more, ends=2)
        assert not (tmp_path / "run").exists()

    # A row that is wrong, a column that is named, and an id that is there twice.
    check({"id": text, "prompt": "x?", "completion": ""}, "--set", "data.on_bad_row=stop")
    check({"id": "b", text: "x?"})
    check({"id": "b", "prompt": [text], "completion": {text: text}})
    check({"id": "b", "prompt": "x?", "completion": "y"}, "--set", f"data.columns.prompt={argument}")
    # Names of files, models and settings.
    for name in (argument, f"{argument}.jsonl", f"{argument}/x:train"):
        said("run", config, "--data", name.lstrip("-"), "--out", tmp_path / "run", ends=2)
    said("run", f"{argument}.yaml", ends=2)
    said("doctor", config, "--set", f"{argument}={argument}", ends=2)
    said("doctor", config, "--set", f"models.default.name={json.dumps(argument)}", ends=2)
    said(f"--{argument}", ends=2)
    said(f"x{argument}", ends=2)
    said("export", argument, "--format", f"x{argument}", "--out", "-", ends=2)
    said("evaluate", config, "--test", f"{argument}.jsonl", "--adapter", argument, ends=2)
    # Prompts and configs that are wrong.
    (tmp_path / "base.md").write_text(
        f"{{{{ question }}}} {{{{ '{kind}' | {kind} }}}} {{% {argument}", "utf-8", "replace"
    )
    said("doctor", config, ends=2)
    wrong = yaml.safe_dump(
        {"models": {argument: {"provider": argument}}, argument: argument}, allow_unicode=True
    )
    (tmp_path / "wrong.yaml").write_text(wrong, "utf-8", "replace")
    said("doctor", tmp_path / "wrong.yaml", ends=2)
    (tmp_path / "torn.yaml").write_text(f"models: [{argument}\n\t: *{argument}", "utf-8", "replace")
    said("doctor", tmp_path / "torn.yaml", ends=2)


@pytest.mark.parametrize("kind", TEXTS)
def test_an_endpoint_that_refuses_with_anything_is_not_obeyed(
    kind: str, said: Callable[..., str], tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, endpoint.url)
    error = {"error": {"message": f"no {TEXTS[kind]}", "code": TEXTS[kind]}}
    endpoint.status, endpoint.body = 400, json.dumps(error).encode()
    said("doctor", config, ends=2)
    said("run", config, "--out", tmp_path / "run", ends=None)
    endpoint.status, endpoint.body = 404, TEXTS[kind].encode()
    said("doctor", config, ends=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEXTS)
def test_an_endpoint_that_replies_with_anything_is_not_obeyed(
    kind: str, said: Callable[..., str], tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, endpoint.url)
    error = {"error": {"message": f"no {TEXTS[kind]}", "code": TEXTS[kind]}}
    for body in (json.dumps(error, ensure_ascii=False).encode(), TEXTS[kind].encode()):
        endpoint.body = body
        said("run", config, "--out", tmp_path / "run", ends=None)


def test_paths_that_are_no_text_are_paths(
    said: Callable[..., str], tmp_path: Path, endpoint: Endpoint
) -> None:
    data, out = tmp_path / "data\udcff.jsonl", tmp_path / "run\udcff"
    config = write_run(tmp_path, endpoint.url)
    shutil.copyfile(tmp_path / "train.jsonl", data)
    told = said("run", config, "--data", data, "--out", out, "--until", "detect", ends=2)
    assert "data.train: holds half of a surrogate pair" in " ".join(told.split())
    said("run", config, "--out", out, "--until", "detect", ends=None)
    said("trace", out, "z\udcff", ends=2)
    said("list", out, ends=None)
