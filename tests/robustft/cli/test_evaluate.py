"""Held-out data are measured with and without an adapter."""

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
