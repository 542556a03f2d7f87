"""Fixtures that several folders' tests share."""

from collections.abc import Iterator

import pytest

from stores.encoder import EncoderConfig, load_encoder
from tests.support.endpoint import Endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.stop()


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that a run's encoder is asked to encode from here on, as often as it is."""
    encoder = load_encoder(EncoderConfig())
    asked: list[str] = []

    class Noting:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            asked.extend(texts)
            return encoder.embed_documents(texts)

    monkeypatch.setattr("stores.vectors.load_encoder", lambda config: Noting())
    return asked
