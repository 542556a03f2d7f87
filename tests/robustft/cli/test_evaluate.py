"""Held-out data are measured with and without an adapter."""

import json
from pathlib import Path

import pytest

from tests.support.cases import command
from tests.support.commands import ROWS, write_config, write_rows
from tests.support.endpoint import Endpoint


@pytest.mark.parametrize("adapter", ["nowhere", ".", "weightless"])
def test_evaluate_refuses_a_folder_that_is_no_adapter(
    adapter: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("weightless").mkdir()
    Path("weightless", "adapter_config.json").write_text("{}")
    config = write_config(Path("my.yaml"), endpoint.url)
    test = write_rows(Path("test.jsonl"), ROWS)
    assert command(monkeypatch, "evaluate", config, "--test", test, "--adapter", adapter) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"robustft: {adapter}: holds no PEFT adapter")
    assert endpoint.requests == []


def test_what_was_measured_is_printed_as_json(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = f"{{provider: vllm, name: scripted, base_url: '{endpoint.url}'}}"
    Path("my.yaml").write_text(f"models: {{default: {served}}}\n")
    rows = [{"prompt": f"Capital of France, {at}?", "completion": "Paris"} for at in range(3)]
    test = write_rows(Path("test.jsonl"), [*rows, {"prompt": "Capital of Italy?", "completion": "Rome"}])
    assert command(monkeypatch, "evaluate", "my.yaml", "--test", test) == 0
    told = capsys.readouterr()
    interval = pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert json.loads(told.out) == {"n": 4, "untuned": 0.75, "intervals": {"untuned": interval}}
    assert "4/4" in told.err


def test_held_out_data_are_read_in_published_columns_and_in_those_that_the_config_names(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = f"{{provider: vllm, name: scripted, base_url: '{endpoint.url}'}}"
    Path("my.yaml").write_text(
        f"models: {{default: {served}}}\ndata: {{columns: {{prompt: asked, response: said}}}}\n"
    )
    own = write_rows(Path("own.jsonl"), [{"asked": "Capital?", "said": "Paris"}, {"asked": "?", "said": "x"}])
    passage = {"context": "Paris is in France.", "question": "Which city?"}
    hub = write_rows(Path("hub.jsonl"), [{**passage, "id": "a", "answers": {"text": ["Rome", "Paris"]}}])
    for test, figures in ((own, {"n": 2, "untuned": 0.5}), (hub, {"n": 1, "untuned": 1.0})):
        assert command(monkeypatch, "evaluate", "my.yaml", "--test", test) == 0
        assert json.loads(capsys.readouterr().out).items() >= figures.items()
    assert "Paris is in France." in endpoint.texts()[-1]
