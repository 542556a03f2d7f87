"""Everything that can be checked is checked before a run begins, and a refusal leaves nothing behind."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agents.errors import EndpointError
from agents.models.pool import ModelPool
from graph.config.run import ConfigError, RunConfig, load_config
from graph.frozen_run import thinking_models
from graph.readiness import check_models
from graph.stages.detect import detect
from graph.stages.stage import Workspace
from graph.state import RunInput
from prompts.template import PromptError
from stores.errors import InputError, RunDirectoryError, WeightsError
from stores.run_directory import RunDirectory, holds_run
from tests.support.cases import CASES, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.stages import load_run_of, run_stage
from tests.support.tiny_models import save_tiny_model

ROWS = [case.row() for case in CASES]


def request_of(folder: Path, endpoint: Endpoint, *settings: str, **given: Any) -> RunInput:
    config = load_config(write_run(folder, script(endpoint).url), settings)
    plain = config.model_dump(mode="json")
    return RunInput(**{"config": plain, "directory": str(folder / "run"), "until": "select", **given})


def in_memory(folder: Path, endpoint: Endpoint, **given: Any) -> RunInput:
    request = request_of(folder, endpoint, **given)
    request.config["data"]["train"] = None
    return request


def samples_of(directory: str, split: Any = "train") -> list[str]:
    with closing(RunDirectory(Path(directory)).open_journal()) as journal:
        return [sample.id for sample in journal.samples(split)]


def content_of(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_run_directory_is_made_with_every_sample_in_its_order(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    request = request_of(tmp_path, endpoint)
    ended = await load_run_of(request)
    assert (ended.state.sample_count, ended.state.test_count) == (10, 0)
    assert samples_of(request.directory) == [case.id for case in CASES]
    assert ended.progress[-1][:3] == ("load", 10, 10)
    assert load_config(RunDirectory(tmp_path / "run").config).to_yaml() == (
        RunConfig.model_validate(request.config).to_yaml()
    )


async def test_samples_in_memory_are_taken_in_and_not_handed_on(tmp_path: Path, endpoint: Endpoint) -> None:
    request = in_memory(tmp_path, endpoint, samples=ROWS, test_samples=ROWS[:3])
    ended = await load_run_of(request)
    assert (ended.state.sample_count, ended.state.test_count) == (10, 3)
    assert samples_of(request.directory) == [case.id for case in CASES]
    assert samples_of(request.directory, "test") == [case.id for case in CASES[:3]]


@pytest.mark.parametrize(
    ("setting", "error", "named"),
    [
        ("selection.keep=2", ConfigError, "keep"),
        ("data.train=nowhere.jsonl", InputError, "nowhere"),
        ("data.test=nowhere.jsonl", InputError, "nowhere"),
        ("data.gold=nowhere.jsonl", InputError, "nowhere"),
        ("agents.base.prompt=nowhere.md", PromptError, "nowhere"),
        ("models.default.name=mistyped", EndpointError, "mistyped"),
        ("agents.relabeler.neighbours=1", WeightsError, "nowhere"),
        ("agents.checker.policy=calibrated", WeightsError, "nowhere"),
    ],
)
async def test_a_refusal_leaves_nothing_behind(
    setting: str, error: type[Exception], named: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    request = request_of(tmp_path, endpoint, "encoder.name=/nowhere")
    section, _, value = setting.rpartition("=")
    *path, key = section.split(".")
    content: Any = request.config
    for part in path:
        content = content[part]
    content[key] = float(value) if key in ("keep", "neighbours") else value
    before = content_of(tmp_path)
    with pytest.raises(error, match=named):
        await load_run_of(request)
    assert content_of(tmp_path) == before


async def test_a_model_that_is_to_be_tuned_is_missed_only_where_the_run_comes_to_it(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    settings = ["models.tuned={provider: embedded, name: ./nowhere}", "training.model=tuned"]
    with pytest.raises(WeightsError, match=r"\./nowhere"):
        await load_run_of(request_of(tmp_path, endpoint, *settings, until="train"))
    assert not holds_run(tmp_path / "run")
    ended = await load_run_of(request_of(tmp_path, endpoint, *settings, until="select"))
    assert ended.state.sample_count == 10


@pytest.mark.parametrize("until", ["train", "evaluate"])
async def test_an_endpoint_that_is_to_be_tuned_is_told_before_anything_is_asked(
    tmp_path: Path, endpoint: Endpoint, until: Any
) -> None:
    request = request_of(tmp_path, endpoint, "training.model=default", until=until)
    with pytest.raises(
        ConfigError,
        match=r"^models\.default is an endpoint and cannot be tuned here; "
        r"name a local model in training\.model, or add --until select",
    ):
        await load_run_of(request)
    assert not (tmp_path / "run").exists()
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("tokenizer", "lora", "reason"),
    [
        ({"template": None}, {}, "no chat template"),
        ({"template": "{% for m in messages %}{{ m }"}, {}, "cannot render"),
        ({}, {"target_modules": ["nowhere"]}, "target_modules"),
    ],
)
async def test_a_student_that_cannot_be_tuned_is_told_before_anything_is_asked(
    tmp_path: Path, endpoint: Endpoint, tokenizer: dict[str, Any], lora: dict[str, Any], reason: str
) -> None:
    folder = save_tiny_model(tmp_path / "student", **tokenizer)
    settings = [f"models.tuned={{provider: embedded, name: '{folder}'}}", "training.model=tuned"]
    request = request_of(tmp_path, endpoint, *settings, f"training.lora={lora}", until="train")
    with pytest.raises(InputError, match=reason):
        await load_run_of(request)
    assert not (tmp_path / "run").exists()
    assert endpoint.requests == []


async def test_a_tuned_run_is_checked_again_where_it_is_to_be_trained_otherwise(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    folder = save_tiny_model(tmp_path / "student")
    settings = [f"models.tuned={{provider: embedded, name: '{folder}'}}", "training.model=tuned"]
    await load_run_of(request_of(tmp_path, endpoint, *settings, until="train"))
    work = Workspace(tmp_path / "run", "train", lambda event: None)
    work.files.adapter.mkdir()
    for file in work.files.adapter_files:
        file.write_bytes(b"made")
    work.keep(*work.files.adapter_files)
    work.journal.close()
    # The model is gone; nothing is trained again, so nobody looks for it.
    (folder / "config.json").unlink()
    await load_run_of(request_of(tmp_path, endpoint, *settings, until="train"))
    other = request_of(tmp_path, endpoint, *settings, "training.args={no_such: 1}", until="train")
    with pytest.raises(InputError, match=r"training\.args\.no_such: trl's SFTConfig has no such field"):
        await load_run_of(other)


@pytest.mark.parametrize("bad", [{"prompt": "Who?"}, {"prompt": "", "completion": "x"}, "Who?"])
async def test_a_sample_that_cannot_be_used_ends_the_run_before_a_model_is_asked(
    bad: Any, tmp_path: Path, endpoint: Endpoint
) -> None:
    with pytest.raises(InputError, match=r"samples\[9\]"):
        await load_run_of(in_memory(tmp_path, endpoint, samples=[*ROWS[:9], bad]))
    assert not (tmp_path / "run").exists()
    assert endpoint.requests == []


async def test_data_that_are_named_nowhere_are_asked_for(tmp_path: Path, endpoint: Endpoint) -> None:
    with pytest.raises(ConfigError, match=r"data\.train: no training data"):
        await load_run_of(in_memory(tmp_path, endpoint))


async def test_a_run_that_is_there_is_resumed_with_its_own_samples(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    request = request_of(tmp_path, endpoint)
    await load_run_of(request)
    (tmp_path / "train.jsonl").unlink()
    ended = await load_run_of(RunInput(directory=request.directory, until="select"))
    assert ended.state.sample_count == 10
    assert holds_run(tmp_path / "run")


async def test_a_run_that_stopped_before_the_kinds_were_told_is_resumed_with_them(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    def kinds(tell: Any = None) -> list[str | None]:
        with closing(RunDirectory(Path(request.directory)).open_journal()) as journal:
            if tell is not None:
                journal.set_kinds("train", tell)
            return [sample.kind for sample in journal.samples("train")]

    request = request_of(tmp_path, endpoint)
    await load_run_of(request)
    told = kinds()
    assert None not in told
    assert set(kinds(lambda sample: None)) == {None}
    await load_run_of(RunInput(directory=request.directory, until="select"))
    assert kinds() == told


async def test_a_resume_that_is_refused_leaves_the_run_as_it_was(tmp_path: Path, endpoint: Endpoint) -> None:
    request = request_of(tmp_path, endpoint)
    await load_run_of(request)
    kept = (tmp_path / "run" / "config.yaml").read_bytes()
    other = request_of(tmp_path, endpoint, "models.default.name=mistyped", "agents.base.max_tokens=3")
    with pytest.raises(EndpointError, match="mistyped"):
        await load_run_of(other)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == kept


def reusing(folder: Path, endpoint: Endpoint) -> RunInput:
    return request_of(folder, endpoint, directory=str(folder / "new"), reuse=str(folder / "run"))


async def test_another_runs_replies_are_taken_over(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "robustft")
    begun = await load_run_of(request_of(tmp_path, endpoint))
    await run_stage(detect, begun.state)
    await load_run_of(reusing(tmp_path, endpoint))
    files = RunDirectory(tmp_path / "new")
    with (
        closing(RunDirectory(tmp_path / "run").open_replies()) as known,
        closing(files.open_replies()) as new,
    ):
        assert len(new) == len(known) > 0
        assert f"{len(known)} replies taken over" in caplog.text


async def test_a_run_that_has_asked_nothing_yet_has_no_replies_to_take_over(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "robustft")
    await load_run_of(request_of(tmp_path, endpoint))
    assert (await load_run_of(reusing(tmp_path, endpoint))).state.sample_count == 10
    assert "0 replies taken over" in caplog.text


async def test_replies_that_cannot_be_taken_over_leave_nothing_behind(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    begun = await load_run_of(request_of(tmp_path, endpoint))
    RunDirectory(Path(begun.state.directory)).replies.write_bytes(b"damaged " * 1000)
    before = content_of(tmp_path)
    with pytest.raises(RunDirectoryError, match="its replies cannot be taken over"):
        await load_run_of(reusing(tmp_path, endpoint))
    assert content_of(tmp_path) == before


async def test_each_model_is_asked_once_and_those_left_out_are_not(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    other = Endpoint()
    judge = f"models.judge={{provider: openai, base_url: '{other.url}', name: scripted}}"
    config = load_config(
        write_run(tmp_path, endpoint.url), [judge, "agents.checker.model=judge", "agents.base.model=judge"]
    )
    async with ModelPool() as models:
        await check_models(models, config)
        assert (len(endpoint.requests), len(other.requests)) == (1, 1)
        await check_models(models, config, without=["judge"])
        assert (len(endpoint.requests), len(other.requests)) == (2, 1)
    other.stop()


async def test_log_probabilities_are_asked_of_the_relabelers_model_alone(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.log_probabilities = False
    other = Endpoint()
    judge = f"models.judge={{provider: openai, base_url: '{other.url}', name: scripted}}"
    path = write_run(tmp_path, endpoint.url)
    async with ModelPool() as models:
        await check_models(models, load_config(path, [judge, "agents.relabeler.model=judge"]))
        with pytest.raises(EndpointError, match=r"^models\.default: .*log-probabilities"):
            await check_models(models, load_config(path, [judge, "agents.checker.model=judge"]))
    other.stop()


async def test_samples_beyond_the_window_that_an_endpoint_lists_are_told_before_they_are_asked(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.listed, endpoint.details = ["scripted"], {"max_model_len": 1500}
    rows = [*ROWS, {"id": "long", "prompt": "word " * 5000, "completion": "Paris"}]
    await load_run_of(in_memory(tmp_path, endpoint, samples=rows))
    (line,) = [text for text in caplog.messages if "longer than" in text]
    assert "1 of 11 samples are longer than models.default (scripted) takes (1,500 tokens)" in line
    assert line.endswith("ids long")
    assert not any("word word" in text for text in endpoint.texts())


async def test_a_model_that_is_seen_to_think_is_kept_in_mind(tmp_path: Path, endpoint: Endpoint) -> None:
    request = request_of(tmp_path, endpoint, "agents.checker.policy=hybrid")
    endpoint.reply = lambda messages: "<think>Well.</think>yes"

    def seen() -> frozenset[str]:
        with closing(RunDirectory(Path(request.directory)).open_journal()) as journal:
            return thinking_models(journal)

    state = (await load_run_of(request)).state
    assert seen() == {"default"}
    # A resumed run that asks nothing does not look at its models, and forgets nothing.
    script(endpoint)
    await run_stage(detect, state)
    await load_run_of(request.model_copy(update={"config": {}, "until": "detect"}))
    assert seen() == {"default"}
