"""What doctor says of a config: a line for each thing that a run needs, and whether all is well."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from graph.config.run import RunConfig, parse_config
from robustft.doctor import examine
from robustft.terminal import Terminal
from tests.support.endpoint import Endpoint
from tests.support.fake_vllm import FakeVLLM


def config(endpoint: Endpoint, **sections: Any) -> RunConfig:
    judge = {"provider": "openai", "name": "scripted", "base_url": endpoint.url}
    # Its tokenizer is here; it is not loaded to be asked.
    models = {"default": judge, "tuned": {"provider": "embedded"}}
    return parse_config({"models": models, "training": {"model": "tuned"}, **sections})


async def told_of(config: RunConfig) -> tuple[bool, dict[str, str]]:
    """Return whether all is well, and the lines by what they are about, each with its mark."""
    file = io.StringIO()
    well = await examine(config, Terminal(file=file, width=60))
    # The first sample follows, on lines of its own.
    lines = [line for line in file.getvalue().splitlines() if line[0] in "✓✗"]
    return well, {line[2:].partition(":")[0]: line[0] + line.partition(":")[2] for line in lines}


async def test_all_is_well_where_everything_is_there(endpoint: Endpoint, tmp_path: Path) -> None:
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text(json.dumps({"prompt": "Capital of Peru?", "completion": "Lima"}))
    test.write_text(json.dumps({"prompt": "Which?", "completion": "A", "options": ["dog", "oak"]}))
    well, lines = await told_of(config(endpoint, data={"train": str(train), "test": str(test)}))
    assert well, lines
    assert {line[0] for line in lines.values()} == {"✓"}
    assert "384 dimensions" in lines["encoder"]
    assert lines["data.train"].endswith(
        "train.jsonl: 1 sample; the first row reads as an open question; "
        "the first sample, as the agents are asked it:"
    )
    assert lines["data.test"].endswith(
        "test.jsonl: 1 sample; the first row reads as a multiple choice question"
    )
    assert "default answers (scripted)" in lines["models"]


async def test_everything_that_is_wrong_is_told_and_not_the_first_alone(endpoint: Endpoint) -> None:
    endpoint.status = 401
    sections = {"data": {"train": "/no/such.jsonl"}, "encoder": {"name": "/no/such/encoder"}}
    well, lines = await told_of(config(endpoint, **sections))
    assert not well
    wrong = {name for name, line in lines.items() if line[0] == "✗"}
    assert wrong == {"models", "encoder", "data.train"}
    assert "API key" in lines["models"]
    assert "/no/such.jsonl" in lines["data.train"]


async def test_what_an_endpoint_says_is_printed_as_text_alone(endpoint: Endpoint) -> None:
    endpoint.status = 400
    endpoint.body = json.dumps({"error": "[/red] [bold]loud\x1b[2J"}).encode()
    well, lines = await told_of(config(endpoint))
    assert not well
    assert "[/red] [bold]loud\ufffd[2J" in lines["models"]


async def test_a_server_of_ours_is_described_and_not_started(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vllm = FakeVLLM(tmp_path / "vllm")
    models = {
        "default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url},
        "tuned": {"provider": "vllm", "python": str(vllm.python)},
    }
    well, lines = await told_of(config(endpoint, models=models))
    assert well, lines
    assert f"models.tuned would be started by: {vllm.python}" in lines["server"]
    assert vllm.starts() == []


async def test_a_trusted_file_is_read_beside_its_data(endpoint: Endpoint, tmp_path: Path) -> None:
    train, trusted = tmp_path / "train.jsonl", tmp_path / "trusted.jsonl"
    train.write_text(json.dumps({"id": "a", "prompt": "Capital of Peru?", "completion": "Lima"}))
    trusted.write_text(json.dumps({"id": "a", "response": "Lima"}))
    data = {"train": str(train), "trusted": str(trusted)}
    _, lines = await told_of(config(endpoint, data=data))
    assert lines["data.trusted"] == "✓ trusted.jsonl: vouches for 1 response"
    trusted.write_text(json.dumps({"id": "b", "response": "Lima"}))
    well, lines = await told_of(config(endpoint, data=data))
    assert not well
    assert "no sample has the id 'b'" in lines["data.trusted"]


async def test_a_guard_set_and_other_wordings_are_read_beside_the_test_samples(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    rows = {
        "test": {"id": "a", "prompt": "Capital of Peru?", "completion": "Lima"},
        "guard": {"prompt": "How much is 2 and 2?", "completion": "4"},
        "paraphrases": {"id": "a", "prompt": "Which city is the capital of Peru?"},
    }
    data = {name: str(tmp_path / f"{name}.jsonl") for name in rows}
    for name, row in rows.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    _, lines = await told_of(config(endpoint, data=data))
    assert lines["data.guard"].startswith("✓ guard.jsonl: 1 sample;")
    assert lines["data.paraphrases"] == "✓ paraphrases.jsonl: 1 wording of 1 sample"
    (tmp_path / "paraphrases.jsonl").write_text(json.dumps({"id": "b", "prompt": "Which?"}))
    well, lines = await told_of(config(endpoint, data=data))
    assert not well
    assert "no test sample has the id 'b'" in lines["data.paraphrases"]


async def test_what_training_takes_is_said_and_arguments_that_cannot_be_used_are_refused(
    endpoint: Endpoint,
) -> None:
    _, lines = await told_of(config(endpoint))
    assert re.search(
        r"training takes about \d\.\d GiB at its peak .* GiB of \w+ are free", lines["training.model"]
    )
    training = {"model": "tuned", "args": {"learning_rat": 1}}
    well, lines = await told_of(config(endpoint, training=training))
    assert not well
    assert lines["training.model"].startswith(
        "✗ training.args.learning_rat: trl's SFTConfig has no such field"
    )
    assert "for learning_rate, use training.learning_rate" in lines["training.model"]
