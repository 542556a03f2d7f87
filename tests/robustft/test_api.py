"""Runs from Python: awaited or not, side by side, with typed errors, and evaluations by themselves."""

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import robustft
from graph.config.run import DataConfig
from robustft import (
    InputError,
    RobustFTError,
    Run,
    RunConfig,
    RunFailedError,
    aevaluate,
    aresume,
    arun,
    evaluate,
    export,
    load_config,
    load_run,
    resume,
    run,
)
from robustft.api import default_directory
from tests.support.cases import CASES, Finished, read_lines, script, write_run
from tests.support.endpoint import Endpoint


def test_two_runs_at_once_in_one_event_loop_do_not_mix(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, cases in zip(folders, (CASES[:4], CASES[4:]), strict=True):
        folder.mkdir()
        write_run(folder, endpoint.url, cases)

    async def both() -> list[Run]:
        runs = (arun(folder / "my.yaml", folder / "run", until="select") for folder in folders)
        return await asyncio.gather(*runs)

    first, second = (done.summary for done in asyncio.run(both()))
    assert (first.samples.total, second.samples.total) == (4, 6)
    assert [row["id"] for row in read_lines(folders[1] / "run" / "decisions.jsonl")] == list("mvkueb")


def test_two_runs_after_another_in_one_process_work(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    first = asyncio.run(arun(config, tmp_path / "one", until="select")).summary
    second = asyncio.run(arun(config, tmp_path / "two", until="select")).summary
    assert first.samples == second.samples
    assert first.config_hash == second.config_hash


def test_progress_is_reported_for_every_stage(tmp_path: Path, endpoint: Endpoint) -> None:
    seen: dict[str, tuple[int, int]] = {}
    config = write_run(tmp_path, script(endpoint).url)
    run(
        config,
        tmp_path / "run",
        until="select",
        progress=lambda report: seen.update({report.stage: (report.done, report.total)}),
    )
    assert (seen["detect"], seen["denoise"]) == ((10, 10), (6, 6))


def test_python_callers_get_typed_errors(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint).refuse = lambda messages: 400 if "?" in messages[-1]["content"] else None
    config = write_run(tmp_path, endpoint.url, run__max_failed=0)
    with pytest.raises(RunFailedError, match="scripted failure"):
        run(config, tmp_path / "run", until="select")
    with pytest.raises(RobustFTError, match="holds no run"):
        resume(tmp_path / "nowhere")


def test_a_limit_takes_the_first_samples(tmp_path: Path, endpoint: Endpoint) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    assert run(config, tmp_path / "run", limit=3, until="select").summary.samples.total == 3
    assert [row["id"] for row in read_lines(tmp_path / "run" / "decisions.jsonl")] == ["z", "a", "n"]


@pytest.fixture
def served(endpoint: Endpoint) -> RunConfig:
    model = {"provider": "vllm", "name": "scripted", "base_url": endpoint.url}
    return RunConfig.model_validate({"models": {"default": model}})


def test_a_model_is_evaluated_on_samples_in_memory_or_in_a_file(served: RunConfig, tmp_path: Path) -> None:
    rows = [{"prompt": f"Capital of France, {at}?", "completion": "Paris"} for at in range(3)]
    rows.append({"prompt": "Capital of Italy?", "completion": "Rome"})
    (tmp_path / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told: list[int] = []
    figures = evaluate(served, rows, progress=lambda step: told.append(step.done))
    assert (figures.n, figures.untuned, figures.tuned) == (4, 0.75, None)
    assert max(told) == 4
    assert evaluate(served, tmp_path / "test.jsonl") == figures


def test_an_adapter_that_is_none_is_refused(served: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no PEFT adapter"):
        evaluate(served, [{"prompt": "Capital?", "completion": "Paris"}], tmp_path)


async def test_an_evaluation_can_be_awaited(served: RunConfig) -> None:
    figures = await aevaluate(served, [{"prompt": "Capital?", "completion": "Paris"}])
    assert figures.untuned == 1


def test_a_run_with_no_directory_named_gets_one_named_by_the_time(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    finished = run(write_run(tmp_path, script(endpoint).url, CASES[:1]), until="detect")
    assert finished.directory.parent == Path("runs")
    assert finished.directory.name.startswith("run-")
    assert finished.directory == default_directory("run").parent / finished.directory.name


def test_a_config_from_another_folder_means_the_same_when_the_run_is_resumed_elsewhere(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, script(endpoint).url)
    config = RunConfig(data=DataConfig(train="train.jsonl"), models=load_config(tmp_path / "my.yaml").models)
    monkeypatch.chdir(tmp_path)
    run(config, "run", limit=1, until="detect")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_run(tmp_path / "run").config.data.train == str(tmp_path / "train.jsonl")
    assert resume(tmp_path / "run", until="select").summary.samples.total == 1


def test_a_directory_that_is_taken_is_refused_before_anything_is_read(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious").write_text("")
    with pytest.raises(RobustFTError, match="taken"):
        run(write_run(tmp_path, endpoint.url), tmp_path / "taken", samples=iter(()))
    assert endpoint.requests == []


@pytest.mark.parametrize("call", [arun, aresume, aevaluate])
def test_a_blocking_twin_has_the_arguments_of_what_it_waits_for(call: Any) -> None:
    twin = getattr(robustft, call.__name__.removeprefix("a"))
    assert twin.__name__ == call.__name__.removeprefix("a")
    assert inspect.signature(twin).parameters == inspect.signature(call).parameters


def test_a_training_set_is_exported_and_counted(mixed: Finished, tmp_path: Path) -> None:
    assert export(mixed.out, tmp_path / "out.jsonl", "messages") == 6
    assert len(read_lines(tmp_path / "out.jsonl")) == 6
    with pytest.raises(InputError, match="inside the run directory"):
        export(mixed.out, mixed.out / "out.jsonl", "messages")
    with pytest.raises(RobustFTError, match="holds no run"):
        export(tmp_path, tmp_path / "other.jsonl", "messages")
