"""The pools of models that are closed."""

import pytest

from agents.models.pool import ModelPool


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[ModelPool]:
    """The pools that were closed from here on."""
    found: list[ModelPool] = []
    close = ModelPool.close

    async def noting(self: ModelPool, **options: bool) -> None:
        if not options:
            found.append(self)
        await close(self, **options)

    monkeypatch.setattr(ModelPool, "close", noting)
    return found
