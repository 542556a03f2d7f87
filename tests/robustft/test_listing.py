"""A run's samples are listed by their doubt, and no text of them is obeyed by a terminal."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robustft import list_runs, list_samples, load_config, run
from robustft.listing import became, plain_run, print_runs, print_samples
from robustft.terminal import Terminal
from stores.errors import RunDirectoryError
from stores.records import Decision, Verdict
from tests.support.cases import CASES, Finished, script, write_run
from tests.support.endpoint import Endpoint


def shown(print_with: Callable[[Terminal, Any], None], found: Any, width: int = 200) -> str:
    file = io.StringIO()
    print_with(Terminal(file=file, force_terminal=True, width=width), found)
    return file.getvalue()


def decision(noise: float | None, **changes: Any) -> Decision:
    verdict = "clean" if noise is None or noise < 0.5 else "noisy"
    check = Verdict(verdict=verdict, policy="calibrated", agreed=(), reason="", noise_probability=noise)
    told: dict[str, Any] = {"id": "s", "status": "clean", "prompt": "?", "response": "Rome", "final": "Rome"}
    return Decision(**{**told, "kept": True, "check": check, **changes})


def test_without_probabilities_noisy_samples_come_first_in_the_order_of_the_data(mixed: Finished) -> None:
    found = list_samples(mixed.out)
    noisy = [case.id for case in CASES if case.status != "clean"]
    clean = [case.id for case in CASES if case.status == "clean"]
    assert [one.id for one in found] == [*noisy, *clean]
    assert [one.id for one in list_samples(mixed.out, 3)] == noisy[:3]


def test_the_most_doubtful_come_first_of_a_calibrated_run(tmp_path: Path, endpoint: Endpoint) -> None:
    config = load_config(
        write_run(tmp_path, script(endpoint).url), ["agents.checker.policy=calibrated", "run.max_failed=1"]
    )
    endpoint.refuse = lambda messages: 400 if "Norway" in messages[-1]["content"] else None
    run(config, tmp_path / "run", until="detect")
    found = list_samples(tmp_path / "run")
    doubts = [one.noise_probability for one in found if one.noise_probability is not None]
    assert doubts == sorted(doubts, reverse=True)
    assert len(found) == len(CASES)
    assert (found[-1].id, found[-1].status) == ("u", "failed")


def test_a_list_shows_no_sign_that_a_terminal_obeys(hostile_run: Path) -> None:
    told = shown(print_samples, list_samples(hostile_run))
    assert "\\x1b[31mred" in told
    assert "\x1b[31m" not in told
    assert "\x07" not in told
    assert "\u202e" not in told
    assert "[bold]loud" in told
    assert all(name in told for name in ("clean", "noisy", "evil"))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (decision(0.1), "kept"),
        (decision(0.9, status="relabelled", final="Paris"), "Paris (kept)"),
        (
            decision(0.9, status="relabelled", final="Paris", kept=False, drop_reason="low_confidence"),
            "Paris (dropped: low_confidence)",
        ),
        (decision(1.0, status="relabelled", final="Oslo", trusted="Oslo"), "Oslo (kept, trusted)"),
        (decision(None, status="failed", final=None, kept=False, failure="no"), "failed: no"),
        (decision(0.9, status="noisy", final=None, kept=None), ""),
    ],
)
def test_a_list_says_what_became_of_a_sample(made: Decision, said: str) -> None:
    assert became(made) == said


def test_runs_are_listed_with_a_line_each(mixed: Finished, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "run").symlink_to(mixed.out)
    (found,) = list_runs(tmp_path)
    assert plain_run(found)["samples"]["total"] == len(CASES)
    told = shown(print_runs, [found])
    assert told.count("\n") == 1
    assert f"{tmp_path / 'run'}: {len(CASES)} samples, 4 clean, 6 noisy" in told
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_whose_figures_are_damaged_does_not_hide_the_others(mixed: Finished, tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copyfile(mixed.out / "config.yaml", folder / "config.yaml")
        shutil.copytree(mixed.out / ".state", folder / ".state")
    (tmp_path / "a" / "summary.json").write_text("{")
    damaged, young = list_runs(tmp_path)
    assert "summary.json" in str(damaged.failure)
    assert (young.summary, young.failure) == (None, None)
    assert "under way" in shown(print_runs, [damaged, young])


def test_a_folder_without_a_run_has_no_samples(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError):
        list_samples(tmp_path)
