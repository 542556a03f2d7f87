"""Every agent's turn about a sample can be read, and nothing that the data says is obeyed."""

import io
from contextlib import closing
from pathlib import Path

import pytest

from robustft import InputError, load_config, resume, run
from robustft.terminal import Terminal
from robustft.trace import print_trace
from stores.errors import RunDirectoryError
from stores.run_directory import RunDirectory
from tests.support.cases import CASES, Finished, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.glanced import config_of


def told(directory: Path, identifier: str, *, terminal: bool = False, prompts: bool = False) -> str:
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=terminal, width=200)
    print_trace(directory, identifier, console, prompts=prompts)
    return file.getvalue()


def test_a_trace_shows_every_agents_turn(hostile_run: Path) -> None:
    shown = told(hostile_run, "noisy")
    roles = ["sample", "base", "reasoner 1", "reflect 1", "reasoner 2", "checker", "relabeler", "reviewer"]
    places = [shown.index(role) for role in [*roles, "outcome"]]
    assert places == sorted(places)
    assert all(part in shown for part in ("capital of Italy", "Vienna", "Rome", "entropy 0.25"))
    assert "trained on: yes" in shown


def test_a_trace_of_a_clean_sample_ends_with_the_checker(hostile_run: Path) -> None:
    shown = told(hostile_run, "clean")
    assert ": clean" in shown
    assert "relabeler" not in shown
    assert "reviewer" not in shown


def test_a_sample_about_which_the_base_agent_left_no_doubt_says_so(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    run(config_of(tmp_path, endpoint), tmp_path / "run", until="detect")
    said = "nobody else was asked: the base agent's answer left no doubt"
    assert said in told(tmp_path / "run", "q001")
    assert said not in told(tmp_path / "run", "q000")


def test_a_trace_obeys_nothing_that_the_data_says(hostile_run: Path) -> None:
    shown = told(hostile_run, "evil", terminal=True)
    assert not any(sign in shown for sign in ("\x1b[31m", "\x07", "\u202e"))
    assert "[bold]loud[/bold] [/nothing]" in shown


@pytest.mark.parametrize(("identifier", "reason"), [("u", "high_entropy (entropy rank "), ("e", "empty ")])
def test_a_sample_that_is_left_out_is_told_with_its_reason(
    identifier: str, reason: str, mixed: Finished
) -> None:
    assert f"trained on: no: {reason}" in told(mixed.out, identifier)


def test_a_relabeler_without_examples_is_said_to_have_none(mixed: Finished) -> None:
    assert "neighbours: none: answered without context" in told(mixed.out, "m")


def test_the_examples_that_were_shown_are_told_with_their_distance(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    config = load_config(write_run(tmp_path, script(endpoint).url), ["agents.relabeler.neighbours=1"])
    finished = run(config, tmp_path / "run", until="denoise")
    (shown,) = finished.decision("m").agents["relabeler"].neighbours
    line = next(line for line in told(tmp_path / "run", "m").splitlines() if "neighbour " in line)
    assert f"neighbour {shown.id} at {shown.distance:.3f}: " in line
    example = finished.decision(shown.id)
    assert f"{example.prompt} -> {example.response}" in line


def test_requests_are_shown_when_they_are_wanted(mixed: Finished) -> None:
    assert "[base] Capital of Norway?" not in told(mixed.out, "u")
    shown = told(mixed.out, "u", prompts=True)
    for role in ("base", "reason", "reflect", "check", "relabel", "review"):
        assert f"asked (user): [{role}] Capital of Norway?" in shown


def test_a_request_that_is_no_longer_stored_is_said_to_be_lost(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url, CASES[:1]), tmp_path / "run", until="detect")
    (tmp_path / "run" / ".state" / "replies.sqlite").unlink()
    resume(tmp_path / "run", until="detect")
    assert "asked: the request is no longer stored" in told(tmp_path / "run", "z", prompts=True)


def test_a_run_under_way_shows_what_it_knows_of_a_sample(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url, run__max_failed=0, run__concurrency=1)
    endpoint.refuse = lambda messages: 400 if "Norway" in messages[-1]["content"] else None
    with pytest.raises(Exception, match="scripted failure"):
        run(config, tmp_path / "run", until="select")
    shown = told(tmp_path / "run", "u")
    assert "failure: ModelCallError" in shown
    assert "trained on" not in shown
    endpoint.refuse = lambda messages: None
    resume(tmp_path / "run", until="select", retry_failed=True)
    assert "trained on" in told(tmp_path / "run", "u")


def test_what_cannot_be_traced_is_a_typed_error(mixed: Finished, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sample 'U'; its ids look like z, a, n"):
        told(mixed.out, "U")
    with pytest.raises(RunDirectoryError, match="holds no run"):
        told(tmp_path, "u")


def test_a_sample_without_a_verdict_is_said_to_have_none(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url, CASES[:1]), tmp_path / "run", until="detect")
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        journal.forget()
    with pytest.raises(InputError, match="sample 'z' has no verdict yet"):
        told(tmp_path / "run", "z")
