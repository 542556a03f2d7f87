"""The `robustft` command: its help, what it completes, and how a wrong line ends."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from robustft.cli import app
from tests.support.cases import command
from tests.support.commands import plain

REPOSITORY = Path(__file__).parents[3]
OPTIONS = {
    "demo": ["--out", "--until"],
    "run": [
        "CONFIG",
        "--data",
        "--test",
        "--gold",
        "--trusted",
        "--out",
        "--set",
        "--limit",
        "--until",
        "--resume",
    ],
    "resume": ["DIR", "--until", "--trusted"],
    "list": ["DIR", "--limit", "--json", "--to-check", "--audit", "--seed", "--out", "--force"],
    "audit": ["DIR", "FILE", "--json"],
    "check": ["DIR", "--data", "--out", "--set", "--limit", "--force"],
    "trace": ["DIR", "SAMPLE_ID", "--prompts"],
    "evaluate": ["CONFIG", "--test", "--adapter", "--set"],
    "serve": ["CONFIG", "--model", "--adapter", "--port", "--set"],
    "noise": ["FILE", "--rate", "--seed", "--out", "--force"],
    "export": ["DIR", "--format", "--out"],
    "schema": ["--out"],
    "doctor": ["CONFIG", "--set"],
}


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip() == f"robustft {version('robustft')}"


def test_help_lists_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--help") == 0
    told = plain(capsys.readouterr().out)
    assert all(re.search(rf"\b{name}\b", told) for name in OPTIONS)
    assert sorted(OPTIONS) == sorted(app.COMMANDS)


@pytest.mark.parametrize("name", app.COMMANDS)
def test_a_commands_line_in_the_list_opens_its_own_help(name: str) -> None:
    source = (REPOSITORY / "robustft" / "cli" / f"{name}.py").read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert str(ast.get_docstring(functions[name])).splitlines()[0] == app.COMMANDS[name]


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_help_of_a_command_has_its_options(
    name: str, flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, name, flag) == 0
    told = plain(capsys.readouterr().out)
    assert [option for option in OPTIONS[name] if option.lower() not in told.lower()] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "x.yaml", "--nonsense"],
        ["run", "x.yaml", "--until", "never"],
        ["resume"],
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert "Usage" in plain(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["rnu"], "run"), (["resmue"], "resume"), (["run", "x.yaml", "--dta", "x"], "--data")],
)
def test_a_mistyped_command_or_option_is_told_what_was_meant(
    arguments: list[str],
    meant: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert meant in plain(capsys.readouterr().err).splitlines()[-2]


@pytest.mark.parametrize(
    ("words", "offered"),
    [("robustft res", "resume"), ("robustft run --li", "--limit"), ("robustft run x --until tr", "train")],
)
def test_a_shell_completes_commands_options_and_choices(words: str, offered: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'robustft'; from robustft.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "_ROBUSTFT_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
    )
    assert told.stdout.split() == [offered]


@pytest.mark.parametrize(
    "arguments",
    [
        ["trace", ".", "x"],
        ["resume", "."],
        ["resume", "nowhere"],
        ["export", ".", "--format", "messages", "--out", "out.jsonl"],
        ["list", "."],
        ["list", "sub", "--audit", "5", "--out", "out.jsonl"],
        ["audit", ".", "out.jsonl"],
    ],
)
def test_a_folder_that_holds_no_run_ends_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert "holds no run" in capsys.readouterr().err
    assert list(Path().iterdir()) == []
