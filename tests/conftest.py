"""Fixtures that several folders' tests share."""

from collections.abc import Iterator

import pytest

from stores.encoder import EncoderConfig, load_encoder
from tests.support.endpoint import Endpoint

# What a slow test may take, with the model that it loads and the server that it starts.
SLOW_SECONDS = 1200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time, and begin with the files that have some: two processes end together then."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def serving() -> Iterator[Endpoint]:
    """An endpoint that the tests of a file share."""
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

        def embed_evenly(self, texts: list[str]) -> list[list[float]]:
            asked.extend(texts)
            return encoder.embed_evenly(texts)

        def count_longer(self, texts: list[str]) -> int:
            return encoder.count_longer(texts)

    monkeypatch.setattr("stores.vectors.load_encoder", lambda config: Noting())
    return asked
