"""Samples that are given from memory are read, run on and continued as those of a file are."""

import json
from pathlib import Path
from typing import Any

import pytest

from graph.run_graph import run_graph
from robustft import InputError, RunConfig, Sample, load_config, resume, run
from stores.dataset import read_rows, read_samples
from stores.run_directory import RunDirectory
from tests.support.cases import CASES, Finished, read_lines, script, write_run
from tests.support.endpoint import Endpoint

ROWS = [case.row() for case in CASES]


@pytest.fixture
def config(tmp_path: Path, endpoint: Endpoint) -> RunConfig:
    """A config without data, of agents that the endpoint answers as in all cases."""
    script(endpoint)
    return load_config(write_run(tmp_path, endpoint.url, data__train=None))


def as_samples() -> list[Sample]:
    return list(read_rows(ROWS, "samples", noisy=True))


@pytest.mark.parametrize(
    "rows", [lambda: ROWS, as_samples, lambda: iter(ROWS)], ids=["rows", "samples", "once"]
)
def test_a_run_on_samples_in_memory_decides_what_a_run_on_a_file_does(
    rows: Any, config: RunConfig, tmp_path: Path, mixed: Finished
) -> None:
    finished = run(config, tmp_path / "run", samples=rows(), until="select")
    decisions, known = (read_lines(out / "decisions.jsonl") for out in (tmp_path / "run", mixed.out))
    assert decisions == known
    assert finished.summary.samples == mixed.summary.samples


def test_a_run_on_samples_in_memory_can_be_resumed(
    config: RunConfig, tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    assert run(config, out, samples=ROWS, until="detect").summary.samples.relabelled == 0
    asked = len(endpoint.requests)
    finished = resume(out, until="select")
    assert finished.summary.samples.relabelled == 6
    assert not any(text.startswith("[base]") for text in endpoint.texts()[asked:])


def test_a_resumed_run_may_name_the_file_that_its_samples_came_from(
    config: RunConfig, tmp_path: Path, endpoint: Endpoint
) -> None:
    run(config, tmp_path / "run", samples=ROWS, until="detect")
    named = load_config(write_run(tmp_path, endpoint.url))
    assert resume(tmp_path / "run", config=named, until="select").summary.samples.relabelled == 6


def test_a_resumed_run_refuses_a_file_of_other_samples(
    config: RunConfig, tmp_path: Path, endpoint: Endpoint
) -> None:
    run(config, tmp_path / "run", samples=ROWS, until="detect")
    other = load_config(write_run(tmp_path, endpoint.url, [*CASES[1:], CASES[0]]))
    with pytest.raises(InputError, match=r"other data than .*train\.jsonl"):
        resume(tmp_path / "run", config=other, until="select")


@pytest.mark.parametrize(("rows", "refused"), [(ROWS, False), (ROWS[::-1], True)], ids=["same", "other"])
async def test_the_run_graph_continues_on_the_same_samples_alone(
    rows: list[dict[str, Any]], refused: bool, config: RunConfig, tmp_path: Path
) -> None:
    given = {"config": config.model_dump(mode="json"), "directory": str(tmp_path / "run")}
    await run_graph.ainvoke({**given, "samples": ROWS, "until": "detect"})
    again = run_graph.ainvoke({**given, "samples": rows, "until": "select"})
    if refused:
        with pytest.raises(InputError, match="other data than samples"):
            await again
    else:
        assert (await again)["summary"]["samples"]["relabelled"] == 6


def test_held_out_samples_are_taken_from_memory_too(config: RunConfig, tmp_path: Path) -> None:
    run(config, tmp_path / "run", samples=ROWS, test_samples=ROWS[:4], until="detect")
    journal = RunDirectory(tmp_path / "run").open_journal()
    assert (journal.count_samples("train"), journal.count_samples("test")) == (10, 4)
    journal.close()


def test_the_limit_holds_for_samples_in_memory(config: RunConfig, tmp_path: Path) -> None:
    assert run(config, tmp_path / "run", samples=ROWS, limit=3, until="detect").summary.samples.total == 3


@pytest.mark.parametrize(
    ("at", "bad", "message"),
    [
        (3, {"prompt": "Who?"}, r"samples\[3\], field 'completion': is missing"),
        (3, {"prompt": "", "completion": "x"}, r"samples\[3\], field 'prompt': is empty"),
        (3, "Who?", r"samples\[3\]: must be a Sample or a mapping of columns, not str"),
        (3, ROWS[0], r"samples\[3\], field 'id': the id 'z' is taken by samples\[0\]"),
        (3, Sample(id="3", prompt=" ", response="x"), r"samples\[3\], field 'prompt': is empty"),
        (0, {"text": "Who?"}, r"samples\[0\].*is missing"),
        (
            0,
            {"prompt": "Who?", "completion": "x", 1: 2},
            r"samples\[0\]: must name its columns by text, not int",
        ),
        (
            3,
            {"prompt": "Who?", "completion": 10**5000},
            r"samples\[3\], field 'completion': is a number of too",
        ),
        (3, {**ROWS[3], "id": 10**5000}, r"samples\[3\], field 'id': is a number of too many digits"),
        (
            3,
            Sample.model_construct(id="3", prompt=5, response="x"),
            r"samples\[3\], field 'prompt': is none that",
        ),
        (
            3,
            Sample.model_construct(id="3", prompt="?", response="x", options=1),
            r"samples\[3\], field 'options'",
        ),
        (3, Sample.model_construct(), r"samples\[3\], field 'id': is none that a Sample may have"),
    ],
)
def test_a_sample_that_cannot_be_used_is_named_by_its_index(
    at: int, bad: Any, message: str, config: RunConfig, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        run(config, tmp_path / "run", samples=[*ROWS[:at], bad, *ROWS[at + 1 :]])
    assert not (tmp_path / "run").exists()


def test_no_samples_are_an_error(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="samples: holds no rows"):
        run(config, tmp_path / "run", samples=[])


@pytest.mark.parametrize(("key", "argument"), [("train", "samples"), ("test", "test_samples")])
def test_a_file_and_samples_in_memory_exclude_each_other(
    key: str, argument: str, config: RunConfig, tmp_path: Path
) -> None:
    setattr(config.data, key, str(tmp_path / "train.jsonl"))
    given = {"samples": ROWS} | {argument: ROWS}
    if key == "train":
        given = {argument: ROWS}
    with pytest.raises(InputError, match=rf"data\.{key}: names .*leave one of them out"):
        run(config, tmp_path / "run", **given)


def test_a_sample_from_memory_is_the_one_that_a_file_holds(tmp_path: Path) -> None:
    row = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which?"},
            {"role": "assistant", "content": "B"},
        ],
        "options": ["cat", "dog"],
        "gold": "A",
        "task": "animals",
    }
    (tmp_path / "one.jsonl").write_text(json.dumps(row))
    (known,) = read_samples(tmp_path / "one.jsonl")
    assert list(read_rows([row], "samples")) == [known]
    assert list(read_rows([known], "samples")) == [known]
