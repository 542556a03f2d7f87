"""What several commands take is taken alike by all of them."""

import inspect
import re
from importlib import import_module

import pytest

from configs import shipped_configs
from graph.config import Stage
from robustft.cli import app, options
from tests.support.cases import command
from tests.support.commands import plain

SHARED = {
    "set_": options.Set,
    "until": options.Until,
    "out": options.Out,
    "directory": options.Directory,
    "trusted": options.Trusted,
}
# A check, an export, noise, a schema or a list is written to a file or folder that is no run; doctor stops
# none; runs
# are listed without a directory.
OTHERS = {
    ("out", "check"),
    ("out", "export"),
    ("out", "noise"),
    ("out", "schema"),
    ("out", "list"),
    ("directory", "list"),
    ("until", "doctor"),
    ("trusted", "resume"),
}


def parameters(name: str) -> dict[str, inspect.Parameter]:
    function = getattr(import_module(f"robustft.cli.{name}"), name)
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", app.COMMANDS)
def test_a_shared_option_means_the_same_in_every_command(name: str) -> None:
    taken = parameters(name)
    for key, meaning in SHARED.items():
        if key in taken and (key, name) not in OTHERS:
            assert taken[key].annotation == meaning


@pytest.mark.parametrize("name", ["run", "serve", "evaluate"])
def test_the_help_names_the_configs_that_ship(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, name, "--help") == 0
    told = " ".join(re.sub("│", " ", plain(capsys.readouterr().out)).split())
    assert ", ".join(shipped_configs()) in told


@pytest.mark.parametrize("name", ["run", "resume", "demo"])
def test_a_run_can_be_stopped_after_every_stage(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, name, "--help") == 0
    assert "|".join(Stage.__args__) in "".join(plain(capsys.readouterr().out).replace("│", " ").split())


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("selection.keep", "selection.keep"),
        ("selection.kep=0.4", "keep"),
        ("selection.keep=much", "selection.keep"),
    ],
)
@pytest.mark.parametrize("name", ["run", "doctor", "evaluate"])
def test_a_setting_that_cannot_be_taken_is_named_by_every_command(
    name: str,
    setting: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test = ["--test", "nowhere.jsonl"] if name == "evaluate" else []
    assert command(monkeypatch, name, "paper", *test, "--set", setting) == 2
    told = capsys.readouterr().err
    assert told.startswith("robustft: ")
    assert "--set" in told
    assert problem in told
