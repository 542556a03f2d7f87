"""Where the base agent leaves no doubt, nobody else is asked; and that is learned once."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graph.engine import RunFailedError
from graph.stages.detect import detect
from graph.stages.glance import glance
from graph.state import RunInput, RunState
from robustft import resume, run
from stores.records import Decision
from stores.run_directory import RunDirectory
from tests.support.endpoint import Endpoint
from tests.support.glanced import COUNT, DIFFERS, WRONG, asked, config_of, number_of, row
from tests.support.judged_records import WordEncoder
from tests.support.stages import load_run_of, run_stage


async def begun(folder: Path, endpoint: Endpoint, *settings: str, rows: Any = None) -> RunState:
    config = config_of(folder, endpoint, *settings, rows=rows).model_dump(mode="json")
    return (await load_run_of(RunInput(config=config, directory=str(folder / "run"), until="select"))).state


def decisions(folder: Path, endpoint: Endpoint, *settings: str, rows: Any = None) -> dict[str, Decision]:
    config = config_of(folder, endpoint, *settings, rows=rows)
    found = run(config, folder / "run", until="detect")
    return {decision.id: decision for decision in found.decisions()}


def test_nobody_else_is_asked_where_the_base_agent_leaves_no_doubt(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    found = decisions(tmp_path, endpoint)
    assert asked(endpoint, "base") == list(range(COUNT)), "once each"
    reasoned = asked(endpoint, "reason")
    assert set(reasoned) >= {*WRONG, *DIFFERS}
    assert len(reasoned) < COUNT / 2
    spared = [decision for decision in found.values() if "reasoner" not in decision.agents]
    assert len(spared) == COUNT - len(reasoned)
    assert {decision.status for decision in spared} == {"clean"}
    noisy = {name for name, decision in found.items() if decision.status == "noisy"}
    assert noisy >= {f"q{number:03}" for number in WRONG}


@pytest.mark.parametrize(
    "settings",
    [
        ("agents.checker.sure_below=0",),
        # A prompt that names the other view cannot be filled.
        ("agents.checker.views=[base]", "agents.checker.prompt=check"),
        ("agents.checker.views=[reasoning]", "agents.checker.prompt=check"),
    ],
)
async def test_all_agents_are_asked_where_there_is_nothing_to_spare(
    settings: tuple[str, ...], tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    state = await begun(tmp_path, endpoint, *settings)
    await run_stage(glance, state)
    assert not asked(endpoint, "base")
    assert not RunDirectory(tmp_path / "run").glance.exists()
    await run_stage(detect, state)
    expected = list(range(COUNT)) if "[base]" not in settings[0] else []
    assert asked(endpoint, "reason") == expected


async def test_what_was_learned_decides_until_the_agents_are_others(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    state = await begun(tmp_path, endpoint)
    await run_stage(glance, state)
    learned = RunDirectory(tmp_path / "run").glance / "calibration.json"
    before = learned.stat().st_mtime_ns
    await run_stage(glance, state)
    assert learned.stat().st_mtime_ns == before
    assert asked(endpoint, "base") == list(range(COUNT))
    with closing(RunDirectory(tmp_path / "run").open_journal()) as journal:
        assert journal.validity.has_glance
        journal.validity.keep_inputs(journal.validity.inputs._replace(verdicts="other"))
        assert not journal.validity.has_glance


def test_a_run_that_is_broken_off_asks_about_the_same_samples(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    whole.mkdir()
    half.mkdir()
    decisions(whole, endpoint)
    expected = asked(endpoint, "reason")
    endpoint.requests.clear()
    config = config_of(half, endpoint, "run.max_failed=0", "run.patience=0")
    endpoint.refuse = lambda messages: 400 if messages[-1]["content"].startswith("[reason]") else None
    with pytest.raises(RunFailedError):
        run(config, half / "run", until="detect")
    endpoint.refuse = lambda messages: None
    endpoint.requests.clear()
    resume(half / "run", until="detect", retry_failed=True)
    assert asked(endpoint, "reason") == expected
    assert asked(endpoint, "base") == []


def test_the_order_of_samples_changes_nothing(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    forth, back = tmp_path / "forth", tmp_path / "back"
    forth.mkdir()
    back.mkdir()
    first = decisions(forth, endpoint)
    asked_first = asked(endpoint, "reason")
    endpoint.requests.clear()
    second = decisions(back, endpoint, rows=list(map(row, reversed(range(COUNT)))))
    assert asked(endpoint, "reason") == asked_first
    assert first == second


def test_every_agent_is_asked_about_a_trusted_sample(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    rows = [{**row(number), "trusted": number in (50, 51, 52)} for number in range(COUNT)]
    decisions(tmp_path, endpoint, rows=rows)
    assert set(asked(endpoint, "reason")) >= {50, 51, 52}


async def test_detection_tells_what_fails_when_too_much_does(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    state = await begun(tmp_path, endpoint)
    endpoint.refuse = lambda messages: 400
    await run_stage(glance, state)
    assert not RunDirectory(tmp_path / "run").glance.exists()
    with pytest.raises(RunFailedError, match=r"max_failed.*scripted failure"):
        await run_stage(detect, state)


def test_an_endpoint_that_is_busy_now_and_then_changes_nothing(
    tmp_path: Path, endpoint: Endpoint, encoder: WordEncoder
) -> None:
    quiet, busy = tmp_path / "quiet", tmp_path / "busy"
    quiet.mkdir()
    busy.mkdir()
    expected = decisions(quiet, endpoint)
    before = asked(endpoint, "reason")
    endpoint.requests.clear()
    refused: set[str] = set()

    def refuse(messages: list[dict[str, Any]]) -> int | None:
        text = messages[-1]["content"]
        first = text.startswith("[base]") and text not in refused and number_of(text) % 4 == 1
        refused.add(text)
        return 503 if first else None

    endpoint.refuse = refuse
    assert decisions(busy, endpoint) == expected
    assert sorted(set(asked(endpoint, "reason"))) == before
