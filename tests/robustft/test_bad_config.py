"""A wrong config ends the command with 2 and one message that says what and where, and writes nothing."""

import os
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from graph.config.run import ConfigError, RunConfig, parse_config
from robustft import load_config
from robustft.cli import main
from tests.support.endpoint import Endpoint

DATA = '{"id": "a", "prompt": "What is the capital of France?", "completion": "Paris"}\n'


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.jsonl").write_text(DATA)
    monkeypatch.chdir(tmp_path)


def refusal(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one message of a command that refuses its config with 2 and leaves the folder as it was."""
    before = sorted(Path().rglob("*"))
    monkeypatch.setattr(sys, "argv", ["robustft", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()
    assert stop.value.code == 2
    assert told.out == ""
    assert told.err.startswith("robustft: ")
    assert told.err.count("\n") == 1, told.err
    assert "Traceback" not in told.err
    assert sorted(Path().rglob("*")) == before
    return told.err


def refusal_of(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *settings: str
) -> str:
    Path("my.yaml").write_text(text, encoding="utf-8")
    changes = [part for setting in settings for part in ("--set", setting)]
    message = refusal(["run", "my.yaml", "--out", "run", *changes], monkeypatch, capsys)
    return message.removeprefix("robustft: ").strip()


def test_a_missing_config_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal(["run", "nowhere.yaml", "--out", "run"], monkeypatch, capsys)
    assert "nowhere.yaml: no such config file" in message


def test_a_folder_is_no_config_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder.yaml").mkdir()
    assert "folder.yaml: " in refusal(["run", "folder.yaml", "--out", "run"], monkeypatch, capsys)


def test_the_line_that_is_not_yaml_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of("run:\n  seed: 1\nmodels: {default: [}\n", monkeypatch, capsys)
    assert message.startswith("my.yaml, line 3: ")


def test_a_config_that_is_not_utf8_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.yaml").write_bytes(b"data: {train: caf\xe9.jsonl}\n")
    message = refusal(["run", "my.yaml", "--out", "run"], monkeypatch, capsys)
    assert "my.yaml: is not UTF-8" in message


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "7\n"])
def test_a_config_without_keys_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of(text, monkeypatch, capsys)
    assert message.startswith("my.yaml: ")
    assert "mapping" in message


@pytest.mark.parametrize(
    ("text", "place", "near"),
    [
        ("modles: {}\n", "'modles'", "'models'"),
        ("run: {concurency: 3}\n", "'run.concurency'", "'concurrency'"),
        ("agents: {reasoner: {promt: x}}\n", "'agents.reasoner.promt'", "'prompt'"),
        ("agents: {chekcer: {}}\n", "'agents.chekcer'", "'checker'"),
        ("training: {lora: {alfa: 2}}\n", "'training.lora.alfa'", "'alpha'"),
        ("models: {a: {provider: openai, name: x, base_ulr: y}}\n", "'models.a.base_ulr'", "'base_url'"),
        ("models: {a: {provider: embedded, dtpye: y}}\n", "'models.a.dtpye'", "'dtype'"),
    ],
)
def test_an_unknown_key_is_named_with_the_near_one(
    text: str, place: str, near: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of(text, monkeypatch, capsys)
    assert message.startswith("my.yaml: unknown key")
    assert place in message
    assert f"did you mean {near}?" in message


@pytest.mark.parametrize(
    ("text", "place", "given"),
    [
        ("run: {concurrency: many}\n", "run.concurrency", "'many'"),
        ("run: {concurrency: 0}\n", "run.concurrency", "0"),
        ("selection: {keep: 1.5}\n", "selection.keep", "1.5"),
        ("run: 5\n", "run", "5"),
        ("run: {max_failed: .nan}\n", "run.max_failed", "nan"),
        ("agents: {base: {temperature: -1}}\n", "agents.base.temperature", "-1"),
        ("agents: {base: {temperature: .inf}}\n", "agents.base.temperature", "inf"),
        ("agents: {checker: {policy: strict}}\n", "agents.checker.policy", "'strict'"),
        ("training: {learning_rate: fast}\n", "training.learning_rate", "'fast'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    text: str, place: str, given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of(text, monkeypatch, capsys)
    assert message.startswith(f"my.yaml: {place}: ")
    assert f"(given: {given})" in message


@pytest.mark.parametrize("value", ["inf", "nan", ".inf", ".nan"])
@pytest.mark.parametrize(
    "place",
    [
        "training.epochs",
        "training.learning_rate",
        "training.lora.dropout",
        "selection.keep",
        "agents.base.temperature",
        "agents.checker.threshold",
        "models.remote.timeout",
        "models.server.timeout",
        "models.server.start_timeout",
    ],
)
def test_a_number_that_is_not_finite_is_refused(
    place: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = "default: {provider: embedded}, remote: {provider: openai, name: x}, server: {provider: vllm}"
    message = refusal_of(f"models: {{{models}}}\n", monkeypatch, capsys, f"{place}={value}")
    assert message.startswith(f"--set {place}={value}: ")


LARGEST = {
    "run.seed": 2**32 - 1,
    "run.concurrency": 10_000,
    "run.patience": 30 * 86_400,
    "data.limit": 10**9,
    "agents.base.temperature": 100,
    "agents.base.max_tokens": 10_000_000,
    "agents.reasoner.max_reflections": 100,
    "agents.relabeler.neighbours": 1000,
    "encoder.batch_size": 65_536,
    "training.epochs": 10_000,
    "training.batch_size": 65_536,
    "training.max_length": 10_000_000,
    "training.max_grad_norm": 10**30,
    "training.lora.r": 16_384,
    "training.lora.alpha": 1_000_000,
    "models.remote.timeout": 86_400,
    "models.server.timeout": 86_400,
    "models.server.start_timeout": 86_400,
    "models.default.batch_size": 65_536,
}


@pytest.mark.parametrize("place", LARGEST)
def test_a_number_beyond_its_bound_is_refused_with_the_bound(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = "default: {provider: embedded}, remote: {provider: openai, name: x}, server: {provider: vllm}"
    text, largest = f"models: {{{models}}}\n", LARGEST[place]
    message = refusal_of(text, monkeypatch, capsys, f"{place}={2 * largest}")
    assert message.startswith(f"--set {place}={2 * largest}: Input should be less than")
    load_config(Path("my.yaml"), [f"{place}={largest}"])


def kinds_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in typing.get_args(annotation):
        yield from kinds_in(inner)


def unbounded(model: Any, place: str = "") -> Iterator[str]:
    """Yield the numbers of a settings model that nothing bounds from above."""
    for name, field in model.model_fields.items():
        for kind in kinds_in(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from unbounded(kind, f"{place}{name}.")
            elif kind in (int, float) and not re.search(
                r"\b(Le|Lt)\(", f"{field.annotation} {field.metadata}"
            ):
                yield place + name


def test_every_number_of_a_config_is_bounded_from_above() -> None:
    assert set(unbounded(RunConfig)) == set()

    class Loose(BaseModel):
        inner: dict[str, int | None] = {}

    assert list(unbounded(Loose)) == ["inner"]


@pytest.mark.parametrize("host", ["a..b", "a" * 64, ".".join(["a" * 60] * 5), "\udcff"])
def test_a_host_that_no_name_can_be_is_refused(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"models\.a\.base_url: "):
        parse_config({"models": {"a": {"provider": "openai", "name": "x", "base_url": f"http://{host}/v1"}}})


@pytest.mark.parametrize("value", ["99999999999999999999", ".nan", "{1: 2}", "[" * 20 + "]" * 20])
def test_a_field_of_a_request_that_is_no_json_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = f"{{provider: openai, name: x, extra_body: {{x: {value}}}}}"
    message = refusal_of(f"models: {{a: {model}}}\n", monkeypatch, capsys)
    assert message.startswith("my.yaml: models.a.extra_body: ")


@pytest.mark.parametrize("value", ["0b_", "!!int abc", "9" * 5000, "[" * 5000])
def test_a_value_that_python_cannot_read_is_told_in_the_file_and_in_a_setting(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal_of(f"run: {{seed: {value}}}\n", monkeypatch, capsys).startswith("my.yaml")
    message = refusal_of("run: {seed: 1}\n", monkeypatch, capsys, f"run.seed={value}")
    assert message.startswith("--set run.seed=")
    assert len(message) < 500


def test_a_config_that_is_a_pipe_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe.yaml")
    message = refusal(["run", "pipe.yaml", "--out", "run"], monkeypatch, capsys)
    assert "pipe.yaml: is no plain file" in message


def test_a_key_that_is_no_text_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal_of("1: 2\n", monkeypatch, capsys).startswith("my.yaml: ")


@pytest.mark.parametrize("place", ["agents.judge.model", "agents.checker.model", "training.model"])
def test_an_unknown_model_is_named_with_the_near_one(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = place.replace("judge", "reviewer")
    text = "models: {default: {provider: embedded}, judge: {provider: embedded}}\n"
    message = refusal_of(text, monkeypatch, capsys, f"{place}=jugde")
    assert message == f"--set {place}=jugde: no model 'jugde' in models; did you mean 'judge'?"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{provider: opanai, name: x}", "no provider 'opanai'; one of embedded, openai, vllm"),
        ("{name: x}", "provider is missing; one of embedded, openai, vllm"),
        ("x", "Input should be a valid dictionary"),
    ],
)
def test_a_wrong_provider_is_told_with_the_known_ones(
    entry: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of(f"models: {{default: {entry}}}\n", monkeypatch, capsys)
    assert message.startswith(f"my.yaml: models.default: {told}")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("run: {seed: 1}\nselection: {}\nrun: {seed: 2}\n", 3, "run"),
        ("agents:\n  base:\n    max_tokens: 1\n    max_tokens: 2\n", 4, "max_tokens"),
        ("run: {seed: 1, 'seed': 2}\n", 1, "seed"),
    ],
)
def test_a_key_that_is_given_twice_is_named_with_its_line(
    text: str, line: int, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of(text, monkeypatch, capsys)
    assert message == f"my.yaml, line {line}: '{key}' is given twice; take one out"


def test_a_key_may_take_the_place_of_a_merged_one() -> None:
    text = "models: {a: &a {provider: openai, name: x}, default: {<<: *a, name: y}, b: {<<: *a}}\n"
    Path("my.yaml").write_text(text)
    assert [model.name for model in load_config(Path("my.yaml")).models.values()] == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("selection.keep", "key.path=value"),
        ("=0.4", "key.path=value"),
        ("run.seed.x=1", "run.seed holds no keys"),
        ("selection.kep=0.4", "did you mean 'keep'?"),
        ("slection.keep=0.4", "did you mean 'selection'?"),
        ("selection.keep=[", "not YAML"),
        ("selection={keep: 1, keep: 0}", "'keep' is given twice"),
        ("selection.keep=most", "selection.keep=most: Input should be"),
        ("selection={keep: most}", "selection={keep: most}: selection.keep: Input should be"),
        ("models.new.name=x", "models.new.name=x: models.new: provider is missing"),
        ("models.new={provider: openai}", "models.new.name: Field required"),
        ("selection..keep=0.4", "selection"),
    ],
)
def test_a_bad_set_is_told(
    setting: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of("run: {seed: 1}\n", monkeypatch, capsys, setting)
    assert message.startswith(f"--set {setting}: ")
    assert told in message


def test_a_setting_is_not_blamed_for_what_the_file_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "selection: {keep: most}\n"
    message = refusal_of(text, monkeypatch, capsys, "selection.policy=x", "run.seed=2")
    assert message.startswith("my.yaml: selection.keep: Input should be")


def test_a_setting_that_may_hold_a_password_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = "{provider: openai, name: x}"
    address = "models.a.base_url=http://me:secret@127.0.0.1/v1"
    message = refusal_of(f"models: {{a: {model}}}\n", monkeypatch, capsys, address)
    assert message.startswith("--set models.a.base_url: holds a user name or password")
    assert "secret" not in message


def test_an_encoder_that_is_not_there_is_named_as_the_encoder(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = f"{{provider: openai, name: scripted, base_url: {endpoint.url}}}"
    text = f"models: {{default: {model}, tuned: {{provider: embedded}}}}\ndata: {{train: train.jsonl}}\n"
    settings = ("training.model=tuned", "encoder.name=/nope")
    message = refusal_of(text, monkeypatch, capsys, *settings)
    assert message.startswith("encoder.name: model '/nope': no such folder")
    assert endpoint.requests == []


def test_a_run_without_training_data_is_told_how_to_name_some(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal_of("run: {seed: 1}\n", monkeypatch, capsys)
    assert message.startswith("data.train: ")
    assert "--data" in message


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (None, ("prompt 'mine.md'", "base")),
        ("{{ question }}\n{{ lable }}\n", ("mine.md", "'lable'")),
        ("", ("mine.md", "does not use {{ prompt }} or {{ question }}")),
        ("{{ question }}\n\n{% if %}\n", ("mine.md, line 3",)),
        ("{{ question }}\n{% for x in options %}\n", ("mine.md, line ",)),
    ],
)
@pytest.mark.parametrize("agent", ["base", "reasoner", "checker", "relabeler", "reviewer"])
def test_a_bad_prompt_file_is_named_before_any_request(
    agent: str,
    prompt: str | None,
    told: tuple[str, ...],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if prompt is not None:
        Path("mine.md").write_text(prompt)
    config = {
        "data": {"train": "train.jsonl"},
        "models": {"default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url}},
        "agents": {agent: {"prompt": "mine.md"}},
    }
    message = refusal_of(yaml.safe_dump(config), monkeypatch, capsys)
    assert all(part in message for part in told), message
    assert endpoint.requests == []


def test_a_bad_prompt_leaves_no_new_parent_folder_behind(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = f"{{provider: openai, name: scripted, base_url: {endpoint.url}}}"
    Path("my.yaml").write_text(f"models: {{default: {model}}}\nagents: {{base: {{prompt: nowhere}}}}\n")
    arguments = ["run", "my.yaml", "--data", "train.jsonl", "--out", "new/parent/run"]
    assert "'nowhere'" in refusal(arguments, monkeypatch, capsys)


@pytest.mark.parametrize("command", [["doctor"], ["evaluate", "--test", "train.jsonl"], ["run"]])
def test_every_command_with_a_config_refuses_a_bad_one(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.yaml").write_text("selction: {}\n")
    message = refusal([command[0], "my.yaml", *command[1:]], monkeypatch, capsys)
    assert "did you mean 'selection'?" in message
