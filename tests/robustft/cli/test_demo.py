"""The demo makes its bundled data noisy and runs on it."""

from pathlib import Path

import pytest

from robustft import load_run
from robustft.data import FOLDER
from stores.dataset import read_samples
from tests.support.cases import command
from tests.support.commands import write_config
from tests.support.endpoint import Endpoint


def test_the_demo_runs_on_its_own_data_with_three_responses_of_ten_made_wrong(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In the place of the embedded model, which takes minutes: a file goes before the shipped config.
    write_config(tmp_path / "demo", endpoint.url)
    with (tmp_path / "demo").open("a") as config:
        config.write("run: {concurrency: 64}\n")
    assert command(monkeypatch, "demo", "--out", "run", "--until", "detect") == 0
    assert f"{len(bundled())} samples" in capsys.readouterr().out
    decisions = list(load_run("run").decisions())
    assert [decision.gold for decision in decisions] == bundled()
    wrong = sum(decision.response != decision.gold for decision in decisions)
    assert wrong == round(0.3 * len(decisions))
    # What it ran on is in its journal alone, and the file that held it is gone.
    named = load_run("run").config.data
    assert not Path(str(named.train)).exists()
    assert named.test == str(FOLDER / "test.jsonl")


def bundled() -> list[str]:
    return [sample.response for sample in read_samples(FOLDER / "train.jsonl")]


def test_the_demo_replaces_no_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").mkdir()
    Path("mine", "precious").write_text("")
    assert command(monkeypatch, "demo", "--out", "mine") == 2
    assert capsys.readouterr().err.startswith("robustft: mine: ")
    assert list(Path("mine").iterdir()) == [Path("mine", "precious")]
